#include "events/head_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "base/encoding.h"
#include "base/file.h"
#include "base/log.h"

namespace tenantseal::events {
namespace {

constexpr std::size_t kHeadsPerRead = 1000;
constexpr std::size_t kEventsPerRead = 1000;

// Appends all or nothing. What a crash has left of a line is removed first.
Result<void> AppendLines(const std::string& path, const std::string& lines) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return base::FileError("open", path);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return base::FileError("lock", path);
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return base::FileError("read", path);
  off_t end = info.st_size;
  for (char last = 0; end > 0; --end) {
    if (::pread(fd.get(), &last, 1, end - 1) != 1) return base::FileError("read", path);
    if (last == '\n') break;
  }
  if (end != info.st_size && ::ftruncate(fd.get(), end) != 0) return base::FileError("mend", path);
  const ssize_t written = ::pwrite(fd.get(), lines.data(), lines.size(), end);
  if (written == static_cast<ssize_t>(lines.size()) && ::fdatasync(fd.get()) == 0)
    return info.st_size == 0 ? base::SyncParentDirectory(path) : Result<void>();
  if (written >= 0 && written < static_cast<ssize_t>(lines.size())) errno = ENOSPC;
  const Error error = base::FileError("write", path);
  if (::ftruncate(fd.get(), end) != 0) return base::FileError("mend", path);
  return error;
}

}  // namespace

std::string HeadsFile(const std::string& data_dir) { return data_dir + "/event-heads.jsonl"; }
std::string HeadKeyFile(const std::string& data_dir) { return data_dir + "/event-heads.pub"; }

Result<std::unique_ptr<HeadWriter>> HeadWriter::Open(const store::Store& store,
                                                     const base::Clock& clock, base::Secret256 seed,
                                                     std::string deployment,
                                                     const std::string& data_dir) {
  const std::string key = SerializePublicKey(crypto::Ed25519Public(seed));
  const std::string key_file = HeadKeyFile(data_dir);
  const auto present = base::ReadFile(key_file, 1024);
  if (!present || present->RevealText() != key)
    TS_RETURN_IF_ERROR(base::WriteFileAtomically(key_file, base::AsBytes(key)));
  std::unique_ptr<HeadWriter> writer(
      new HeadWriter(store, clock, std::move(seed), std::move(deployment), HeadsFile(data_dir)));
  TS_RETURN_IF_ERROR(writer->ReadSigned());
  return writer;
}

Result<void> HeadWriter::ReadSigned() {
  if (!base::FileExists(path_)) return {};
  std::ifstream file(path_);
  if (!file) return base::FileError("open", path_);
  const crypto::Ed25519PublicKey key = crypto::Ed25519Public(seed_);
  std::uint64_t strange = 0;
  for (std::string line; std::getline(file, line);) {
    if (file.eof()) break;  // Cut off by a crash.
    const Result<SignedHead> head = ParseHead(line);
    if (!head || head->deployment != deployment_ || !head->SignedBy(key)) {
      ++strange;
      continue;
    }
    store::EventHead& last = signed_[head->head.scope];
    if (head->head.sequence > last.sequence) last = head->head;
  }
  if (strange > 0)
    base::LogError("lines that are not signed event heads of this deployment are passed over",
                   {{"file", path_}, {"lines", strange}});
  return {};
}

Result<std::vector<store::EventHead>> HeadWriter::Changed() const {
  std::vector<store::EventHead> changed;
  std::string after;
  for (;;) {
    TS_ASSIGN_OR_RETURN(const auto heads, store_.ListEventHeads(after, kHeadsPerRead));
    for (const store::EventHead& head : heads) {
      const auto last = signed_.find(head.scope);
      if (last == signed_.end() || last->second.sequence != head.sequence ||
          last->second.hash != head.hash)
        changed.push_back(head);
    }
    if (heads.size() < kHeadsPerRead) return changed;
    after = heads.back().scope.text();
  }
}

Result<void> HeadWriter::SignDue() {
  TS_ASSIGN_OR_RETURN(const auto changed, Changed());
  std::uint64_t events = 0;
  for (const store::EventHead& head : changed) {
    if (alarmed_.contains(head.scope)) continue;
    const auto last = signed_.find(head.scope);
    const std::uint64_t before = last == signed_.end() ? 0 : last->second.sequence;
    events += head.sequence > before ? head.sequence - before : kEventsMax;  // Went back: at once.
  }
  const base::BootTime now = clock_.Boot();
  if (events == 0) {
    waiting_since_.reset();
    return {};
  }
  if (!waiting_since_) waiting_since_ = now;
  if (events < kEventsMax && now - *waiting_since_ < kDelayMax) return {};
  return Sign(changed);
}

Result<void> HeadWriter::SignNow() {
  TS_ASSIGN_OR_RETURN(const auto changed, Changed());
  return Sign(changed);
}

Result<void> HeadWriter::Sign(const std::vector<store::EventHead>& changed) {
  std::vector<SignedHead> heads;
  std::string lines;
  for (const store::EventHead& head : changed) {
    if (alarmed_.contains(head.scope)) continue;
    const Result<store::EventHead> end = WalkTo(head);
    if (!end && end.error().code == ErrorCode::kIntegrity) {
      Alarm(head.scope, end.error());
      continue;
    }
    if (!end) return Error(end.error());
    heads.push_back(SignHead(seed_, deployment_, *end, clock_.Utc()));
    lines += SerializeHead(heads.back()) + "\n";
  }
  if (!heads.empty()) TS_RETURN_IF_ERROR(AppendLines(path_, lines));
  waiting_since_.reset();
  for (const SignedHead& head : heads) {
    signed_[head.head.scope] = head.head;
    base::LogInfo("event head", {{"scope", head.head.scope.text()},
                                 {"sequence", head.head.sequence},
                                 {"hash", base::HexEncode(head.head.hash)},
                                 {"signed_at", base::FormatUtc(head.signed_at)},
                                 {"signature", base::Base64Encode(head.signature)}});
  }
  return {};
}

Result<store::EventHead> HeadWriter::WalkTo(const store::EventHead& head) const {
  store::EventHead at{head.scope, 0, {}};
  if (const auto last = signed_.find(head.scope); last != signed_.end()) at = last->second;
  if (head.sequence < at.sequence)
    return IntegrityError("The chain ends at event " + std::to_string(head.sequence) +
                          ", but event " + std::to_string(at.sequence) + " was signed.");
  for (;;) {
    // The first read begins with the event signed last, which must still be what it was.
    const std::uint64_t after = at.sequence == 0 ? 0 : at.sequence - 1;
    TS_ASSIGN_OR_RETURN(const auto events, store_.ListEvents(head.scope, after, kEventsPerRead));
    if (events.empty() || (at.sequence > 0 && events.front().hash != at.hash))
      return IntegrityError("Event " + std::to_string(at.sequence) + " is not what was signed.");
    at.sequence = events.back().sequence;
    at.hash = events.back().hash;
    if (events.size() < kEventsPerRead) return at;
  }
}

void HeadWriter::Alarm(const model::Scope& scope, const Error& error) {
  alarmed_.insert(scope);
  base::LogError("an event chain is not what was signed; its heads are not signed any more",
                 {{"scope", scope.text()}, {"reason", error.message}, {"file", path_}});
}

}  // namespace tenantseal::events
