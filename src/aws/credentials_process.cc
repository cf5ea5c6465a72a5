#include "aws/credentials_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>

#include "aws/quote.h"
#include "base/file.h"
#include "net/secret_buffer.h"

extern char** environ;

namespace tenantseal::aws {
namespace {

using SteadyClock = std::chrono::steady_clock;

Error Failed(const std::string& program, const std::string& what) {
  return {ErrorCode::kServiceFault, "The credential_process " + Quote(program) + " " + what + "."};
}

// A child in a process group of its own, which is killed unless it was waited for.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  // Its status, if it ends before `end`.
  std::optional<int> Wait(SteadyClock::time_point end) {
    while (true) {
      int status = 0;
      const pid_t done = waitpid(pid_, &status, WNOHANG);
      if (done == pid_) {
        pid_ = 0;
        return status;
      }
      if (done < 0 && errno != EINTR) return std::nullopt;
      if (SteadyClock::now() >= end) return std::nullopt;
      poll(nullptr, 0, 2);  // It has closed its output: its end is near.
    }
  }

 private:
  pid_t pid_;
};

Result<pid_t> Start(const std::vector<std::string>& words, int output) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return Failed(words[0], "cannot be run: errno " + std::to_string(error) +
                                (error == ENOENT ? " (there is no such program)" : ""));
  }
  return pid;
}

}  // namespace

Result<std::vector<std::string>> SplitCommand(std::string_view command) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    const bool escape = c == '\\' && quote != '\'' && i + 1 < command.size() &&
                        (quote == 0 || command[i + 1] == '"' || command[i + 1] == '\\');
    if (quote == 0 && (c == ' ' || c == '\t')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (escape) {
      words.back() += command[++i];
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && c == '\\') {
      return Error{ErrorCode::kInvalidArgument, "ends in a backslash"};
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) return Error{ErrorCode::kInvalidArgument, "has a quote that is not closed"};
  if (words.empty() || words.front().empty()) {
    return Error{ErrorCode::kInvalidArgument, "names no program"};
  }
  return words;
}

Result<base::SecretBytes> RunProcess(const std::vector<std::string>& words, base::Duration time) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Failed(words[0], "cannot be given a pipe");
  base::UniqueFd reading(ends[0]), writing(ends[1]);
  TS_ASSIGN_OR_RETURN(const pid_t pid, Start(words, writing.get()));
  Child child(pid);
  writing.Reset();

  const auto end = SteadyClock::now() + time;
  const Error late{ErrorCode::kKeyUnavailable,
                   "The credential_process " + Quote(words[0]) + " did not end in time."};
  net::SecretBuffer output;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - SteadyClock::now());
    if (left.count() <= 0) return late;
    pollfd ready{.fd = reading.get(), .events = POLLIN, .revents = 0};
    const int polled = poll(&ready, 1, static_cast<int>(std::min<long>(left.count(), 60'000)));
    if (polled <= 0) continue;
    output.Reserve(output.size() + 1, kProcessOutputBytesMax + 1);
    const ssize_t got = read(reading.get(), output.Free().data(), output.Free().size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed(words[0], "cannot be read from");
    if (got == 0) break;
    output.Commit(static_cast<std::size_t>(got));
    if (output.size() > kProcessOutputBytesMax) {
      return Failed(words[0],
                    "wrote more than " + std::to_string(kProcessOutputBytesMax) + " bytes");
    }
  }
  const auto status = child.Wait(end);
  if (!status) return late;
  if (WIFSIGNALED(*status)) {
    return Failed(words[0], "was killed by signal " + std::to_string(WTERMSIG(*status)));
  }
  if (WEXITSTATUS(*status) != 0) {
    return Failed(words[0], "ended with status " + std::to_string(WEXITSTATUS(*status)));
  }
  return output.Take();
}

}  // namespace tenantseal::aws
