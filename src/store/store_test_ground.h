// What tests of stores share: rows to fill a store with, and assertions on Results.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "store/store.h"

namespace tenantseal::store::samples {

inline const base::SystemRandom kRandom;
inline const model::ProcessId kProcess = model::ProcessId::New(kRandom);
inline constexpr base::UtcTime kNow{std::chrono::milliseconds(1'790'000'000'123)};

inline base::UtcTime After(std::int64_t ms) { return kNow + std::chrono::milliseconds(ms); }

inline model::NewEvent EventOf(const model::Scope& scope,
                               const std::string& type = "test.happened") {
  return {scope,       model::NewUuid(kRandom), kNow, type, "tenantseal/test", "api-key:tester",
          R"({"a":1})"};
}
inline model::NewEvent EventOf(const model::TenantId& tenant,
                               const std::string& type = "test.happened") {
  return EventOf(model::Scope::Of(tenant), type);
}

inline model::TenantKey KeyOf(const model::TenantId& tenant, std::uint32_t version) {
  return {tenant, version, base::Bytes(32, static_cast<std::uint8_t>(version)), After(version)};
}
inline model::TenantKeyWrap WrapOf(const model::TenantId& tenant, std::uint32_t version,
                                   const model::Fingerprint& provider) {
  return {tenant, version, provider,
          base::ToBytes(base::AsBytes("wrap of " + std::to_string(version)))};
}

inline model::TenantState NewTenant(base::UtcTime created = kNow,
                                    const std::string& name = "Acme") {
  model::TenantState state;
  model::Tenant& tenant = state.tenant;
  tenant.id = model::TenantId::New(kRandom);
  tenant.name = name;
  tenant.region = "us-east-1";
  tenant.created_at = created;
  state.providers = {model::InternalProvider(tenant.id, created)};
  tenant.current_provider = state.providers[0].fingerprint;
  tenant.active_version = 1;
  state.keys = {KeyOf(tenant.id, 1)};
  state.wraps = {WrapOf(tenant.id, 1, tenant.current_provider)};
  return state;
}

inline model::DataKey DataKeyOf(const model::TenantId& tenant, std::uint32_t version = 1) {
  model::DataKey key;
  key.id = model::NewDataKeyId(kRandom, kNow);
  key.tenant = tenant;
  key.version = version;
  key.wrapped = "#BYOKv1#:" + tenant.text() + ":" + std::string(158, 'w');
  key.context = base::Bytes(60, 7);
  key.created_at = kNow;
  return key;
}
inline std::vector<model::DataKey> DataKeysOf(const model::TenantId& tenant, std::size_t count,
                                              std::uint32_t version = 1) {
  std::vector<model::DataKey> keys;
  for (std::size_t i = 0; i < count; ++i) keys.push_back(DataKeyOf(tenant, version));
  return keys;
}

inline model::ApiKey ApiKeyOf(std::optional<model::TenantId> tenant,
                              model::Role role = model::Role::kAuditor) {
  model::ApiKey key;
  key.id = model::ApiKeyId::New(kRandom);
  key.description = "for tests";
  key.role = role;
  key.tenant = std::move(tenant);
  kRandom.FillPublic(key.secret_hash);
  key.created_at = kNow;
  key.expires_at = After(1000);
  key.created_by = "first-start";
  return key;
}

// A customer's key that the tenant has not used yet; another for each letter a to f.
inline model::KeyProvider ProviderOf(const model::TenantId& tenant, char letter = 'f') {
  model::KeyProvider provider;
  provider.tenant = tenant;
  provider.fingerprint = model::Fingerprint::Parse(std::string(32, letter)).value();
  provider.kind = model::ProviderKind::kAwsKms;
  provider.arn = std::string("arn:aws:kms:us-east-1:111122223333:key/") + letter;
  provider.replica_arn = std::string("arn:aws:kms:us-east-2:111122223333:key/") + letter;
  provider.name = "Ours";
  provider.description = "of the safe";
  provider.created_at = After(10 + letter);
  return provider;
}

inline model::Migration MigrationOf(const model::TenantState& state, const model::Fingerprint& to) {
  model::Migration migration;
  migration.tenant = state.tenant.id;
  migration.id = model::NewUuid(kRandom);
  migration.from = state.tenant.current_provider;
  migration.to = to;
  migration.started_by = "api-key:tester";
  migration.started_at = After(20);
  return migration;
}

// What ActivateMigration() needs for the version after the active one.
inline std::vector<model::TenantKeyWrap> WrapsOf(const model::TenantState& state,
                                                 const model::Migration& migration) {
  const std::uint32_t version = state.tenant.active_version + 1;
  std::vector<model::TenantKeyWrap> wraps = {WrapOf(state.tenant.id, version, migration.from),
                                             WrapOf(state.tenant.id, version, migration.to)};
  for (const model::TenantKey& key : state.keys)
    wraps.push_back(WrapOf(state.tenant.id, key.version, migration.to));
  return wraps;
}

inline model::RewrapJob JobOf(const model::TenantId& tenant, std::uint32_t to_version) {
  model::RewrapJob job;
  job.tenant = tenant;
  job.id = model::NewUuid(kRandom);
  job.to_version = to_version;
  job.started_by = "api-key:tester";
  job.started_at = kNow;
  return job;
}

}  // namespace tenantseal::store::samples

// Asserts that a Result is an Error of this code.
#define EXPECT_ERROR(expression, error_code)                                                \
  do {                                                                                      \
    const auto ts_outcome = (expression);                                                   \
    ASSERT_FALSE(ts_outcome.ok()) << #expression;                                           \
    EXPECT_EQ(ErrorCodeName(ts_outcome.error().code), ErrorCodeName(ErrorCode::error_code)) \
        << ts_outcome.error().message;                                                      \
  } while (false)
// Asserts that a Result is a value.
#define EXPECT_DONE(expression)                                                        \
  do {                                                                                 \
    const auto ts_outcome = (expression);                                              \
    ASSERT_TRUE(ts_outcome.ok()) << #expression << ": " << ts_outcome.error().message; \
  } while (false)
