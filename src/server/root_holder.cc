#include "server/root_holder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace tenantseal::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kPrefix = "serving-";
constexpr std::string_view kSuffix = ".lock";
constexpr std::size_t kFileBytesMax = 16 << 10;

// The same for everybody on this machine, empty for a root that is not from a file.
std::string FileOf(const kms::RootSource& source) {
  if (source.kind != kms::RootSource::Kind::kFile) return "";
  std::error_code error;
  const fs::path path = fs::weakly_canonical(source.path, error);
  return error ? source.path : path.string();
}

// Of processes that live; others' are removed.
Result<std::vector<std::string>> LockedFiles(const std::string& data_dir) {
  std::vector<std::string> locked;
  std::error_code error;
  fs::directory_iterator entries(data_dir, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const std::string name = entries->path().filename().string();
    if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) continue;
    const std::string path = entries->path().string();
    const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid() && errno == ENOENT) continue;  // It ended just now.
    if (!fd.valid()) return base::FileError("open", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
      ::unlink(path.c_str());
    } else {
      locked.push_back(path);
    }
  }
  if (error) return Internal("cannot list " + data_dir + ": " + error.message());
  return locked;
}

// Where a file that is no JSON says nothing, the process counts as one without any root.
json Described(const std::string& path) {
  const auto text = base::ReadFile(path, kFileBytesMax);
  json out = text ? json::parse(text->RevealText(), nullptr, /*allow_exceptions=*/false) : json();
  return out.is_object() ? out : json::object();
}

std::string TextOf(const json& described, const char* name) {
  const auto found = described.find(name);
  return found != described.end() && found->is_string() ? found->get<std::string>() : "";
}

bool Holds(const json& described, std::string_view id) {
  const auto roots = described.find("roots");
  return roots != described.end() && roots->is_array() &&
         std::find(roots->begin(), roots->end(), id) != roots->end();
}

}  // namespace

Result<RootHolder> RootHolder::Register(const std::string& data_dir, const kms::RootSource& source,
                                        const kms::RootKeys& roots) {
  TS_RETURN_IF_ERROR(LockedFiles(data_dir));
  std::string path = data_dir + "/" + std::string(kPrefix) + "XXXXXX" + std::string(kSuffix);
  base::UniqueFd fd(::mkostemps(path.data(), static_cast<int>(kSuffix.size()), O_CLOEXEC));
  if (!fd.valid()) return base::FileError("create", path);
  RootHolder holder(path, std::move(fd));
  json described = {{"process", ::getpid()}, {"source", source.origin}, {"file", FileOf(source)}};
  for (const kms::RootKeys::Entry& entry : roots.entries())
    described["roots"].push_back(entry.root.id());
  const std::string text =
      described.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  if (::flock(holder.fd_.get(), LOCK_EX | LOCK_NB) != 0) return base::FileError("lock", path);
  const ssize_t written = ::write(holder.fd_.get(), text.data(), text.size());
  if (written < 0) return base::FileError("write", path);
  if (static_cast<std::size_t>(written) != text.size())
    return Internal("cannot write " + path + " whole");
  return holder;
}

RootHolder::~RootHolder() { Unregister(); }
RootHolder::RootHolder(RootHolder&& other) noexcept
    : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}
RootHolder& RootHolder::operator=(RootHolder&& other) noexcept {
  Unregister();
  path_ = std::exchange(other.path_, {});
  fd_ = std::move(other.fd_);
  return *this;
}

void RootHolder::Unregister() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<std::vector<std::string>> ProcessesWithoutRoot(const std::string& data_dir,
                                                      const kms::RootSource& source,
                                                      std::string_view id) {
  TS_ASSIGN_OR_RETURN(const auto files, LockedFiles(data_dir));
  std::vector<std::string> out;
  for (const std::string& path : files) {
    const json described = Described(path);
    const std::string file = TextOf(described, "file");
    if ((!file.empty() && file == FileOf(source)) || Holds(described, id)) continue;
    out.push_back("process " + described.value("process", json()).dump() + " (its root is from " +
                  TextOf(described, "source") + ")");
  }
  return out;
}

}  // namespace tenantseal::server
