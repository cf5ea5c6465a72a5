#include "kms/internal/root_key.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/encoding.h"
#include "base/file.h"
#include "crypto/kdf.h"
#include "kms/sealed_box.h"

namespace tenantseal::kms {
namespace {

constexpr std::string_view kHeader = "tenantseal-root-keys 1";
constexpr std::size_t kRootTextBytesMax = 16 << 10;
constexpr const char* kVariable = "TENANTSEAL_ROOT_KEY";

Error Malformed(std::string what) {
  return InvalidArgument("root-key", "The root key is not well-formed: " + std::move(what));
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Cuts the text up to `separator` (or all of it) off the front.
std::string_view Cut(std::string_view& text, char separator) {
  const std::size_t at = text.find(separator);
  const std::string_view head = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return head;
}

Result<base::Secret256> ParseKey(std::string_view text) {
  const auto bytes = base::Base64DecodeSecret(text);
  if (!bytes || bytes->size() != 32) {
    return Malformed("a key must be the base64 of 32 bytes (openssl rand -base64 32 makes one).");
  }
  return base::Secret256(bytes->Reveal().first<32>());
}

Result<RootKeys::Entry> ParseLine(std::string_view line, bool* active) {
  std::string_view rest = line;
  if (Cut(rest, ' ') != "key") return Malformed("a line must start with \"key\".");
  const std::string_view id = Cut(rest, ' ');
  const std::string_view state = Cut(rest, ' ');
  const std::string_view created = Cut(rest, ' ');
  *active = state == "active";
  if (!*active && state != "previous") return Malformed("a key's state is active or previous.");
  const auto created_at = base::ParseUtc(created);
  if (!created_at) return Malformed("a key's creation time must look like 2026-01-31T23:59:59Z.");
  TS_ASSIGN_OR_RETURN(base::Secret256 key, ParseKey(Trim(rest)));
  RootKey root(std::move(key));
  if (root.id() != id) {
    return Malformed(
        "the key does not have the id that its line says; the file is damaged, take "
        "it from a backup.");
  }
  return RootKeys::Entry{std::move(root), *created_at};
}

}  // namespace

RootKey::RootKey(base::Secret256 key) : key_(std::move(key)) {
  std::array<std::uint8_t, 12> id{};
  crypto::CounterKdf(key_.Reveal(), "tenantseal root id v1", base::AsBytes("id"), id);
  id_ = base::Base64UrlEncode(id);
}

std::array<std::uint8_t, 32> RootKey::CheckValue() const {
  std::array<std::uint8_t, 32> check{};
  crypto::CounterKdf(key_.Reveal(), "tenantseal root check v1", base::AsBytes(id_), check);
  return check;
}

base::Bytes RootKey::Wrap(std::string_view label, base::ByteSpan associated_data,
                          base::ByteSpan secret, const base::Random& random) const {
  return SealBox(key_, label, associated_data, secret, random);
}

Result<base::SecretBytes> RootKey::Unwrap(std::string_view label, base::ByteSpan associated_data,
                                          base::ByteSpan wrapped) const {
  return OpenBox(key_, label, associated_data, wrapped);
}

base::Secret256 RootKey::DeriveKey(std::string_view label) const {
  base::Secret256 out;
  crypto::CounterKdf(key_.Reveal(), label, base::AsBytes(id_), out.RevealMutable());
  return out;
}

RootKeys RootKeys::Fresh(const base::Random& random, const base::Clock& clock) {
  RootKeys roots;
  roots.AddActive(random, clock);
  return roots;
}

Result<RootKeys> RootKeys::Parse(std::string_view text) {
  RootKeys roots;
  text = Trim(text);
  if (text.empty()) return Malformed("it is empty.");
  if (!text.starts_with("tenantseal-root-keys")) {
    while (!text.empty() && roots.entries_.size() < kRootsMax) {
      TS_ASSIGN_OR_RETURN(base::Secret256 key, ParseKey(Trim(Cut(text, ','))));
      RootKey root(std::move(key));
      if (roots.Find(root.id()) != nullptr) return Malformed("a key stands in it twice.");
      roots.entries_.push_back({std::move(root), base::UtcTime{}});
    }
    if (!text.empty()) return Malformed("there are too many keys.");
    return roots;
  }
  if (Trim(Cut(text, '\n')) != kHeader) {
    return Malformed("its version is not 1; it was written by a newer release, use that one.");
  }
  int actives = 0;
  while (!text.empty()) {
    const std::string_view line = Trim(Cut(text, '\n'));
    if (line.empty() || line.front() == '#') continue;
    if (roots.entries_.size() == kRootsMax) return Malformed("there are too many keys.");
    bool active = false;
    TS_ASSIGN_OR_RETURN(Entry entry, ParseLine(line, &active));
    if (roots.Find(entry.root.id()) != nullptr) return Malformed("a key stands in it twice.");
    actives += active ? 1 : 0;
    roots.entries_.insert(active ? roots.entries_.begin() : roots.entries_.end(), std::move(entry));
  }
  if (actives != 1) return Malformed("exactly one key must be active.");
  return roots;
}

base::SecretBytes RootKeys::Serialize() const {
  std::string plain(kHeader);
  plain +=
      "\n# Whoever has this file and the keystore can read everything; whoever loses it loses\n"
      "# everything. Back it up apart from the database and the keystore. Do not edit it.\n";
  constexpr std::size_t kKeyChars = base::Base64Size(32);
  std::vector<std::string> heads;
  std::size_t size = plain.size();
  for (const Entry& entry : entries_) {
    heads.push_back("key " + entry.root.id() +
                    (&entry == &entries_.front() ? " active " : " previous ") +
                    base::FormatUtc(entry.created_at) + " ");
    size += heads.back().size() + kKeyChars + 1;
  }
  base::SecretBytes out(size);
  char* at = reinterpret_cast<char*>(out.RevealMutable().data());
  at = std::copy(plain.begin(), plain.end(), at);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    at = std::copy(heads[i].begin(), heads[i].end(), at);
    base::Base64EncodeTo(entries_[i].root.key().Reveal(), at);
    at += kKeyChars;
    *at++ = '\n';
  }
  return out;
}

const RootKey* RootKeys::Find(std::string_view id) const {
  for (const Entry& entry : entries_) {
    if (entry.root.id() == id) return &entry.root;
  }
  return nullptr;
}

void RootKeys::AddActive(const base::Random& random, const base::Clock& clock) {
  entries_.insert(entries_.begin(), {RootKey::New(random), clock.Utc()});
}

void RootKeys::DropPrevious() { entries_.erase(entries_.begin() + 1, entries_.end()); }

RootSource RootSource::File(std::string path) {
  RootSource source;
  source.origin = path;
  source.path = std::move(path);
  return source;
}

Result<RootSource> RootSource::Environment() {
  const char* value = std::getenv(kVariable);
  if (value == nullptr) return NotFound(std::string(kVariable) + " is not set");
  RootSource source;
  source.kind = Kind::kText;
  source.origin = kVariable;
  source.text = base::SecretBytes::CopyOf(base::AsBytes(value));
  base::Wipe({reinterpret_cast<std::uint8_t*>(const_cast<char*>(value)), std::strlen(value)});
  ::unsetenv(kVariable);
  return source;
}

Result<RootSource> RootSource::Descriptor(int fd) {
  base::UniqueFd owned(fd);
  RootSource source;
  source.kind = Kind::kText;
  source.origin = "descriptor " + std::to_string(fd);
  base::SecretBytes text(kRootTextBytesMax + 1);
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = ::read(fd, text.RevealMutable().data() + have, text.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      return InvalidArgument("root-key-fd",
                             "cannot read " + source.origin + ": " + std::strerror(errno));
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  if (have > kRootTextBytesMax)
    return InvalidArgument("root-key-fd", source.origin + " holds too much");
  text.Truncate(have);
  source.text = std::move(text);
  return source;
}

RootSource RootSource::Copy() const {
  RootSource copy;
  copy.kind = kind;
  copy.path = path;
  copy.text = base::SecretBytes::CopyOf(text.Reveal());
  copy.origin = origin;
  return copy;
}

Result<RootKeys> LoadRootKeys(const RootSource& source) {
  if (source.kind == RootSource::Kind::kText) return RootKeys::Parse(source.text.RevealText());
  TS_ASSIGN_OR_RETURN(base::SecretBytes text, base::ReadFile(source.path, kRootTextBytesMax));
  TS_RETURN_IF_ERROR(base::RequirePrivateFile(source.path));
  auto roots = RootKeys::Parse(text.RevealText());
  if (!roots) roots.error().message += " (" + source.path + ")";
  return roots;
}

Result<RootKeys> CreateRootFile(const std::string& path, const base::Random& random,
                                const base::Clock& clock) {
  RootKeys roots = RootKeys::Fresh(random, clock);
  TS_RETURN_IF_ERROR(base::CreateFileAtomically(path, roots.Serialize().Reveal()));
  return roots;
}

Result<void> WriteRootFile(const std::string& path, const RootKeys& roots) {
  return base::WriteFileAtomically(path, roots.Serialize().Reveal());
}

}  // namespace tenantseal::kms
