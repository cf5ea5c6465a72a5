// The rows of tenants, providers, tenant keys, wraps and API keys: read with verification, written
// with their MACs. Every function works inside the transaction of its session.
#pragma once

#include "store/sqlite/session.h"

namespace tenantseal::store {

// A tenant row whose MAC is right, and where data keys refer to it. nullopt: there is none.
struct TenantRow {
  std::int64_t number = 0;
  model::Tenant tenant;
};
Result<std::optional<TenantRow>> ReadTenantRow(Session& session, const model::TenantId& id);
// In the order of ListTenants, after `cursor_ms` and `cursor_id`.
Result<std::vector<model::Tenant>> ReadTenantsAfter(Session& session, std::int64_t cursor_ms,
                                                    const std::string& cursor_id,
                                                    std::size_t limit);

// Everything of a tenant, verified as a whole, and the manifest it was verified against.
struct VerifiedTenant {
  model::TenantState state;
  Manifest manifest;
  std::int64_t number = 0;
};
Result<VerifiedTenant> ReadTenant(Session& session, const model::TenantId& id, std::uint64_t floor);

// The same inside a write transaction.
Result<VerifiedTenant> ReadForChange(Session& session, const model::TenantId& id);
// Ends a change of a tenant's rows: stores the new manifest, the event and the epoch, which it
// returns.
Result<std::uint64_t> Conclude(Session& session, const VerifiedTenant& changed,
                               const std::optional<model::NewEvent>& event);

// Returns the tenant's number. kAlreadyExists.
Result<std::int64_t> InsertTenantRow(Session& session, const model::Tenant& row);
Result<void> UpdateTenantRow(Session& session, const VerifiedTenant& tenant);
Result<void> InsertProvider(Session& session, const model::KeyProvider& row);
// Whatever of it may change.
Result<void> UpdateProvider(Session& session, const model::KeyProvider& row);
Result<void> DeleteProviderRow(Session& session, const model::TenantId& id,
                               const model::Fingerprint& provider);
Result<void> InsertTenantKey(Session& session, const model::TenantKey& row);
Result<void> InsertWrap(Session& session, const model::TenantKeyWrap& row);
// Every version as one provider wrapped it.
Result<void> DeleteWrapsBy(Session& session, const model::TenantId& id,
                           const model::Fingerprint& provider);
Result<void> DeleteTenantKey(Session& session, const model::TenantId& id, std::uint32_t version);

// A scope's API keys by their stored MACs, verified against the manifest.
struct ApiKeySet {
  std::vector<Mac> macs;
  Manifest manifest;
};
Result<ApiKeySet> ReadApiKeySet(Session& session, const model::Scope& scope, std::uint64_t floor);
// The scope that the row of an API key names, nullopt when there is no row. Not verified.
Result<std::optional<model::Scope>> ApiKeyScope(Connection& db, const model::ApiKeyId& id);
// A key of `scope` whose MAC is right and which is in the scope's manifest. kNotFound.
Result<model::ApiKey> ReadApiKey(Session& session, const model::ApiKeyId& id,
                                 const model::Scope& scope, std::uint64_t floor);
Result<std::vector<model::ApiKey>> ReadApiKeys(Session& session, const model::Scope& scope,
                                               std::uint64_t floor);
Result<void> InsertApiKey(Session& session, const model::ApiKey& row);  // kAlreadyExists.

}  // namespace tenantseal::store
