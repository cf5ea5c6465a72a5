// For the tests of commands: a service on a loopback port that answers from a script, and a run of
// a command line against it.
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>

#include "base/clock.h"
#include "base/random.h"
#include "cli/aws_command.h"
#include "cli/command.h"
#include "cli/context_command.h"
#include "cli/key_provider_command.h"
#include "cli/leading_flags.h"
#include "cli/webhook_command.h"
#include "net/http_server.h"
#include "net/testing.h"

namespace tenantseal::cli {

class FakeService {
 public:
  struct Answer {
    int status = 200;
    std::string body = {};
    std::string retry_after = {};
  };

  FakeService() {
    handler_.now = [this](net::Request& request) { return std::optional(Handle(request)); };
    if (!server_.Start()) std::abort();
  }
  // To each "METHOD /path?query" in turn; the last one is repeated.
  void On(const std::string& call, std::deque<Answer> answers) {
    const std::scoped_lock lock(mutex_);
    answers_[call] = std::move(answers);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.Port()); }
  // "METHOD /path?query body", in order.
  std::vector<std::string> calls() const {
    const std::scoped_lock lock(mutex_);
    return calls_;
  }
  std::string last_header(const std::string& name) const {
    const std::scoped_lock lock(mutex_);
    const auto found = headers_.find(name);
    return found == headers_.end() ? "" : found->second;
  }

 private:
  net::Response Handle(net::Request& request) {
    const std::scoped_lock lock(mutex_);
    std::string call(net::MethodName(request.method));
    call += " " + std::string(request.path);
    if (!request.query.empty()) call += "?" + std::string(request.query);
    calls_.push_back(call + (request.body.empty() ? "" : " ") +
                     std::string(base::AsText(request.body)));
    headers_.clear();
    for (const auto& header : request.headers) headers_[std::string(header.name)] = header.value;
    auto& answers = answers_[call];
    if (answers.empty()) return {.status = 404, .body = std::string("not in the script")};
    const Answer answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    net::Response response{.status = answer.status, .body = answer.body};
    if (!answer.retry_after.empty()) response.headers = {{"Retry-After", answer.retry_after}};
    return response;
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::deque<Answer>> answers_;
  std::vector<std::string> calls_;
  std::map<std::string, std::string> headers_;
  base::SystemClock clock_;
  base::SystemRandom random_;
  net::testing::TestHandler handler_;
  net::WorkerPool workers_{{.threads = 1}};
  net::HttpServer server_{net::HttpServerOptions(), handler_, workers_, clock_, random_};
};

struct Ran {
  int status = 0;
  std::string out, err;
};

// Runs one command as main() does.
inline Ran RunCommandLine(const std::vector<std::string>& arguments) {
  CLI::App app("test", "tenantseal");
  AddAwsCommand(app);
  AddEncryptionCommand(app);
  AddContextCommand(app);
  AddWebhookCommand(app);
  app.require_subcommand(1);
  Ran ran;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  try {
    ParseCommandLine(app, arguments);
    ran.status = ExitStatus();
  } catch (const CLI::ParseError& error) {
    ran.status = error.get_exit_code() == 0 ? kExitOk : kExitUsage;
  }
  std::fflush(stdout);
  ran.out = testing::internal::GetCapturedStdout();
  ran.err = testing::internal::GetCapturedStderr();
  return ran;
}

// With a configuration directory of its own and no environment of the user's.
class CommandTest : public testing::Test {
 protected:
  CommandTest() {
    std::filesystem::create_directories(directory_);
    ::setenv("XDG_CONFIG_HOME", directory_.c_str(), 1);
    for (const char* name : {"TENANTSEAL_SERVER", "TENANTSEAL_API_KEY", "TENANTSEAL_TENANT"})
      ::unsetenv(name);
  }
  ~CommandTest() override {
    for (const char* name : {"XDG_CONFIG_HOME", "TENANTSEAL_SERVER", "TENANTSEAL_API_KEY"})
      ::unsetenv(name);
    std::filesystem::remove_all(directory_);
  }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  std::string WriteFile(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name)) << text;
    std::filesystem::permissions(Path(name), std::filesystem::perms(0600));
    return Path(name);
  }

  const std::string directory_ = testing::TempDir() + "cli-" + std::to_string(::getpid());
  FakeService service_;
};

}  // namespace tenantseal::cli
