// The binary `tenantseal-aws-emulator`: flags in, a listening emulator out.
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>

#include "base/log.h"
#include "emulator/demo.h"
#include "emulator/emulator.h"

namespace {

using namespace tenantseal;

constexpr const char* kFooter = R"(
One port serves KMS, STS and CloudTrail of every region; the signature's credential scope says which
region is meant. Without a seed there are the customer's account 111122223333 (access key
AKIACUSTOMERADMIN001, secret customer-admin-secret) and the service's account 338144066592 (access
key AKIATENANTSEALSVC001, secret tenantseal-service-secret), whose user may assume the role
arn:aws:iam::338144066592:role/byok-encryption-proxy-role.

Examples:
  tenantseal-aws-emulator --demo
  tenantseal-aws-emulator --listen 127.0.0.1:4599 --state emulator.db --seed seed.json
  tenantseal-aws-emulator --region-listen us-east-1=127.0.0.1:4600 \
    --region-listen us-east-2=127.0.0.1:4601
  tenantseal-aws-emulator --allow-unsigned --account 111122223333

  export AWS_ACCESS_KEY_ID=AKIACUSTOMERADMIN001 AWS_SECRET_ACCESS_KEY=customer-admin-secret
  aws --endpoint-url http://127.0.0.1:4599 --region us-east-1 kms create-key --multi-region
  curl -X POST http://127.0.0.1:4599/_emulator/clock -d '{"advance":"7d"}'
  curl -X POST http://127.0.0.1:4599/_emulator/faults \
    -d '{"kind":"throttle","region":"us-east-1","operation":"Decrypt","count":3}')";

struct Flags {
  std::string listen = "127.0.0.1:4599";
  std::vector<std::string> region_listen;
  emulator::EmulatorOptions options;
};

void AddFlags(CLI::App& app, Flags& flags) {
  app.set_version_flag("--version", "tenantseal-aws-emulator " TENANTSEAL_VERSION);
  app.footer(kFooter);
  app.add_option("--listen", flags.listen, "Where to listen, for every region")
      ->type_name("ADDR:PORT")
      ->capture_default_str();
  app.add_option("--region-listen", flags.region_listen, "One more listener, for one region")
      ->type_name("REGION=ADDR:PORT");
  app.add_option("--state", flags.options.state_file,
                 "Keep everything in this file and in FILE.trail (default: in memory)")
      ->type_name("FILE");
  app.add_option("--seed", flags.options.seed_file,
                 "Accounts, principals and keys to begin with; what is there stays")
      ->type_name("FILE");
  app.add_flag("--allow-unsigned", flags.options.allow_unsigned,
               "Verify nothing: every caller is the root user of --account");
  app.add_option("--account", flags.options.account, "The account of --allow-unsigned")
      ->type_name("ID")
      ->capture_default_str();
  app.add_option("--threads", flags.options.threads, "I/O threads of each listener")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--admin-anywhere", flags.options.admin_anywhere,
               "Answer the admin path on listeners beyond loopback too");
  app.add_flag("--demo", flags.options.demo,
               "Make a multi-region key with replica and policy, and print what to type");
}

Result<void> Run(Flags& flags) {
  TS_ASSIGN_OR_RETURN(auto listener, emulator::ParseListenAddress(flags.listen, "--listen", false));
  flags.options.listeners = {listener};
  for (const std::string& text : flags.region_listen) {
    TS_ASSIGN_OR_RETURN(listener, emulator::ParseListenAddress(text, "--region-listen", true));
    flags.options.listeners.push_back(listener);
  }
  if (flags.options.demo && !flags.options.seed_file.empty()) {
    return InvalidArgument("--demo", "--demo shows the default world; leave --seed out.");
  }
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // Every thread made from here on inherits this.

  const base::SystemClock clock;
  const base::SystemRandom random;
  emulator::Emulator emulator(clock, random);
  TS_RETURN_IF_ERROR(emulator.Start(flags.options));
  std::printf("tenantseal-aws-emulator listens at %s\n", emulator.url().c_str());
  if (flags.options.demo) std::printf("\n%s", emulator::DemoText(emulator.url()).c_str());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  base::LogInfo("stopping: answering what is in flight");
  emulator.Stop();
  return {};
}

// The trail grows by a record a call: memory is asked of the kernel in large pieces, and kept.
void TakeMemoryInLargePieces() {
  ::mallopt(M_TOP_PAD, 4 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

}  // namespace

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  TakeMemoryInLargePieces();
  CLI::App app(
      "A stand-in for AWS KMS, STS and CloudTrail that tells the truth; for tests and "
      "development only",
      "tenantseal-aws-emulator");
  Flags flags;
  AddFlags(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are "errors" with status 0 in this library.
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (const Result<void> done = Run(flags); !done) {
    const Error& error = done.error();
    std::fprintf(stderr, "tenantseal-aws-emulator: %s%s%s\n",
                 error.field.starts_with("--") ? (error.field + ": ").c_str() : "",
                 error.message.c_str(), error.field == "state" ? " (--state)" : "");
    return error.code == ErrorCode::kInvalidArgument ? 2 : 1;
  }
  return 0;
}
