#include "keyring/keyring.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "events/event.h"
#include "keyring/key_cache.h"
#include "keyring/key_source.h"

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

// Of a KMS call that no request waits for: long enough for a provider that does not answer in one
// region to be asked in another, short enough to free its place for the next.
constexpr auto kBackgroundCall = 2s;
constexpr auto kFailureLogInterval = 5s;
constexpr int kStepsMax = 1000;  // Of one request; each waits for a few ms or does I/O.

Error StoreGone(std::string_view why) {
  return {ErrorCode::kUnavailable, "The store cannot be reached: " + std::string(why), "", 2};
}

std::int64_t Milliseconds(base::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// What fails as a whole: the internal KMS, or AWS KMS in one region (the fourth field of an ARN).
// Probes wait in a line of their own, so that they never delay a renewal.
std::string DomainOf(const DueWork& due) {
  const model::TenantState& state = *due.step.state;
  const model::KeyProvider* provider = state.FindProvider(state.tenant.current_provider);
  std::string domain = due.kind == DueWork::Kind::kProbe ? "probe " : "";
  if (provider == nullptr || provider->kind == model::ProviderKind::kInternal)
    return domain + "internal";
  std::string_view rest = provider->arn;
  for (int i = 0; i < 3; ++i) rest.remove_prefix(std::min(rest.size(), rest.find(':') + 1));
  return domain + std::string(rest.substr(0, rest.find(':')));
}

Error OutOfTime() {
  return {ErrorCode::kDeadlineExceeded, "The tenant's key was not ready in time."};
}

}  // namespace

Keyring::Keyring(store::Store& store, const kms::KmsClient& kms, StoreLease& lease,
                 const base::Clock& clock, const base::Random& random, KeyringOptions options,
                 Executor* executor)
    : store_(store),
      lease_(lease),
      clock_(clock),
      random_(random),
      cache_(std::make_unique<KeyCache>(options, random)),
      source_(std::make_unique<KeySource>(kms, clock)),
      executor_(executor) {
  lease_.AddListener(
      [cache = cache_.get()](const store::Changes& changes) { cache->DropChanged(changes); });
}

Keyring::~Keyring() = default;

Result<base::BootTime> Keyring::EnsureLease(Wait wait) {
  const base::BootTime now = clock_.Boot();
  if (lease_.RemainingAt(now) > base::Duration::zero()) return now;
  // While reads fail, nobody queues up to wait for another.
  if (lease_.FailedLately(now)) return StoreGone("reads fail.");
  if (wait == Wait::kNever) return Error{ErrorCode::kWouldBlock, "the store lease has run out"};
  auto live = lease_.EnsureLive();
  if (live || live.error().code == ErrorCode::kIntegrity) return live;
  return StoreGone(live.error().message);
}

Result<LeasedKey> Keyring::Key(const model::TenantId& tenant, std::optional<std::uint32_t> version,
                               Wait wait, base::Deadline deadline) {
  for (int i = 0; i < kStepsMax; ++i) {
    TS_ASSIGN_OR_RETURN(const base::BootTime now, EnsureLease(wait));
    auto found = cache_->Find(tenant, version, now);
    if (found || found.error().code != ErrorCode::kWouldBlock || wait == Wait::kNever) return found;
    if (now >= deadline) return OutOfTime();
    const KeyCache::Step step = cache_->Begin(tenant, true, version, now);
    if (step.kind == KeyCache::Step::Kind::kLoadState) TS_RETURN_IF_ERROR(LoadState(tenant, step));
    if (step.kind == KeyCache::Step::Kind::kFetchKey) FetchKey(tenant, step, deadline);
  }
  return OutOfTime();
}

Result<LeasedKey> Keyring::Active(const model::TenantId& tenant, Wait wait,
                                  base::Deadline deadline) {
  return Key(tenant, std::nullopt, wait, deadline);
}

Result<LeasedKey> Keyring::Version(const model::TenantId& tenant, std::uint32_t version, Wait wait,
                                   base::Deadline deadline) {
  const base::BootTime asked = clock_.Boot();
  auto found = Key(tenant, version, wait, deadline);
  if (found || found.error().code != ErrorCode::kDecryptFailed) return found;
  // Another process may seal under a version for up to a lease before this one hears of it.
  if (wait == Wait::kNever) return Error{ErrorCode::kWouldBlock, "the version may be a new one"};
  if (lease_.FailedLately(asked)) return StoreGone("reads fail.");
  if (const auto read = lease_.RefreshSince(asked); !read) {
    return read.error().code == ErrorCode::kIntegrity ? read.error()
                                                      : StoreGone(read.error().message);
  }
  return Key(tenant, version, wait, deadline);
}

Result<std::shared_ptr<const model::TenantState>> Keyring::State(const model::TenantId& tenant,
                                                                 Wait wait) {
  for (int i = 0; i < kStepsMax; ++i) {
    TS_ASSIGN_OR_RETURN(const base::BootTime now, EnsureLease(wait));
    auto found = cache_->FindState(tenant, now);
    if (found || found.error().code != ErrorCode::kWouldBlock || wait == Wait::kNever) return found;
    const KeyCache::Step step = cache_->Begin(tenant, false, std::nullopt, now);
    if (step.kind == KeyCache::Step::Kind::kLoadState) TS_RETURN_IF_ERROR(LoadState(tenant, step));
  }
  return OutOfTime();
}

Result<void> Keyring::LoadState(const model::TenantId& tenant, const CacheStep& step) {
  const base::BootTime sent = clock_.Boot();
  auto state = store_.LoadTenant(tenant);
  if (state) {
    cache_->PutState(tenant, step.generation,
                     std::make_shared<const model::TenantState>(std::move(*state)), sent);
    return {};
  }
  if (state.error().code == ErrorCode::kNotFound) {
    cache_->PutMissing(tenant, step.generation);
    return NotFound("There is no such tenant.");
  }
  const bool integrity = state.error().code == ErrorCode::kIntegrity;
  cache_->FailState(tenant, state.error(),
                    integrity ? std::optional(clock_.Boot() + 5s) : std::nullopt);
  if (!integrity) return StoreGone(state.error().message);
  ++integrity_alarms_;
  base::LogError("ALARM: a tenant's rows are not what was written",
                 {{"tenant", tenant.text()}, {"error", state.error().message}});
  return state.error();
}

void Keyring::FetchKey(const model::TenantId& tenant, const CacheStep& step,
                       kms::CallLimits limits) {
  auto fetched = source_->Fetch(*step.state, step.version, limits);
  if (!fetched) return NoteFailure(tenant, step, fetched.error());
  ++renewals_;
  cache_->PutKey(tenant, step, std::move(fetched->key), fetched->sent);
}

// The cache answers from now on, in its own words.
void Keyring::NoteFailure(const model::TenantId& tenant, const CacheStep& step,
                          const Error& error) {
  const base::BootTime now = clock_.Boot();
  ++renewal_failures_;
  if (error.code == ErrorCode::kKeyRevoked) {
    if (cache_->NoteRevoked(tenant, step, clock_.Utc(), now)) RecordRefusal(tenant);
    return;
  }
  if (error.code == ErrorCode::kIntegrity) {
    ++integrity_alarms_;
    base::LogError(
        "ALARM: a tenant key is not what was wrapped",
        {{"tenant", tenant.text()}, {"version", step.version}, {"error", error.message}});
    return cache_->NoteIntegrity(tenant, step, error, now);
  }
  const bool ours = error.code == ErrorCode::kServiceFault;
  if (ours) ++service_faults_;
  // An outage concerns thousands of tenants at once.
  std::int64_t quiet_until = quiet_until_ns_;
  if (now.since_boot().count() >= quiet_until &&
      quiet_until_ns_.compare_exchange_strong(quiet_until,
                                              (now + kFailureLogInterval).since_boot().count())) {
    if (ours) {
      base::LogError("ALARM: the provider refuses the service's own credentials",
                     {{"tenant", tenant.text()}, {"error", error.message}});
    } else {
      base::LogWarning("a key provider cannot be reached",
                       {{"tenant", tenant.text()}, {"error", error.message}});
    }
  }
  cache_->NoteUnavailable(tenant, step, error, now);
}

// Tells the store, and so every process, of a refusal that this process has met.
void Keyring::RecordRefusal(const model::TenantId& tenant) {
  const auto refusal = cache_->FindRefusal(tenant);
  if (!refusal || refusal->stored) return;
  const auto state = store_.LoadTenant(tenant);
  // Met on the way out of a migration: nothing depends on that provider any more.
  if (state && state->tenant.current_provider != refusal->provider)
    return cache_->ClearRefusal(tenant);
  ++revocations_;
  base::LogWarning("a key provider refuses a tenant's key; its use has stopped",
                   {{"tenant", tenant.text()},
                    {"arnFingerPrint", refusal->provider.text()},
                    {"lastUseAfterUnwrapMs", Milliseconds(refusal->last_use)}});
  const model::KeyProvider* provider = state ? state->FindProvider(refusal->provider) : nullptr;
  if (provider != nullptr && provider->revoked_at) return cache_->MarkStored(tenant, false);
  const auto recorded =
      store_.SetProviderRevoked(tenant, refusal->provider, refusal->since, std::nullopt);
  if (recorded) return cache_->MarkStored(tenant, true);
  base::LogError("cannot record a refusal; other processes will meet it themselves",
                 {{"tenant", tenant.text()}, {"error", recorded.error().message}});
}

model::NewEvent Keyring::ProviderEvent(std::string_view type, const model::TenantState& state,
                                       const model::KeyProvider& provider,
                                       base::UtcTime since) const {
  return events::MakeEvent(clock_, random_, model::Scope::Of(state.tenant.id), type, "system",
                           {{"tenantId", state.tenant.id.text()},
                            {"arnFingerPrint", provider.fingerprint.text()},
                            {"arn", provider.arn},
                            {"revokedAt", base::FormatUtc(since)}});
}

// Asks a provider that refuses once more.
void Keyring::Probe(const model::TenantId& tenant, const CacheStep& step) {
  if (const auto before = cache_->FindRefusal(tenant); before && !before->stored)
    RecordRefusal(tenant);
  const kms::CallLimits limits(clock_.Boot() + kBackgroundCall, kms::CallPurpose::kLeaseRenewal);
  const auto fetched = source_->Ask(*step.state, step.version, limits);
  if (!fetched && fetched.error().code == ErrorCode::kServiceFault) ++service_faults_;
  auto refusal = cache_->FindRefusal(tenant);
  // The answer is of the provider that was asked.
  if (refusal && refusal->provider != step.state->tenant.current_provider) refusal.reset();
  if (refusal && fetched) {
    static_cast<void>(Reinstate(tenant, *refusal));  // Or else the next probe does.
  } else if (refusal && fetched.error().code == ErrorCode::kKeyRevoked && refusal->ours &&
             !refusal->told) {
    TellOfRefusal(tenant, *refusal);
  }
  cache_->EndProbe(tenant, clock_.Boot());
}

Result<void> Keyring::AskAgain(const model::TenantId& tenant, base::Deadline deadline) {
  ForgetState(tenant);  // Another process may have met the refusal a moment ago.
  TS_ASSIGN_OR_RETURN(const auto state, State(tenant, Wait::kAllowed));
  const auto refusal = cache_->FindRefusal(tenant);
  if (!refusal || refusal->provider != state->tenant.current_provider) return {};
  const auto fetched = source_->Ask(*state, state->tenant.active_version, deadline);
  if (!fetched) return fetched.error();
  return Reinstate(tenant, *refusal);
}

void Keyring::TellOfRefusal(const model::TenantId& tenant, const KeyRefusal& refusal) {
  const auto state = store_.LoadTenant(tenant);
  const model::KeyProvider* provider = state ? state->FindProvider(refusal.provider) : nullptr;
  if (provider == nullptr) return;
  // Of two processes that met it at the same time, the one whose record stands tells of it.
  if (provider->revoked_at != refusal.since) return cache_->MarkTold(tenant);
  const auto told = store_.SetProviderRevoked(
      tenant, refusal.provider, refusal.since,
      ProviderEvent(events::kKeyProviderRevoked, *state, *provider, refusal.since));
  if (told) cache_->MarkTold(tenant);
}

Result<void> Keyring::Reinstate(const model::TenantId& tenant, const KeyRefusal& refusal) {
  const auto state = store_.LoadTenant(tenant);
  if (!state) return state.error();
  const model::KeyProvider* provider = state->FindProvider(refusal.provider);
  if (provider != nullptr && provider->revoked_at) {
    std::optional<model::NewEvent> event;
    if (refusal.told)
      event =
          ProviderEvent(events::kKeyProviderReinstated, *state, *provider, *provider->revoked_at);
    TS_RETURN_IF_ERROR(store_.SetProviderRevoked(tenant, refusal.provider, std::nullopt, event));
    base::LogInfo("a key provider allows a tenant's key again", {{"tenant", tenant.text()}});
  }
  cache_->ClearRefusal(tenant);
  return {};
}

void Keyring::Run(const DueWork& due) {
  switch (due.kind) {
    case DueWork::Kind::kReload:
      // Failures are logged and met again by whoever asks.
      static_cast<void>(LoadState(due.tenant, due.step));
      break;
    case DueWork::Kind::kRenew:
      // The deadline counts from here, not from when the work became due.
      FetchKey(due.tenant, due.step,
               {clock_.Boot() + kBackgroundCall, kms::CallPurpose::kLeaseRenewal});
      break;
    case DueWork::Kind::kProbe:
      Probe(due.tenant, due.step);
      break;
  }
}

void Keyring::Tick() {
  for (const DueWork& due : cache_->CollectDue(clock_.Boot())) {
    if (due.kind == DueWork::Kind::kReload || executor_ == nullptr) {
      Run(due);
    } else if (!executor_->Submit(DomainOf(due), [this, due] { Run(due); })) {
      cache_->Abandon(due);
    }
  }
}

Result<Keyring::MintedKey> Keyring::Mint(const model::TenantId& tenant,
                                         const model::KeyProvider& provider, std::uint32_t version,
                                         base::Deadline deadline) {
  TS_ASSIGN_OR_RETURN(KeySource::Minted minted, source_->Mint(tenant, provider, version, deadline));
  return MintedKey{std::move(minted.key), std::move(minted.wrap)};
}

void Keyring::ForgetState(const model::TenantId& tenant) { cache_->Drop(tenant); }

void Keyring::Forget(const model::TenantId& tenant) { cache_->Erase(tenant); }

KeyringStats Keyring::Stats() const {
  KeyringStats stats;
  stats.tenants_cached = cache_->size();
  stats.renewals = renewals_;
  stats.renewal_failures = renewal_failures_;
  stats.revocations = revocations_;
  stats.integrity_alarms = integrity_alarms_;
  stats.service_faults = service_faults_;
  stats.longest_use_ms = Milliseconds(cache_->longest_use().any);
  stats.longest_use_before_refusal_ms = Milliseconds(cache_->longest_use().before_refusal);
  return stats;
}

}  // namespace tenantseal::keyring
