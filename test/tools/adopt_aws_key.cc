// adopt_aws_key --data-dir DIR --tenant ID --key-arn ARN [--replica-arn ARN]
//
// Makes an AWS KMS key a tenant's current provider, for tests of leases on AWS: wraps every tenant
// key version under it, makes a new version and the key current, and leaves the data keys to the
// servers, which follow. It validates nothing and waits for nobody, as a migration would. AWS is
// found as `tenantseal serve` finds it, --aws-role-arn in TENANTSEAL_AWS_ROLE_ARN.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "keyring/keyring.h"
#include "model/tenant.h"
#include "server/aws_access.h"
#include "server/data_dir.h"
#include "server/routing_kms.h"
#include "server/settings.h"

namespace tenantseal {
namespace {

using Arguments = std::map<std::string, std::string>;

constexpr auto kDeadline = std::chrono::seconds(30);

std::optional<std::string> Environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

Result<model::KeyProvider> ProviderOf(const Arguments& arguments, const model::TenantId& tenant,
                                      base::UtcTime now) {
  model::KeyProvider provider;
  provider.tenant = tenant;
  provider.kind = model::ProviderKind::kAwsKms;
  provider.arn = arguments.at("key-arn");
  if (const auto replica = arguments.find("replica-arn"); replica != arguments.end())
    provider.replica_arn = replica->second;
  provider.name = "AWS KMS";
  provider.created_at = now;
  const std::string digest = base::HexEncode(crypto::Sha256(base::AsBytes(provider.arn)));
  TS_ASSIGN_OR_RETURN(provider.fingerprint, model::Fingerprint::Parse(digest.substr(0, 32)));
  return provider;
}

model::NewEvent EventOf(const model::TenantId& tenant, const base::Clock& clock,
                        const base::Random& random) {
  return {model::Scope::Of(tenant),
          model::NewUuid(random),
          clock.Utc(),
          "com.tenantseal.test.provider.adopted",
          "com.tenantseal/test",
          "adopt_aws_key",
          "{}"};
}

// Wraps every version under `provider`, too, makes a new one and makes the provider current.
// Returns the epoch.
Result<std::uint64_t> Migrate(store::Store& store, keyring::Keyring& keyring,
                              const model::KeyProvider& provider, const base::Clock& clock,
                              const base::Random& random) {
  const model::TenantId& tenant = provider.tenant;
  const model::NewEvent event = EventOf(tenant, clock, random);
  TS_ASSIGN_OR_RETURN(model::TenantState state, store.LoadTenant(tenant));
  const std::string id = model::NewUuid(random);
  TS_RETURN_IF_ERROR(store.StartMigration({.tenant = tenant,
                                           .id = id,
                                           .from = state.tenant.current_provider,
                                           .to = provider.fingerprint,
                                           .started_by = event.actor,
                                           .started_at = event.time},
                                          event));
  TS_ASSIGN_OR_RETURN(model::Migration migration, store.ClaimMigration(tenant));
  const base::Deadline deadline = clock.Boot() + kDeadline;
  const std::uint32_t version = state.tenant.active_version + 1;
  TS_ASSIGN_OR_RETURN(keyring::Keyring::MintedPair minted,
                      keyring.MintForBoth(state, version, provider, deadline));
  std::vector<model::TenantKeyWrap> wraps = {std::move(minted.by_target),
                                             std::move(minted.by_current)};
  for (const model::TenantKey& key : state.keys) {
    TS_ASSIGN_OR_RETURN(model::TenantKeyWrap wrap,
                        keyring.WrapFor(state, key.version, provider, deadline));
    wraps.push_back(std::move(wrap));
  }
  model::RewrapJob job;
  job.tenant = tenant;
  job.id = id;
  job.to_version = version;
  job.started_by = event.actor;
  job.started_at = event.time;
  TS_RETURN_IF_ERROR(store.ActivateMigration(migration, minted.key, wraps, job));
  TS_ASSIGN_OR_RETURN(migration, store.ClaimMigration(tenant));
  migration.finished_at = clock.Utc();
  return store.FinishMigration(migration, true, EventOf(tenant, clock, random));
}

Result<model::KeyProvider> Adopt(const Arguments& arguments) {
  const base::SystemClock clock;
  const base::SystemRandom random;
  TS_ASSIGN_OR_RETURN(
      const server::Settings settings,
      server::ResolveSettings({{"data-dir", arguments.at("data-dir")}}, Environment));
  TS_ASSIGN_OR_RETURN(server::DataDir data, server::OpenDataDirFor(settings, clock, random));
  TS_ASSIGN_OR_RETURN(const auto aws, server::AwsAccess::Make(settings, clock, random));
  const server::RoutingKms kms(*data.kms, aws->kms());
  keyring::StoreLease lease(*data.store, clock, model::ProcessId::New(random));
  keyring::Keyring keyring(*data.store, kms, lease, clock, random, {});
  TS_RETURN_IF_ERROR(lease.Refresh());

  TS_ASSIGN_OR_RETURN(const model::TenantId tenant, model::TenantId::Parse(arguments.at("tenant")));
  TS_ASSIGN_OR_RETURN(const model::KeyProvider provider,
                      ProviderOf(arguments, tenant, clock.Utc()));
  TS_RETURN_IF_ERROR(data.store->AddProvider(provider, EventOf(tenant, clock, random)));
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      Migrate(*data.store, keyring, provider, clock, random));
  const auto obeyed = lease.AwaitObeyed(epoch);
  lease.Leave();
  TS_RETURN_IF_ERROR(obeyed);
  return provider;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name.starts_with("--")) arguments[std::string(name.substr(2))] = argv[i + 1];
  }
  for (const char* name : {"data-dir", "tenant", "key-arn"}) {
    if (arguments.contains(name)) continue;
    std::fprintf(stderr,
                 "adopt_aws_key --data-dir DIR --tenant ID --key-arn ARN [--replica-arn ARN]\n");
    return 2;
  }
  const auto adopted = Adopt(arguments);
  if (!adopted) {
    std::fprintf(stderr, "%s: %s\n", std::string(ErrorCodeName(adopted.error().code)).c_str(),
                 adopted.error().message.c_str());
    return 1;
  }
  std::printf("%s\n", adopted->fingerprint.text().c_str());
  return 0;
}

}  // namespace
}  // namespace tenantseal

int main(int argc, char** argv) { return tenantseal::Main(argc, argv); }
