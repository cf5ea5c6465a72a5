// adopt_aws_key --data-dir DIR --tenant ID --key-arn ARN [--replica-arn ARN]
//
// Makes an AWS KMS key a tenant's current provider, for tests of leases on AWS: wraps every tenant
// key version under it, makes a new version and both current in one transaction. Running servers
// follow. It validates nothing beforehand and rewraps no data key, as a migration would. AWS is
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
  provider.promoted_at = now;
  const std::string digest = base::HexEncode(crypto::Sha256(base::AsBytes(provider.arn)));
  TS_ASSIGN_OR_RETURN(provider.fingerprint, model::Fingerprint::Parse(digest.substr(0, 32)));
  return provider;
}

// The version's key as the new provider wraps it, confirmed.
Result<model::TenantKeyWrap> WrapVersion(keyring::Keyring& keyring, const kms::KmsClient& kms,
                                         const model::KeyProvider& provider, std::uint32_t version,
                                         base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(const keyring::LeasedKey key,
                      keyring.Version(provider.tenant, version, keyring::Wait::kAllowed, deadline));
  const kms::KmsKey kms_key{provider.kind, provider.arn, provider.replica_arn};
  TS_ASSIGN_OR_RETURN(kms::KmsCiphertext wrapped,
                      kms.Encrypt(kms_key, provider.tenant, key.key().Reveal(), deadline));
  TS_ASSIGN_OR_RETURN(const kms::KmsPlaintext again,
                      kms.Decrypt(kms_key, provider.tenant, wrapped.blob, deadline));
  if (!base::ConstantTimeEqual(again.plaintext.Reveal(), key.key().Reveal()))
    return IntegrityError("the provider unwraps another key than it wrapped");
  return model::TenantKeyWrap{provider.tenant, version, provider.fingerprint,
                              std::move(wrapped.blob)};
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
  TS_ASSIGN_OR_RETURN(const model::TenantState state, data.store->LoadTenant(tenant));
  TS_ASSIGN_OR_RETURN(const model::KeyProvider provider,
                      ProviderOf(arguments, tenant, clock.Utc()));
  const base::Deadline deadline = clock.Boot() + kDeadline;
  std::vector<model::TenantKeyWrap> wraps;
  for (const model::TenantKey& key : state.keys) {
    TS_ASSIGN_OR_RETURN(model::TenantKeyWrap wrap,
                        WrapVersion(keyring, kms, provider, key.version, deadline));
    wraps.push_back(std::move(wrap));
  }
  const std::uint32_t active = state.tenant.active_version;
  TS_ASSIGN_OR_RETURN(keyring::Keyring::MintedKey minted,
                      keyring.Mint(tenant, provider, active + 1, deadline));
  wraps.push_back(std::move(minted.wrap));
  const model::NewEvent event{model::Scope::Of(tenant),
                              model::NewUuid(random),
                              clock.Utc(),
                              "com.tenantseal.test.provider.adopted",
                              "com.tenantseal/test",
                              "adopt_aws_key",
                              "{}"};
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      data.store->AdoptProvider(provider, minted.key, wraps, active, event));
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
