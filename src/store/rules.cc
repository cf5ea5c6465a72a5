#include "store/rules.h"

#include <algorithm>

#include "base/encoding.h"
#include "base/limits.h"

namespace tenantseal::store {
namespace {

Error Conflict(std::string message) { return {ErrorCode::kConflict, std::move(message)}; }

bool IsOf(const model::TenantId& tenant, std::uint32_t version,
          std::span<const model::TenantKeyWrap> wraps) {
  return !wraps.empty() && std::all_of(wraps.begin(), wraps.end(), [&](const auto& wrap) {
    return wrap.tenant == tenant && wrap.version == version;
  });
}

}  // namespace

Error TenantNotFound() { return NotFound("There is no such tenant."); }
Error DataKeyNotFound() { return NotFound("There is no such data key."); }
Error ApiKeyNotFound() { return NotFound("There is no such API key."); }
Error RewrapJobNotFound() { return NotFound("The tenant has no rewrap job."); }

Result<void> CheckActive(const model::Tenant& tenant) {
  if (tenant.status == model::TenantStatus::kActive) return {};
  const bool destroyed = tenant.status == model::TenantStatus::kDestroyed;
  return Conflict("The tenant is " + std::string(model::TenantStatusName(tenant.status)) +
                  (destroyed ? " for good." : "; reactivate it first."));
}

Result<void> CheckNewTenant(const model::TenantState& state) {
  const model::Tenant& tenant = state.tenant;
  bool ok = tenant.status == model::TenantStatus::kActive && !tenant.id.empty();
  for (const auto& row : state.providers) ok = ok && row.tenant == tenant.id;
  for (const auto& row : state.keys) ok = ok && row.tenant == tenant.id;
  for (const auto& row : state.wraps) ok = ok && row.tenant == tenant.id;
  ok = ok && state.FindProvider(tenant.current_provider) && state.FindKey(tenant.active_version) &&
       state.FindWrap(tenant.active_version, tenant.current_provider);
  if (!ok) return Internal("A new tenant lacks its provider, key or wrap.");
  return {};
}

Result<void> ApplyChange(model::Tenant& stored, const model::Tenant& expected,
                         model::TenantStatus status, std::optional<base::UtcTime> destroy_at) {
  if (stored.status == model::TenantStatus::kDestroyed) return Conflict("The tenant is destroyed.");
  if (status == model::TenantStatus::kDestroyed) {
    return Conflict("A tenant is destroyed only when its waiting time is over.");
  }
  if (stored.status != expected.status || stored.destroy_at != expected.destroy_at) {
    return Conflict("The tenant has been changed meanwhile: read it again.");
  }
  stored.status = status;
  stored.destroy_at = destroy_at;
  return {};
}

Result<void> ApplyDestruction(model::TenantState& state, base::UtcTime now) {
  model::Tenant& tenant = state.tenant;
  if (tenant.status != model::TenantStatus::kDeactivated || !tenant.destroy_at ||
      *tenant.destroy_at > now) {
    return Conflict("The tenant's destruction is not due.");
  }
  tenant.status = model::TenantStatus::kDestroyed;
  tenant.active_version = 0;
  state.providers.clear();
  state.keys.clear();
  state.wraps.clear();
  if (state.migration && state.migration->unfinished()) {
    state.migration->state = model::MigrationState::kCancelled;
    state.migration->pause = model::Pause::kNone;
    state.migration->detail = "The tenant was destroyed.";
    state.migration->finished_at = std::max(now, state.migration->started_at);
    ++state.migration->fence;
  }
  return {};
}

Result<void> CheckNoJob(const model::RewrapJob* job) {
  if (job == nullptr || !job->unfinished()) return {};
  return Conflict("The data keys of the last rotation are still being rewrapped.");
}

Result<void> CheckNoMigration(const model::TenantState& state) {
  if (!state.migration || !state.migration->unfinished()) return {};
  return Conflict("The tenant's migration to another key provider is not over yet.");
}

Result<void> CheckRoomForVersion(const model::TenantState& state) {
  if (state.keys.size() < base::kTenantKeyVersionsMax) return {};
  return Conflict("The tenant has " + std::to_string(state.keys.size()) +
                  " tenant key versions, the most there may be: retire some.");
}

Result<void> CheckActivation(const model::TenantState& state, const model::TenantKey& key,
                             std::span<const model::TenantKeyWrap> wraps,
                             std::uint32_t expected_active, const model::RewrapJob* job) {
  const model::Tenant& tenant = state.tenant;
  if (key.tenant != tenant.id || !IsOf(tenant.id, key.version, wraps)) {
    return Internal("A new tenant key version lacks its wraps.");
  }
  TS_RETURN_IF_ERROR(CheckActive(tenant));
  if (tenant.active_version != expected_active || key.version != expected_active + 1) {
    return Conflict("The active tenant key version is " + std::to_string(tenant.active_version) +
                    " by now: start again.");
  }
  TS_RETURN_IF_ERROR(CheckNoJob(job));
  TS_RETURN_IF_ERROR(CheckNoMigration(state));
  return CheckRoomForVersion(state);
}

Result<void> CheckRetirement(const model::TenantState& state, std::uint32_t version,
                             std::uint64_t needed_by) {
  if (!state.FindKey(version)) return NotFound("The tenant has no such key version.");
  TS_RETURN_IF_ERROR(CheckActive(state.tenant));
  TS_RETURN_IF_ERROR(CheckNoMigration(state));
  if (state.tenant.active_version == version) {
    return Conflict("Version " + std::to_string(version) + " is the active one: rotate first.");
  }
  if (needed_by > 0) {
    return Conflict(std::to_string(needed_by) + " managed data keys still need version " +
                    std::to_string(version) + ".");
  }
  return {};
}

Result<void> CheckInsert(const model::Tenant& tenant, std::uint32_t version) {
  TS_RETURN_IF_ERROR(CheckActive(tenant));
  if (version != tenant.active_version) {
    return Conflict("Tenant key version " + std::to_string(version) +
                    " is not the active one: try again.");
  }
  return {};
}

Result<void> CheckNewApiKey(const model::ApiKey& key, const model::Tenant* tenant,
                            std::size_t keys_in_scope) {
  if (key.tenant && (!tenant || tenant->status == model::TenantStatus::kDestroyed)) {
    return Conflict("The API key's tenant is not there.");
  }
  if (keys_in_scope >= base::kApiKeysPerTenantMax) {
    return Conflict("There are " + std::to_string(keys_in_scope) +
                    " API keys already, the most there may be: delete some.");
  }
  return {};
}

Result<void> CheckApiKeyDeletion(const model::ApiKey& key,
                                 std::span<const model::ApiKey> keys_in_scope) {
  const auto lasts = [](const model::ApiKey& one) {
    return one.role == model::Role::kPlatformOperator && !one.expires_at;
  };
  if (!lasts(key)) return {};
  if (std::count_if(keys_in_scope.begin(), keys_in_scope.end(), lasts) > 1) return {};
  return Conflict(
      "This is the last operator's key that does not expire: create another one first.");
}

Result<void> CheckFence(const model::RewrapJob& stored, const model::RewrapJob& given) {
  if (stored.id != given.id || stored.fence != given.fence) {
    return Conflict("Another process has taken the rewrap job over.");
  }
  switch (stored.state) {
    case model::RewrapState::kRunning:
      return {};
    case model::RewrapState::kDone:
      return Conflict("The rewrap job is done.");
    case model::RewrapState::kPaused:
      return Conflict("The rewrap job is paused.");
    case model::RewrapState::kCancelled:
      break;
  }
  return Conflict("The rewrap job is cancelled.");
}

Result<void> CheckRootReplacement(const std::optional<Deployment>& stored,
                                  const std::string& old_root_id) {
  if (!stored || stored->root_id != old_root_id) {
    return Conflict("The database belongs to another root key than expected.");
  }
  return {};
}

bool LogReachesBack(std::uint64_t since, std::uint64_t first, std::uint64_t present) {
  return since <= present && (present == 0 || since + 1 >= first);
}

std::string FormatCursor(const TenantCursor& cursor) {
  base::ByteWriter out;
  out.U8(1);
  out.U64(static_cast<std::uint64_t>(cursor.created_ms));
  out.Field(cursor.id);
  return base::Base64UrlEncode(out.bytes());
}

Result<std::optional<TenantCursor>> CheckPage(const TenantPage& page) {
  if (page.limit < 1 || page.limit > base::kPageItemsMax) {
    return InvalidArgument("limit",
                           "The limit must be 1 to " + std::to_string(base::kPageItemsMax) + ".");
  }
  if (page.after.empty()) return std::optional<TenantCursor>();
  const auto bytes = base::Base64UrlDecode(page.after);
  const Error bad = InvalidArgument("next", "This is not a cursor of an earlier page.");
  if (!bytes) return bad;
  base::ByteReader in(*bytes);
  const std::uint8_t format = in.U8();
  TenantCursor cursor;
  cursor.created_ms = static_cast<std::int64_t>(in.U64());
  cursor.id = base::AsText(in.Field());
  if (!in.AtEnd() || format != 1 || !model::TenantId::Parse(cursor.id)) return bad;
  return std::optional(std::move(cursor));
}

}  // namespace tenantseal::store
