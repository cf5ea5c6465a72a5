// What a change of key providers and migrations requires and does: pure functions that every
// implementation of Store calls inside its transaction, so that all of them decide alike. Each
// Apply...() changes its arguments only when it succeeds.
#pragma once

#include <span>

#include "store/store.h"

namespace tenantseal::store {

Error ProviderNotFound();

// --- Key providers ---
// Adds it, in its place.
Result<void> ApplyNewProvider(model::TenantState& state, const model::KeyProvider& provider);
Result<void> ApplyProviderChange(model::TenantState& state, const model::KeyProvider& expected,
                                 const model::KeyProvider& changed);
// Removes it, and whatever it may have wrapped. Returns what is kept of it.
Result<model::FormerProvider> ApplyProviderDeletion(model::TenantState& state,
                                                    const model::Fingerprint& provider);

// --- Migrations ---
// `job` is the tenant's latest rewrap job, null when there is none; only one of the migration's id
// is ever changed.

Result<void> ApplyMigrationStart(model::TenantState& state, const model::Migration& migration,
                                 const model::RewrapJob* job);
Result<void> ApplyMigrationClaim(model::TenantState& state, const model::ProcessId& process);
Result<void> ApplyMigrationActivation(model::TenantState& state, const model::Migration& given,
                                      const model::TenantKey& key,
                                      std::span<const model::TenantKeyWrap> wraps,
                                      const model::RewrapJob& started);
Result<void> ApplyMigrationChange(model::TenantState& state, const model::Migration& given,
                                  model::RewrapJob* job);
// The version below which `left` of ApplyMigrationFinish() counts: the stored to_version, 0 when
// there is no migration.
std::uint32_t RecountBelow(const model::TenantState& state);
// `left` counts the data keys below RecountBelow() that are not in quarantine.
Result<void> ApplyMigrationFinish(model::TenantState& state, const model::Migration& given,
                                  std::uint64_t left, bool with_data_keys_left,
                                  model::RewrapJob* job);

// --- Quarantine ---
// `stored` is the data key's row, which is in quarantine.
Result<void> CheckRelease(const model::Tenant& tenant, const model::DataKey& stored,
                          const model::DataKey& rewrapped, std::uint32_t old_version);
Error NotInQuarantine();

}  // namespace tenantseal::store
