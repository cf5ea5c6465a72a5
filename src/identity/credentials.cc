#include "identity/credentials.h"

#include "identity/token.h"

namespace tenantseal::identity {

Error UnknownApiKey() {
  return {ErrorCode::kUnauthenticated, "The API key is missing, unknown, deleted or expired.",
          "Authorization"};
}

Error UnknownSession() {
  return {ErrorCode::kUnauthenticated,
          "The session is unknown or has ended: sign in again, or get another access token."};
}

Error RefusedToken(ErrorCode code) {
  if (code == ErrorCode::kPermissionDenied)
    return {code, "The bearer token is good, but gives no role here, or names no active tenant."};
  return {ErrorCode::kUnauthenticated,
          "The bearer token is not one that this service takes, or has expired.", "Authorization"};
}

Result<model::ApiKey> FindApiKey(const store::Store& store, const base::Secret256& pepper,
                                 std::string_view token, base::UtcTime now) {
  if (!IsTokenShape(token)) return UnknownApiKey();
  const TokenRecord record = RecordOf(pepper, token);
  auto key = store.LoadApiKey(record.id);
  if (!key && key.error().code == ErrorCode::kNotFound) return UnknownApiKey();
  if (!key) return std::move(key).error();
  if (!base::ConstantTimeEqual(key->secret_hash, record.hash)) return UnknownApiKey();
  if (key->expires_at && *key->expires_at <= now) return UnknownApiKey();
  return key;
}

}  // namespace tenantseal::identity
