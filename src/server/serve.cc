#include "server/serve.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "base/file.h"
#include "base/log.h"
#include "identity/token.h"
#include "server/aws_access.h"
#include "server/data_dir.h"
#include "server/event_audit.h"
#include "server/oidc.h"
#include "server/routing_kms.h"
#include "server/wiring.h"

namespace tenantseal::server {
namespace {

constexpr const char* kOperatorKeyVariable = "TENANTSEAL_OPERATOR_KEY";

// What the variable holds, wiped from it; empty when it is not set. Checked even when there is an
// operator already, so that a wrong value shows before anything is made.
Result<base::SecretBytes> GivenOperatorKey() {
  base::SecretBytes given = TakeSecretVariable(kOperatorKeyVariable);
  if (!given.empty()) TS_RETURN_IF_ERROR(identity::CheckOperatorToken(given.RevealText()));
  return given;
}

// Makes the first operator's key. A random one is in its file before it is in the database, so a
// crash between the two costs nothing: the next start makes another.
Result<void> EnsureOperator(identity::ApiKeys& api_keys,
                            base::SecretBytes given,  // Gone when it returns.
                            const std::string& data_dir) {
  TS_ASSIGN_OR_RETURN(const bool exists, api_keys.HasOperator());
  if (exists) return {};
  if (!given.empty()) {
    if (given.size() < 32)
      base::LogWarning("the operator's key is short; 32 characters or more resist guessing");
    TS_RETURN_IF_ERROR(api_keys.EnsureOperator(given.RevealText()));
    return {};
  }
  const std::string path = data_dir + "/operator.key";
  const base::SecretBytes token = api_keys.NewKeyToken();
  TS_RETURN_IF_ERROR(base::WriteFileAtomically(path, token.Reveal()));
  TS_RETURN_IF_ERROR(api_keys.EnsureOperator(token.RevealText()));
  base::LogInfo("first start: the operator's API key is in a file", {{"file", path}});
  return {};
}

// Keeps what a request of ordinary size frees for the next one. By default a freed batch of a few
// dozen KiB goes back to the kernel, and faulting its pages in again costs more than sealing it.
void KeepFreedMemory() {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 4 << 20);
  ::mallopt(M_TOP_PAD, 128 << 10);
}

// Keeps keys out of the swap. Only where nothing limits locked memory: under a limit, a later
// allocation beyond it would fail.
void LockMemory() {
  const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
  rlimit limit{};
  ::setrlimit(RLIMIT_MEMLOCK, &unlimited);  // Succeeds where the process is allowed to.
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  // MCL_ONFAULT: what is not used is not brought in just to be locked.
  if (limit.rlim_cur != RLIM_INFINITY || ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
    base::LogInfo("memory is not locked: it may be swapped; allow it with LimitMEMLOCK=infinity");
  }
}

sigset_t ServerSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

// Returns when the process is asked to stop.
void AwaitStop(const sigset_t& signals, Service& service) {
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (signal != SIGHUP) return;
    if (auto reloaded = service.ReloadCertificate(); !reloaded) {
      base::LogError("the old certificate stays in use", {{"reason", reloaded.error().message}});
    } else {
      base::LogInfo("certificate read again");
    }
  }
}

model::KmsCall KmsCallOf(const kms::AwsCall& call) {
  model::KmsCall out;
  out.time = call.time;
  out.tenant = call.tenant;
  out.key_arn = call.key_arn;
  out.operation = call.operation;
  out.request_id = call.request_id;
  out.outcome = call.outcome;
  out.attempt = static_cast<std::uint32_t>(call.attempt);
  return out;
}

std::string UrlOf(const Settings& settings, std::uint16_t port) {
  const bool v6 = settings.listen_address.find(':') != std::string::npos;
  return (settings.tls_cert_file.empty() ? "http://" : "https://") +
         (v6 ? "[" + settings.listen_address + "]" : settings.listen_address) + ":" +
         std::to_string(port);
}

}  // namespace

Result<void> Serve(const Settings& settings) {
  base::SetLogLevel(settings.log_level);
  const sigset_t signals = ServerSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // Every thread made from here on inherits this.

  LockMemory();
  KeepFreedMemory();

  // What is wrong with the settings shows before anything is made.
  TS_ASSIGN_OR_RETURN(base::SecretBytes operator_key, GivenOperatorKey());
  TS_RETURN_IF_ERROR(CheckListener(settings));

  const base::SystemClock clock;
  const base::SystemRandom random;
  events::KmsCallBuffer kms_calls;
  TS_ASSIGN_OR_RETURN(const base::SecretBytes oidc_client_secret,
                      OidcClientSecret(settings.sign_in));
  TS_ASSIGN_OR_RETURN(
      const std::unique_ptr<AwsAccess> aws,
      AwsAccess::Make(settings, clock, random, aws::ProcessEnvironment(),
                      [&kms_calls](const kms::AwsCall& call) { kms_calls.Add(KmsCallOf(call)); }));
  TS_ASSIGN_OR_RETURN(DataDir data, OpenDataDirFor(settings, clock, random));
  const RoutingKms kms(*data.kms, aws->kms());
  const base::Secret256 pepper = data.kms->keystore().DeploymentKey("api-key-pepper");
  const base::Secret256 webhook_key = data.kms->keystore().DeploymentKey("webhook-secrets");
  TS_ASSIGN_OR_RETURN(const auto heads,
                      events::HeadWriter::Open(*data.store, clock, EventHeadSeed(data),
                                               data.deployment.id, settings.data_dir));
  Service service(settings,
                  {*data.store, *data.store, kms, *data.kms, aws->kms().inspector(), pepper, clock,
                   random, [&aws] { return aws->kms().stats(); }, heads.get(), &kms_calls,
                   data.store.get(), oidc_client_secret.empty() ? nullptr : &oidc_client_secret,
                   data.store.get(), &webhook_key, [&data] { return data.store->LongestWrite(); },
                   [&data] { return data.kms->keystore().CheckRoot(); }});
  TS_RETURN_IF_ERROR(
      EnsureOperator(service.api_keys(), std::move(operator_key), settings.data_dir));
  TS_RETURN_IF_ERROR(service.Start());
  const std::string url = UrlOf(settings, service.port());
  if (settings.insecure_http && !IsLoopback(settings.listen_address)) {
    base::LogWarning(
        "INSECURE: keys and plaintext cross the network in clear; give --tls-cert and --tls-key");
  }
  base::LogInfo("serving",
                {{"url", url}, {"data-dir", settings.data_dir}, {"region", settings.region}});
  std::printf("Tenantseal serves at %s\n", url.c_str());
  std::fflush(stdout);

  AwaitStop(signals, service);
  base::LogInfo("stopping: answering what is in flight");
  service.Drain();
  base::LogInfo("stopped");
  return {};
}

}  // namespace tenantseal::server
