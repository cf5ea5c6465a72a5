#include "identity/authenticator.h"

#include <mutex>

#include "crypto/digest.h"
#include "identity/credentials.h"
#include "identity/token.h"

namespace tenantseal::identity {

Authenticator::Authenticator(store::Store& store, keyring::StoreLease& lease,
                             const base::Clock& clock, const base::Random& random,
                             base::Secret256 pepper, OtherCredentials others)
    : store_(store),
      lease_(lease),
      clock_(clock),
      pepper_(std::move(pepper)),
      digest_key_(random.Key()),
      others_(others) {
  lease_.AddListener([this](const store::Changes& changes) { Drop(changes); });
}

Result<Principal> Authenticator::Authenticate(std::string_view token, keyring::Wait wait) {
  const bool foreign = others_.verifier != nullptr && others_.verifier->Claims(token);
  if (!foreign && !IsTokenShape(token)) return UnknownApiKey();
  return Check(Kind::kBearer, token, wait, SessionUse::kLook);
}

Result<Principal> Authenticator::AuthenticateSession(std::string_view token, keyring::Wait wait,
                                                     SessionUse use) {
  if (others_.sessions == nullptr || !IsTokenShape(token)) return UnknownSession();
  return Check(Kind::kSession, token, wait, use);
}

// Whether an entry may be relied on without looking it up, and, for a session in use, without
// noting the use: those who only look must not keep the others from noting theirs.
bool Authenticator::IsFresh(Kind kind, const Entry& entry, base::BootTime now,
                            SessionUse use) const {
  if (kind == Kind::kBearer) return now - entry.sent < kEntryAgeMax;
  const base::Duration age_max = others_.sessions->reliance();
  const bool noted = entry.used && now - *entry.used < age_max;
  return now - entry.sent < age_max && (use == SessionUse::kLook || noted);
}

Result<Principal> Authenticator::Check(Kind kind, std::string_view token, keyring::Wait wait,
                                       SessionUse use) {
  const std::uint8_t label = static_cast<std::uint8_t>(kind);
  const Digest digest = crypto::Sha256({digest_key_.Reveal(), {&label, 1}, base::AsBytes(token)});
  base::BootTime now = clock_.Boot();
  if (lease_.RemainingAt(now) <= base::Duration::zero()) {
    if (wait == keyring::Wait::kNever) return Error{ErrorCode::kWouldBlock, ""};
    TS_ASSIGN_OR_RETURN(now, lease_.EnsureLive());
  }
  {
    std::shared_lock lock(mutex_);
    const auto found = entries_.find(digest);
    if (found != entries_.end() && IsFresh(kind, found->second, now, use)) {
      const Entry& entry = found->second;
      if (!entry.expires_at || *entry.expires_at > clock_.Utc()) return entry.principal;
      // Another process may have used the session, which moves its end; nothing moves the others'.
      if (kind == Kind::kBearer) return UnknownApiKey();
    }
  }
  if (wait == keyring::Wait::kNever) return Error{ErrorCode::kWouldBlock, ""};
  return Load(kind, token, digest, use);
}

Result<Authenticator::Entry> Authenticator::LookUpSession(std::string_view token,
                                                          model::SessionKind kind, SessionUse use) {
  const base::BootTime sent = clock_.Boot();
  TS_ASSIGN_OR_RETURN(const model::Session session, others_.sessions->Use(token, kind, use));
  return Entry{{session.principal, session.role, session.tenant},
               session.scope(),
               session.idle_expires_at,
               sent,
               use == SessionUse::kUse ? std::optional(sent) : std::nullopt};
}

Result<Authenticator::Entry> Authenticator::LookUpForeign(std::string_view token) {
  const base::BootTime sent = clock_.Boot();
  TS_ASSIGN_OR_RETURN(const TokenVerifier::Verified verified, others_.verifier->Verify(token));
  const model::Scope scope = verified.principal.tenant
                                 ? model::Scope::Of(*verified.principal.tenant)
                                 : model::Scope::Deployment();
  return Entry{verified.principal, scope, verified.expires_at, sent};
}

Result<Authenticator::Entry> Authenticator::LookUp(Kind kind, std::string_view token,
                                                   SessionUse use) {
  if (kind == Kind::kSession) return LookUpSession(token, model::SessionKind::kBrowser, use);
  if (others_.verifier != nullptr && others_.verifier->Claims(token)) return LookUpForeign(token);
  if (others_.sessions != nullptr && token.starts_with(kAccessTokenPrefix)) {
    auto entry = LookUpSession(token, model::SessionKind::kAccessToken, use);
    // An operator may have chosen an API key that begins alike.
    if (entry || entry.error().code != ErrorCode::kUnauthenticated) return entry;
  }
  const base::BootTime sent = clock_.Boot();
  TS_ASSIGN_OR_RETURN(const model::ApiKey key, FindApiKey(store_, pepper_, token, clock_.Utc()));
  return Entry{
      {"api-key:" + key.id.text(), key.role, key.tenant}, key.scope(), key.expires_at, sent};
}

Result<Principal> Authenticator::Load(Kind kind, std::string_view token, const Digest& digest,
                                      SessionUse use) {
  std::uint64_t generation;
  {
    std::shared_lock lock(mutex_);
    generation = generation_;
  }
  TS_ASSIGN_OR_RETURN(Entry entry, LookUp(kind, token, use));
  std::unique_lock lock(mutex_);
  // A change that was seen while this was being read may have been its end.
  if (generation == generation_) {
    if (entries_.size() >= kEntriesMax) entries_.clear();
    entries_.insert_or_assign(digest, entry);
  }
  return std::move(entry.principal);
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
