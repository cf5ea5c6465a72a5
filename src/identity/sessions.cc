#include "identity/sessions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/hmac.h"
#include "events/event.h"
#include "identity/credentials.h"
#include "identity/token.h"

namespace tenantseal::identity {
namespace {

using model::SessionKind;

constexpr std::string_view kSessionsLabel = "tenantseal/sessions/v1";
constexpr base::Duration kRelianceMax = std::chrono::seconds(60);

base::Secret256 KeyFrom(const base::Secret256& pepper) {
  return base::Secret256(crypto::HmacSha256(pepper.Reveal(), base::AsBytes(kSessionsLabel)));
}

crypto::Sha256Digest Labelled(const base::Secret256& key, std::string_view label,
                              std::string_view token) {
  return crypto::HmacSha256(key.Reveal(), {base::AsBytes(label), base::AsBytes(token)});
}

model::SessionId IdOf(const base::Secret256& key, std::string_view token) {
  const auto id = Labelled(key, "session-id:", token);
  return model::SessionId::Parse(base::Base64UrlEncode(base::ByteSpan(id).first(12))).value();
}

base::UtcTime After(base::UtcTime now, base::Duration d) {
  return now + std::chrono::duration_cast<std::chrono::milliseconds>(d);
}

}  // namespace

Sessions::Sessions(store::Store& store, store::SessionStore& sessions, keyring::StoreLease& lease,
                   const base::Clock& clock, const base::Random& random,
                   const base::Secret256& pepper, SessionOptions options)
    : store_(store),
      sessions_(sessions),
      lease_(lease),
      clock_(clock),
      random_(random),
      pepper_(pepper.Copy()),
      key_(KeyFrom(pepper)),
      options_(options) {}

base::Duration Sessions::reliance() const { return std::min(kRelianceMax, options_.idle / 4); }

model::NewEvent Sessions::EventOf(std::string_view type, const model::Session& session) const {
  nlohmann::json data = {{"id", session.id.text()},
                         {"role", model::RoleName(session.role)},
                         {"signedInWith", SignedInWithName(session.signed_in_with)},
                         {"expiresAt", base::FormatUtc(session.expires_at)}};
  if (!session.name.empty()) data["name"] = session.name;
  if (!session.email.empty()) data["email"] = session.email;
  return events::MakeEvent(clock_, random_, session.scope(), type, session.principal, data);
}

Result<Identity> Sessions::CheckApiKey(std::string_view token) const {
  TS_ASSIGN_OR_RETURN(const model::ApiKey key, FindApiKey(store_, pepper_, token, clock_.Utc()));
  Identity who{"api-key:" + key.id.text()};
  who.name = key.description;
  who.role = key.role;
  who.tenant = key.tenant;
  who.api_key = key.id;
  who.expires_at = key.expires_at;
  return who;
}

// What a session stands on may have gone since it was made.
Result<void> Sessions::CheckStanding(const model::Session& session) const {
  if (session.api_key) {
    auto key = store_.LoadApiKey(*session.api_key);
    if (!key && key.error().code == ErrorCode::kNotFound) return UnknownSession();
    if (!key) return std::move(key).error();
    if (key->expires_at && *key->expires_at <= clock_.Utc()) return UnknownSession();
    if (key->role != session.role || key->tenant != session.tenant) return UnknownSession();
  }
  if (!session.tenant) return {};
  auto state = store_.LoadTenant(*session.tenant);
  if (!state && state.error().code == ErrorCode::kNotFound) return UnknownSession();
  if (!state) return std::move(state).error();
  if (state->tenant.status != model::TenantStatus::kActive) return UnknownSession();
  return {};
}

Result<OpenedSession> Sessions::Make(const Identity& who, SessionKind kind) {
  const bool browser = kind == SessionKind::kBrowser;
  const std::string_view prefix = browser ? kSessionTokenPrefix : kAccessTokenPrefix;
  OpenedSession opened{NewToken(random_, prefix), {}};
  model::Session& session = opened.session;
  const std::string_view token = opened.token.RevealText();
  session.id = IdOf(key_, token);
  session.secret_hash = Labelled(key_, "session-hash:", token);
  session.kind = kind;
  session.signed_in_with = who.with;
  session.principal = who.principal;
  session.name = who.name;
  session.email = who.email;
  session.role = who.role;
  session.tenant = who.tenant;
  session.api_key = who.api_key;
  session.created_at = clock_.Utc();
  session.expires_at = After(session.created_at, browser ? options_.max : options_.access_token);
  if (who.api_key && who.expires_at) {
    session.expires_at = std::min(session.expires_at, *who.expires_at);
  }
  session.idle_expires_at =
      browser ? std::min(session.expires_at, After(session.created_at, options_.idle))
              : session.expires_at;
  const Result<void> standing = CheckStanding(session);
  if (!standing && standing.error().code == ErrorCode::kUnauthenticated) {
    return Error{ErrorCode::kPermissionDenied,
                 "The tenant of these credentials is not active: ask its operator."};
  }
  if (!standing) return standing.error();
  const auto event = browser ? std::optional(EventOf(events::kSessionCreated, session))
                             : std::optional<model::NewEvent>();
  TS_RETURN_IF_ERROR(sessions_.CreateSession(session, options_.bounds, event));
  return opened;
}

Result<OpenedSession> Sessions::Open(const Identity& who) {
  return Make(who, SessionKind::kBrowser);
}

Result<OpenedSession> Sessions::GrantAccessToken(const Identity& who) {
  return Make(who, SessionKind::kAccessToken);
}

Result<model::Session> Sessions::Use(std::string_view token, SessionKind kind, SessionUse use) {
  if (!IsTokenShape(token)) return UnknownSession();
  const base::UtcTime now = clock_.Utc();
  auto found = sessions_.LoadSession(IdOf(key_, token));
  if (!found && found.error().code == ErrorCode::kNotFound) return UnknownSession();
  if (!found) return std::move(found).error();
  model::Session& session = *found;
  const auto hash = Labelled(key_, "session-hash:", token);
  if (!base::ConstantTimeEqual(session.secret_hash, hash) || session.kind != kind)
    return UnknownSession();
  if (session.idle_expires_at <= now || session.expires_at <= now) return UnknownSession();
  // Settings that have become stricter count for what was opened before, too.
  const base::Duration life = kind == SessionKind::kBrowser ? options_.max : options_.access_token;
  if (After(session.created_at, life) <= now) return UnknownSession();
  TS_RETURN_IF_ERROR(CheckStanding(session));
  if (kind != SessionKind::kBrowser || use == SessionUse::kLook) return session;
  // Written only once in a while: a page that is looked at asks several times a second.
  const base::UtcTime idle_end = std::min(session.expires_at, After(now, options_.idle));
  if (idle_end - session.idle_expires_at < reliance()) return session;
  auto extended = sessions_.ExtendSession(session.id, idle_end);
  if (!extended && extended.error().code == ErrorCode::kNotFound) return UnknownSession();
  if (!extended) return std::move(extended).error();
  session.idle_expires_at = idle_end;
  return session;
}

Result<void> Sessions::End(std::string_view token) {
  if (!IsTokenShape(token)) return {};
  auto found = sessions_.LoadSession(IdOf(key_, token));
  if (!found && found.error().code == ErrorCode::kNotFound) return {};
  if (!found) return std::move(found).error();
  const auto hash = Labelled(key_, "session-hash:", token);
  if (!base::ConstantTimeEqual(found->secret_hash, hash)) return {};
  auto epoch = sessions_.DeleteSession(found->id, EventOf(events::kSessionEnded, *found));
  if (!epoch && epoch.error().code == ErrorCode::kNotFound) return {};  // Just now, by another.
  if (!epoch) return std::move(epoch).error();
  return lease_.AwaitObeyed(*epoch);
}

std::string Sessions::CsrfToken(std::string_view session_token) const {
  return base::Base64UrlEncode(Labelled(key_, "csrf:", session_token));
}

bool Sessions::IsCsrfToken(std::string_view session_token, std::string_view presented) const {
  const std::string expected = CsrfToken(session_token);
  return base::ConstantTimeEqual(base::AsBytes(expected), base::AsBytes(presented));
}

std::string_view SignedInWithName(model::SignedInWith with) {
  return with == model::SignedInWith::kOidc ? "oidc" : "api-key";
}

}  // namespace tenantseal::identity
