#include "cli/editor.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/file.h"

namespace tenantseal::cli {
namespace {

constexpr std::size_t kTextBytesMax = 1 << 20;

std::string Editor() {
  for (const char* name : {"VISUAL", "EDITOR"}) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "vi";
}

class TemporaryFile {
 public:
  // An Error in place of a file whose path() is empty.
  static Result<TemporaryFile> Make(const std::string& text, const std::string& suffix) {
    const char* const directory = std::getenv("TMPDIR");
    TemporaryFile out;
    out.path_ = std::string(directory != nullptr && *directory != '\0' ? directory : "/tmp") +
                "/tenantseal-XXXXXX" + suffix;
    const base::UniqueFd fd(::mkstemps(out.path_.data(), static_cast<int>(suffix.size())));
    if (!fd.valid()) {
      const std::string path = std::exchange(out.path_, "");
      return base::FileError("create", path);
    }
    for (std::string_view rest = text; !rest.empty();) {
      const ssize_t written = ::write(fd.get(), rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return base::FileError("write", out.path_);
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    return out;
  }
  TemporaryFile(TemporaryFile&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

 private:
  TemporaryFile() = default;
  std::string path_;
};

// The editor may be a command with arguments, so a shell splits it. It gets signals back that this
// process ignores.
Result<void> RunEditor(const std::string& path) {
  const std::string editor = Editor();
  std::string script = "exec " + editor + " \"$1\"", shell = "sh", dash_c = "-c", file = path;
  char* const arguments[] = {shell.data(), dash_c.data(), script.data(),
                             shell.data(), file.data(),   nullptr};
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t restored;
  ::sigemptyset(&restored);
  ::sigaddset(&restored, SIGPIPE);
  ::sigaddset(&restored, SIGXFSZ);
  ::posix_spawnattr_setsigdefault(&attributes, &restored);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, "/bin/sh", nullptr, &attributes, arguments, environ);
  ::posix_spawnattr_destroy(&attributes);
  int status = 0;
  if (failed == 0) {
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  if (failed == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Error{ErrorCode::kInternal,
               "The editor \"" + editor +
                   "\" failed, and nothing was changed; set VISUAL or EDITOR to one that works.",
               "file"};
}

}  // namespace

Result<std::string> EditText(const std::string& text, const std::string& suffix) {
  TS_ASSIGN_OR_RETURN(const TemporaryFile file, TemporaryFile::Make(text, suffix));
  TS_RETURN_IF_ERROR(RunEditor(file.path()));
  TS_ASSIGN_OR_RETURN(const base::SecretBytes edited, base::ReadFile(file.path(), kTextBytesMax));
  return std::string(edited.RevealText());
}

}  // namespace tenantseal::cli
