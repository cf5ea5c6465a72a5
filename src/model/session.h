// Sessions of people who have signed in, and access tokens of machines.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "model/ids.h"
#include "model/records.h"

namespace tenantseal::model {

struct SessionIdTag {
  static constexpr std::size_t kCharsMin = 16, kCharsMax = 16, kRandomBytes = 12;
  static constexpr const char* kField = "id";
  static constexpr const char* kShape = "A session id has 16 characters of A-Z, a-z, 0-9, _ and -.";
};
using SessionId = Id<SessionIdTag>;

enum class SessionKind : std::uint8_t {
  kBrowser = 1,      // Presented as a cookie; ends when it is idle.
  kAccessToken = 2,  // Presented as a bearer token; never idle.
};

enum class SignedInWith : std::uint8_t { kApiKey = 1, kOidc = 2 };

// A session as stored: a keyed hash of its secret, never the secret.
struct Session {
  SessionId id;  // Derived from the secret; not secret itself.
  std::array<std::uint8_t, 32> secret_hash{};
  SessionKind kind = SessionKind::kBrowser;
  SignedInWith signed_in_with = SignedInWith::kApiKey;
  std::string principal;  // "api-key:ID" or "user:SUBJECT".
  std::string name;       // What the provider calls the user; may be empty. Only shown.
  std::string email;      // The same.
  Role role = Role::kAuditor;
  std::optional<TenantId> tenant;   // None: for the whole deployment.
  std::optional<ApiKeyId> api_key;  // The key that it was made with and dies with.
  base::UtcTime created_at;
  base::UtcTime idle_expires_at;  // Moves with use, never past expires_at.
  base::UtcTime expires_at;
  bool operator==(const Session&) const = default;

  Scope scope() const { return tenant ? Scope::Of(*tenant) : Scope::Deployment(); }
};

}  // namespace tenantseal::model
