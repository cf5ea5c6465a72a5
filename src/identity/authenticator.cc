#include "identity/authenticator.h"

#include <mutex>

#include "crypto/digest.h"
#include "identity/token.h"

namespace tenantseal::identity {
namespace {

Error Unauthenticated() {
  return {ErrorCode::kUnauthenticated, "The API key is missing, unknown, deleted or expired.",
          "Authorization"};
}

}  // namespace

Authenticator::Authenticator(store::Store& store, keyring::StoreLease& lease,
                             const base::Clock& clock, const base::Random& random,
                             base::Secret256 pepper)
    : store_(store),
      lease_(lease),
      clock_(clock),
      pepper_(std::move(pepper)),
      digest_key_(random.Key()) {
  lease_.AddListener([this](const store::Changes& changes) { Drop(changes); });
}

Result<Principal> Authenticator::Authenticate(std::string_view token, keyring::Wait wait) {
  if (!IsTokenShape(token)) return Unauthenticated();
  const Digest digest = crypto::Sha256({digest_key_.Reveal(), base::AsBytes(token)});
  base::BootTime now = clock_.Boot();
  if (lease_.RemainingAt(now) <= base::Duration::zero()) {
    if (wait == keyring::Wait::kNever) return Error{ErrorCode::kWouldBlock, ""};
    TS_ASSIGN_OR_RETURN(now, lease_.EnsureLive());
  }
  {
    std::shared_lock lock(mutex_);
    const auto found = entries_.find(digest);
    if (found != entries_.end() && now - found->second.sent < kEntryAgeMax) {
      const Entry& entry = found->second;
      if (entry.expires_at && *entry.expires_at <= clock_.Utc()) return Unauthenticated();
      return entry.principal;
    }
  }
  if (wait == keyring::Wait::kNever) return Error{ErrorCode::kWouldBlock, ""};
  return Load(token, digest);
}

Result<Principal> Authenticator::Load(std::string_view token, const Digest& digest) {
  std::uint64_t generation;
  {
    std::shared_lock lock(mutex_);
    generation = generation_;
  }
  const base::BootTime sent = clock_.Boot();
  const TokenRecord record = RecordOf(pepper_, token);
  auto loaded = store_.LoadApiKey(record.id);
  if (!loaded && loaded.error().code == ErrorCode::kNotFound) return Unauthenticated();
  if (!loaded) return std::move(loaded).error();
  const model::ApiKey& key = *loaded;
  if (!base::ConstantTimeEqual(key.secret_hash, record.hash)) return Unauthenticated();
  if (key.expires_at && *key.expires_at <= clock_.Utc()) return Unauthenticated();

  Entry entry{
      {"api-key:" + key.id.text(), key.role, key.tenant}, key.scope(), key.expires_at, sent};
  std::unique_lock lock(mutex_);
  // A change that was seen while this key was being read may have been its deletion.
  if (generation == generation_) {
    if (entries_.size() >= kEntriesMax) entries_.clear();
    entries_.insert_or_assign(digest, entry);
  }
  return entry.principal;
}

void Authenticator::Drop(const store::Changes& changes) {
  std::unique_lock lock(mutex_);
  ++generation_;
  if (changes.everything) return entries_.clear();
  for (const store::Change& change : changes.changed) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.second.scope == change.scope; });
  }
}

}  // namespace tenantseal::identity
