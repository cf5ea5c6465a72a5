#include "identity/api_keys.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/limits.h"
#include "events/event.h"
#include "identity/token.h"

namespace tenantseal::identity {
namespace {

constexpr const char* kFirstStart = "first-start";  // Who made the first operator's key.
constexpr base::Duration kExpiryMax = std::chrono::hours(24 * 3650);

// A hundred years: more than any expiry, far less than what a Duration holds.
constexpr std::int64_t kDurationSecondsMax = 100L * 365 * 86400;

// The seconds that a designator of ISO 8601 stands for, before or behind the T; 0 for none.
std::int64_t DesignatorSeconds(char c, bool in_time) {
  if (!in_time) return c == 'W' ? 7 * 86400 : c == 'D' ? 86400 : 0;
  return c == 'H' ? 3600 : c == 'M' ? 60 : c == 'S' ? 1 : 0;
}

bool ManagesKeysOf(const Principal& caller, const model::Scope& scope) {
  if (caller.role == model::Role::kPlatformOperator) return true;
  return caller.role == model::Role::kTenantAdmin && caller.tenant &&
         model::Scope::Of(*caller.tenant) == scope;
}

Error NotAllowed() {
  return {ErrorCode::kPermissionDenied,
          "API keys are managed by a PlatformOperator, or by a TenantAdmin for its own tenant."};
}

// A deployment-wide admin has no tenant to administer; an operator's key belongs to none.
Result<void> CheckRoleAndTenant(const NewApiKey& request) {
  const bool has_tenant = request.tenant.has_value();
  if (request.role == model::Role::kPlatformOperator && has_tenant) {
    return InvalidArgument("tenantId",
                           "A PlatformOperator's key belongs to no tenant: leave tenantId out.");
  }
  if (request.role == model::Role::kTenantAdmin && !has_tenant) {
    return InvalidArgument("tenantId",
                           "A TenantAdmin's key needs the tenantId that it administers.");
  }
  return {};
}

Result<void> CheckRequest(const NewApiKey& request) {
  if (request.description.size() > base::kDescriptionBytesMax) {
    return InvalidArgument(
        "description",
        "The description is longer than " + std::to_string(base::kDescriptionBytesMax) + " bytes.");
  }
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7F; };
  if (!base::IsUtf8(request.description) ||
      std::any_of(request.description.begin(), request.description.end(), is_control)) {
    return InvalidArgument("description",
                           "The description must be UTF-8 text without control characters.");
  }
  if (request.expiry &&
      (*request.expiry < std::chrono::seconds(1) || *request.expiry > kExpiryMax)) {
    return InvalidArgument("expiry", "The expiry must lie between PT1S and P3650D.");
  }
  return CheckRoleAndTenant(request);
}

}  // namespace

model::NewEvent ApiKeys::EventOf(std::string_view type, const model::ApiKey& key,
                                 const std::string& actor) const {
  nlohmann::json data = {
      {"id", key.id.text()}, {"description", key.description}, {"role", model::RoleName(key.role)}};
  if (key.tenant) data["tenantId"] = key.tenant->text();
  if (key.expires_at) data["expiry"] = base::FormatUtc(*key.expires_at);
  return events::MakeEvent(clock_, random_, key.scope(), type, actor, data);
}

Result<MintedApiKey> ApiKeys::Create(const Principal& creator, const NewApiKey& request) {
  const model::Scope scope =
      request.tenant ? model::Scope::Of(*request.tenant) : model::Scope::Deployment();
  const bool for_operator = request.role == model::Role::kPlatformOperator;
  if (!ManagesKeysOf(creator, scope) ||
      (for_operator && creator.role != model::Role::kPlatformOperator)) {
    return NotAllowed();
  }
  TS_RETURN_IF_ERROR(CheckRequest(request));
  if (request.tenant) TS_RETURN_IF_ERROR(store_.LoadTenant(*request.tenant));
  MintedApiKey minted;
  minted.token = NewKeyToken();
  const TokenRecord record = RecordOf(pepper_, minted.token.RevealText());
  model::ApiKey& key = minted.key;
  key.id = record.id;
  key.secret_hash = record.hash;
  key.description = request.description;
  key.role = request.role;
  key.tenant = request.tenant;
  key.created_at = clock_.Utc();
  if (request.expiry) {
    key.expires_at =
        key.created_at + std::chrono::duration_cast<std::chrono::milliseconds>(*request.expiry);
  }
  key.created_by = creator.id;
  TS_RETURN_IF_ERROR(store_.CreateApiKey(key, EventOf(events::kApiKeyCreated, key, creator.id)));
  return minted;
}

base::SecretBytes ApiKeys::NewKeyToken() const {
  while (true) {
    base::SecretBytes token = NewToken(random_);
    // A command line takes an id that begins with a dash for a flag.
    if (!RecordOf(pepper_, token.RevealText()).id.text().starts_with('-')) return token;
  }
}

Result<bool> ApiKeys::FindOperator() const {
  TS_ASSIGN_OR_RETURN(const auto keys, store_.ListApiKeys(model::Scope::Deployment()));
  const base::UtcTime now = clock_.Utc();
  return std::any_of(keys.begin(), keys.end(), [now](const model::ApiKey& key) {
    return key.role == model::Role::kPlatformOperator && (!key.expires_at || *key.expires_at > now);
  });
}

Result<bool> ApiKeys::OperatorWasMade() const {
  std::uint64_t after = 0;
  while (true) {
    TS_ASSIGN_OR_RETURN(const std::vector<model::Event> events,
                        store_.ListEvents(model::Scope::Deployment(), after, base::kPageItemsMax));
    if (events.empty()) return false;
    for (const model::Event& event : events) {
      if (event.content.type == events::kApiKeyCreated && event.content.actor == kFirstStart)
        return true;
    }
    after = events.back().sequence;
  }
}

Result<bool> ApiKeys::HasOperator() const {
  TS_ASSIGN_OR_RETURN(bool there, FindOperator());
  if (there) return true;
  TS_ASSIGN_OR_RETURN(const bool was_made, OperatorWasMade());
  if (!was_made) return false;
  // Perhaps just now, by another process.
  TS_ASSIGN_OR_RETURN(there, FindOperator());
  if (there) return true;
  return IntegrityError(
      "The deployment's events tell of a first operator's API key, but there is no operator's key "
      "any more, and the last one cannot be deleted. Find out who changed the database, then "
      "restore a backup.");
}

Result<bool> ApiKeys::EnsureOperator(std::string_view token) {
  TS_RETURN_IF_ERROR(CheckOperatorToken(token));
  TS_ASSIGN_OR_RETURN(const bool exists, HasOperator());
  if (exists) return false;
  const TokenRecord record = RecordOf(pepper_, token);
  model::ApiKey key;
  key.id = record.id;
  key.secret_hash = record.hash;
  key.description = "The first operator";
  key.role = model::Role::kPlatformOperator;
  key.created_at = clock_.Utc();
  key.created_by = kFirstStart;
  auto created = store_.CreateApiKey(key, EventOf(events::kApiKeyCreated, key, key.created_by));
  // Another process that starts at the same time with the same token has made it.
  if (!created && created.error().code == ErrorCode::kAlreadyExists) return false;
  if (!created) return std::move(created).error();
  return true;
}

Result<std::vector<model::ApiKey>> ApiKeys::List(
    const Principal& caller, const std::optional<model::TenantId>& tenant) const {
  std::optional<model::TenantId> whose = caller.tenant ? caller.tenant : tenant;
  const model::Scope scope = whose ? model::Scope::Of(*whose) : model::Scope::Deployment();
  if (!ManagesKeysOf(caller, scope)) return NotAllowed();
  return store_.ListApiKeys(scope);
}

Result<model::ApiKey> ApiKeys::Get(const Principal& caller, const model::ApiKeyId& id) const {
  if (caller.role != model::Role::kPlatformOperator && caller.role != model::Role::kTenantAdmin)
    return NotAllowed();
  TS_ASSIGN_OR_RETURN(model::ApiKey key, store_.LoadApiKey(id));
  if (!ManagesKeysOf(caller, key.scope())) return NotFound("There is no such API key.");
  return key;
}

Result<void> ApiKeys::Delete(const Principal& caller, const model::ApiKeyId& id) {
  TS_ASSIGN_OR_RETURN(const model::ApiKey key, Get(caller, id));
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      store_.DeleteApiKey(id, EventOf(events::kApiKeyDeleted, key, caller.id)));
  return lease_.AwaitObeyed(epoch);
}

Result<base::Duration> ParseDuration(std::string_view text) {
  const Error bad =
      InvalidArgument("expiry", "A duration must look like P30D or PT12H (ISO 8601).");
  if (text.size() < 3 || text.size() > 32 || text[0] != 'P') return bad;
  std::int64_t total_s = 0, number = -1, last_unit_s = kDurationSecondsMax;
  bool in_time = false;
  for (char c : text.substr(1)) {
    if (c >= '0' && c <= '9') {
      number = (number < 0 ? 0 : number) * 10 + (c - '0');
      if (number > kDurationSecondsMax) return bad;
    } else if (c == 'T' && !in_time && number < 0) {
      in_time = true;
    } else {
      const std::int64_t unit_s = DesignatorSeconds(c, in_time);
      // Units come once each, the greatest first.
      if (number < 0 || unit_s == 0 || unit_s >= last_unit_s) return bad;
      if (number > kDurationSecondsMax / unit_s) return bad;
      total_s += number * unit_s;
      last_unit_s = unit_s;
      number = -1;
    }
  }
  if (number >= 0 || text.back() == 'T') return bad;
  return base::Duration(std::chrono::seconds(std::min(total_s, kDurationSecondsMax)));
}

}  // namespace tenantseal::identity
