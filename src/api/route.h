// One route, what it is given and what it may use.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "events/usage.h"
#include "events/webhooks.h"
#include "identity/api_keys.h"
#include "identity/authenticator.h"
#include "keyring/data_keys.h"
#include "keyring/rotation.h"
#include "keyring/tenants.h"
#include "keyring/values.h"
#include "migration/migrations.h"
#include "net/http_server.h"
#include "net/message.h"
#include "providers/key_providers.h"
#include "store/kms_call_store.h"
#include "store/store.h"

namespace tenantseal::api {

class LiveStreams;
class RateLimit;
class SignIn;

// What the routes work with. Everything is thread-safe and outlives the handler.
struct Services {
  keyring::Keyring& keyring;
  keyring::StoreLease& lease;
  keyring::Values& values;
  keyring::DataKeys& data_keys;
  keyring::Rotation& rotation;
  keyring::Tenants& tenants;
  providers::KeyProviders& providers;
  migration::Migrations& migrations;
  identity::ApiKeys& api_keys;
  identity::Authenticator& authenticator;
  SignIn& sign_in;
  events::UsageCounter& usage;
  store::Store& store;
  const base::Clock& clock;
  std::string default_region;
  // The statements that a key's policy needs for a tenant, as JSON.
  std::function<Result<std::string>(const model::TenantId&)> key_policy;
  // Calls of AWS KMS; null: they are not kept.
  const store::KmsCallStore* kms_calls = nullptr;
  base::Duration kms_call_retention{};
  std::vector<std::string> aws_principals = {};  // That the service calls as; may be empty.
  LiveStreams* live = nullptr;                   // Null: nothing is streamed.
  events::Webhooks* webhooks = nullptr;          // Null: there are none.
  // What must hold for content to be sealed, beside the store lease; may be empty.
  std::function<Result<void>()> ready = {};
};

// Outcomes of the items of one request, to be counted when it is answered.
class Tally {
 public:
  void Ok() { ++counts_[0]; }
  void Failed(ErrorCode code) { ++counts_[1 + static_cast<std::size_t>(code)]; }
  bool empty() const {
    return std::all_of(counts_.begin(), counts_.end(), [](std::uint32_t n) { return n == 0; });
  }
  bool Has(ErrorCode code) const { return counts_[1 + static_cast<std::size_t>(code)] > 0; }
  template <typename F>
  void ForEach(F f) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] > 0)
        f(i == 0 ? "ok" : ErrorCodeName(static_cast<ErrorCode>(i - 1)), counts_[i]);
    }
  }

 private:
  std::array<std::uint32_t, 19> counts_{};
};

// One request as its route sees it.
struct Call {
  Services& services;
  const net::Request& request;
  std::optional<identity::Principal> principal = {};  // None on public routes.
  std::optional<model::TenantId>
      tenant;                  // Whose tenant this is about; set where Access asks for it.
  std::string_view parameter;  // The {…} of the pattern, if it has one.
  keyring::Wait wait = keyring::Wait::kNever;
  Tally tally;
  std::optional<model::EncryptionContext> context;  // Of the item at hand; see batch.h.
  std::optional<std::string_view> session = {};     // The token of the session that it came with.
  std::string_view second_parameter = {};           // Of a pattern with two.
};

enum class Access : std::uint8_t {
  kPublic,       // Anyone.
  kOperator,     // PlatformOperator.
  kTenantAdmin,  // TenantAdmin of the tenant.
  kContent,      // ContentService for the tenant: its own, or the one named in Tenantseal-Tenant.
  kAdminOrAuditor,  // TenantAdmin or Auditor of the tenant.
  kAnyOfTenant,     // Whoever has a tenant, or names one and may.
  kAnyone,          // Any valid key; the route decides.
};

// What limits how often a route may be called.
enum class Tier : std::uint8_t { kNone, kData, kRead, kWrite };

struct Route {
  net::Method method;
  std::string_view pattern;  // Static text, or with one or two "{…}" segments.
  Access access;
  Tier tier;
  bool inline_first;  // Try on the I/O thread with Wait::kNever before going to a worker.
  std::size_t body_bytes_max;
  std::string_view operation;  // Name in counts and metrics.
  Result<net::Response> (*run)(Call&);
};

// JSON answers.
net::Response Json(int status, std::string body);
net::Response SecretJson(int status, base::SecretBytes body);
net::Response NoContent();
// The same answer, which no cache may keep. SecretJson is one already.
net::Response Uncached(net::Response response);

}  // namespace tenantseal::api
