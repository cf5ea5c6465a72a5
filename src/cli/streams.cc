#include "cli/streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cerrno>

#include "cli/progress.h"
#include "sdk/fd_io.h"
#include "sdk/message.h"

namespace tenantseal::cli {

ReadFunction InterruptibleRead(int fd) {
  return [fd](MutableBytes out) -> Result<std::size_t> {
    std::size_t have = 0;
    while (have < out.size()) {
      if (Interrupted()) return sdk::Interrupted();
      const ssize_t n = ::read(fd, out.data() + have, out.size() - have);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sdk::LocalFileError("read", "the input");
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    return have;
  };
}

bool IsStream(const std::string& path) {
  if (path == kStandard) return true;
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

Result<void> RefuseInputAsOutput(const std::string& input, const std::string& output) {
  struct stat in {
  }, out{};
  const bool there =
      (input == kStandard ? ::fstat(STDIN_FILENO, &in) : ::stat(input.c_str(), &in)) == 0 &&
      (output == kStandard ? ::fstat(STDOUT_FILENO, &out) : ::stat(output.c_str(), &out)) == 0;
  // A terminal or /dev/null may well be both.
  if (!there || !(S_ISREG(in.st_mode) || S_ISBLK(in.st_mode))) return {};
  if (in.st_dev != out.st_dev || in.st_ino != out.st_ino) return {};
  const std::string name = output == kStandard ? "Standard output" : output;
  return InvalidArgument("output", name + " is the input itself; give another --output OUT.");
}

CLI::Option* AddOutputOption(CLI::App& command, std::string& output, const std::string& help) {
  const auto check = [](const std::string& text) {
    return text.empty() ? std::string("the name of the output is empty") : std::string();
  };
  return command.add_option("--output,-o", output, help)->type_name("OUT")->check(check);
}

std::string RefuseStandardInput(const std::string& path) {
  if (path != kStandard) return "";
  return "a regular file is needed, not standard input (a file that is called - is ./-)";
}

Result<base::UniqueFd> OpenStreamInput(const std::string& path) {
  base::UniqueFd fd(path == kStandard ? ::dup(STDIN_FILENO)
                                      : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return sdk::LocalFileError("open", path);
  return fd;
}

Result<StreamOutput> StreamOutput::Create(const std::string& path, sdk::OutputFile::Mode mode) {
  StreamOutput out;
  if (!IsStream(path)) {
    TS_ASSIGN_OR_RETURN(out.file_, sdk::OutputFile::Create(path, mode));
    return out;
  }
  out.device_ = base::UniqueFd(path == kStandard ? ::dup(STDOUT_FILENO)
                                                 : ::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!out.device_.valid()) return sdk::LocalFileError("open", path);
  return out;
}

WriteFunction StreamOutput::Writer() const { return WriteTo(file_ ? file_->fd() : device_.get()); }

Result<void> StreamOutput::Commit(bool sync) {
  if (file_) return file_->Commit(sync);
  return {};
}

Result<base::SecretBytes> ReadStandardInput(std::size_t max) {
  base::SecretBytes out(max + 1);
  TS_ASSIGN_OR_RETURN(const std::size_t got, InterruptibleRead(STDIN_FILENO)(out.RevealMutable()));
  if (got > max) {
    return Error{ErrorCode::kTooLarge, "Standard input holds more than " + std::to_string(max) +
                                           " bytes, the most that this command takes: give less."};
  }
  out.Truncate(got);
  return out;
}

}  // namespace tenantseal::cli
