// What migrations ask of the keyring: tenant keys under a second provider.
#include "base/log.h"
#include "keyring/key_cache.h"
#include "keyring/key_source.h"
#include "keyring/keyring.h"

namespace tenantseal::keyring {

Result<model::TenantKeyWrap> Keyring::WrapFor(const model::TenantState& state,
                                              std::uint32_t version,
                                              const model::KeyProvider& target,
                                              base::Deadline deadline) {
  auto wrap = source_->WrapFor(state, version, target, deadline);
  if (!wrap) NoteMigrationFailure(state, version, Asked::kToUnwrap, wrap.error());
  return wrap;
}

Result<Keyring::MintedPair> Keyring::MintForBoth(const model::TenantState& state,
                                                 std::uint32_t version,
                                                 const model::KeyProvider& target,
                                                 base::Deadline deadline) {
  auto pair = source_->MintForBoth(state, version, target, deadline);
  if (!pair) {
    NoteMigrationFailure(state, version, Asked::kToWrap, pair.error());
    return pair.error();
  }
  return MintedPair{std::move(pair->key), std::move(pair->by_target), std::move(pair->by_current)};
}

Result<void> Keyring::CheckUnwraps(const model::TenantState& state, std::uint32_t version,
                                   const model::KeyProvider& provider, base::Deadline deadline) {
  if (state.FindKey(version) == nullptr) return DecryptFailed();
  auto checked = source_->CheckUnwraps(state, version, provider, deadline);
  if (!checked) NoteMigrationFailure(state, version, Asked::kToUnwrap, checked.error());
  return checked;
}

// Whoever migrates decides what becomes of the migration; what must be known besides is noted here.
void Keyring::NoteMigrationFailure(const model::TenantState& state, std::uint32_t version,
                                   Asked asked, const Error& error) {
  const model::TenantId& tenant = state.tenant.id;
  switch (error.code) {
    case ErrorCode::kKeyRevoked:
      // The owner's word on unwrapping what is in use counts wherever it is met.
      if (asked == Asked::kToUnwrap && error.field == KeySource::kSource) NoteRefusal(state);
      break;
    case ErrorCode::kIntegrity:
      ++integrity_alarms_;
      base::LogError("ALARM: a tenant key cannot be wrapped for a migration",
                     {{"tenant", tenant.text()}, {"version", version}, {"error", error.message}});
      break;
    case ErrorCode::kServiceFault:
      ++service_faults_;
      base::LogError("ALARM: the provider refuses the service's own credentials",
                     {{"tenant", tenant.text()}, {"error", error.message}});
      break;
    default:
      break;
  }
}

void Keyring::NoteRefusal(const model::TenantState& state) {
  CacheStep step;
  step.state = std::make_shared<const model::TenantState>(state);
  if (cache_->NoteRevoked(state.tenant.id, step, clock_.Utc(), clock_.Boot()))
    RecordRefusal(state.tenant.id);
}

}  // namespace tenantseal::keyring
