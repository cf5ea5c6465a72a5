// Data keys, API keys, events, counts and rewrap jobs.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "model/ids.h"

namespace tenantseal::model {

// A managed data key: its wrapped form and what it is bound to. Not under a row MAC: the wrapped
// form itself authenticates id, tenant, version and context.
struct DataKey {
  DataKeyId id;
  TenantId tenant;
  std::uint32_t version = 0;  // The tenant key version that wraps it.
  std::string wrapped;        // "#BYOKv1#:..." text of docs/formats.md.
  base::Bytes context;        // EncryptionContext::serialized().
  base::UtcTime created_at;
  bool operator==(const DataKey&) const = default;
};

enum class Role : std::uint8_t {
  kPlatformOperator = 1,  // Tenants and their keys; no content.
  kTenantAdmin = 2,       // Providers, rotation and events of its tenant.
  kContentService = 3,    // Seal, open, data keys: of its tenant, or of any when it has none.
  kAuditor = 4,           // Reads events of its tenant, or of the deployment when it has none.
};
std::string_view RoleName(Role role);  // "PlatformOperator" ...
std::optional<Role> ParseRole(std::string_view name);

// An API key as stored: a keyed hash of its secret, never the secret.
struct ApiKey {
  ApiKeyId id;
  std::string description;
  Role role = Role::kAuditor;
  std::optional<TenantId> tenant;  // None: for the whole deployment.
  std::array<std::uint8_t, 32> secret_hash{};
  base::UtcTime created_at;
  std::optional<base::UtcTime> expires_at;
  std::string created_by;  // Principal, e.g. "api-key:ID" or "first-start".
  bool operator==(const ApiKey&) const = default;

  Scope scope() const { return tenant ? Scope::Of(*tenant) : Scope::Deployment(); }
};

// An event to be appended to a chain, in the transaction of the change that it tells of.
struct NewEvent {
  Scope scope = Scope::Deployment();
  std::string id;  // UUID.
  base::UtcTime time;
  std::string type;    // e.g. "com.tenantseal.v1.tenant.created".
  std::string source;  // e.g. "com.tenantseal/encryption".
  std::string actor;   // Who did it: principal text.
  std::string data;    // A JSON object.
};

// An event in its chain. hash = SHA-256 over the length-prefixed fields, `previous_hash` first.
struct Event {
  NewEvent content;
  std::uint64_t sequence = 0;  // 1, 2, 3, ... within its scope.
  std::array<std::uint8_t, 32> previous_hash{};
  std::array<std::uint8_t, 32> hash{};
};

// How often one principal did one thing with one outcome in one minute.
struct UsageCount {
  std::int64_t minute = 0;  // Minutes since 1970-01-01T00:00Z.
  Scope scope = Scope::Deployment();
  std::string principal;
  std::string operation;  // "seal", "open", "unwrap", ...
  std::string outcome;    // "ok" or an error code's name.
  std::uint64_t count = 0;
};

enum class RewrapState : std::uint8_t { kRunning = 1, kDone = 2, kPaused = 3, kCancelled = 4 };

// The work of moving all managed data keys of a tenant to its active version, for a rotation or for
// the migration of the same id. One per tenant at a time. `fence` grows with every change of owner;
// a batch under an old fence is refused.
struct RewrapJob {
  TenantId tenant;
  std::string id;  // UUID.
  std::uint32_t to_version = 0;
  RewrapState state = RewrapState::kRunning;
  std::uint64_t total = 0;  // Data keys to move when it started.
  std::uint64_t done = 0;
  std::uint64_t failed = 0;  // Set aside: they did not authenticate.
  std::uint64_t cursor = 0;  // Row position up to which all is done.
  std::uint64_t fence = 0;
  std::string started_by;
  base::UtcTime started_at;
  std::optional<base::UtcTime> finished_at;

  bool unfinished() const {
    return state == RewrapState::kRunning || state == RewrapState::kPaused;
  }
};

}  // namespace tenantseal::model
