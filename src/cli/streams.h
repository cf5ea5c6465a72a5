// Where content comes from and goes to: a file, or standard input and output.
#pragma once

#include <optional>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "sdk/output_file.h"
#include "tenantseal/content.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tenantseal::cli {

inline constexpr const char* kStandard = "-";

// Reads a descriptor until `out` is full or it ends; an interruption ends it with an error.
ReadFunction InterruptibleRead(int fd);

// Whether `path` is there and is no regular file (a device, a named pipe), so that it is read or
// written as a stream and never replaced.
bool IsStream(const std::string& path);

// kInvalidArgument when `output` is the very file (or block device) that `input` is, under
// whatever name: it would be overwritten by what is made of it. "-" is standard input and standard
// output.
Result<void> RefuseInputAsOutput(const std::string& input, const std::string& output);

// Adds --output, which must not be empty when it is given.
CLI::Option* AddOutputOption(CLI::App& command, std::string& output, const std::string& help);

// Of a FILE that must be a regular one: what is wrong with `path`, or nothing.
std::string RefuseStandardInput(const std::string& path);

// The reading end of a stream: standard input for "-".
Result<base::UniqueFd> OpenStreamInput(const std::string& path);

// The writing end: standard output, a device, or a new file that appears on Commit().
class StreamOutput {
 public:
  static Result<StreamOutput> Create(const std::string& path, sdk::OutputFile::Mode mode);
  WriteFunction Writer() const;
  Result<void> Commit(bool sync);
  bool to_file() const { return file_.has_value(); }

 private:
  std::optional<sdk::OutputFile> file_;
  base::UniqueFd device_;
};

// All of standard input, at most `max` bytes.
Result<base::SecretBytes> ReadStandardInput(std::size_t max);

}  // namespace tenantseal::cli
