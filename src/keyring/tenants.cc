#include "keyring/tenants.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "events/event.h"

namespace tenantseal::keyring {
namespace {

constexpr std::size_t kRegionCharsMax = 32;

Result<void> CheckName(const std::string& name) {
  const bool blank = name.find_first_not_of(' ') == std::string::npos;
  if (!blank && name.size() <= base::kNameBytesMax && base::IsPlainText(name)) return {};
  return InvalidArgument("name",
                         "A name has 1 to " + std::to_string(base::kNameBytesMax) +
                             " bytes of text, not spaces alone, without control characters.");
}

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// An AWS region code: a group of two or three letters, one or more words, a number.
bool IsRegion(std::string_view text) {
  if (text.size() > kRegionCharsMax) return false;
  std::size_t words = 0;
  while (true) {
    const std::size_t dash = text.find('-');
    const std::string_view word = text.substr(0, dash);
    if (dash == std::string_view::npos) {
      return words >= 2 && !word.empty() && word.size() <= 2 &&
             std::all_of(word.begin(), word.end(), IsDigit);
    }
    if (word.size() < 2 || !std::all_of(word.begin(), word.end(), IsLower)) return false;
    if (words == 0 && word.size() > 3) return false;
    ++words;
    text.remove_prefix(dash + 1);
  }
}

Error Wrong(std::string what) { return {ErrorCode::kConflict, std::move(what)}; }

}  // namespace

Tenants::Tenants(Keyring& keyring, store::Store& store, StoreLease& lease,
                 kms::InternalKeys& internal_keys, const base::Clock& clock,
                 const base::Random& random, base::Duration destroy_after)
    : keyring_(keyring),
      store_(store),
      lease_(lease),
      internal_keys_(internal_keys),
      clock_(clock),
      random_(random),
      destroy_after_(destroy_after) {}

model::NewEvent Tenants::EventOf(std::string_view type, const model::Tenant& tenant,
                                 const std::string& actor) const {
  nlohmann::json data = {{"tenantId", tenant.id.text()},
                         {"name", tenant.name},
                         {"region", tenant.region},
                         {"status", model::TenantStatusName(tenant.status)}};
  if (tenant.destroy_at) data["destroyAt"] = base::FormatUtc(*tenant.destroy_at);
  return events::MakeEvent(clock_, random_, model::Scope::Of(tenant.id), type, actor, data);
}

Result<model::Tenant> Tenants::Create(const std::string& name, const std::string& region,
                                      const std::string& actor, base::Deadline deadline) {
  TS_RETURN_IF_ERROR(CheckName(name));
  if (!IsRegion(region)) {
    const bool shown = region.size() <= kRegionCharsMax && base::IsPlainText(region);
    return InvalidArgument("region", "A region must be an AWS region code, such as us-east-1" +
                                         (shown ? ", not '" + region + "'." : "."));
  }
  model::TenantState state;
  model::Tenant& tenant = state.tenant;
  tenant.id = model::TenantId::New(random_);
  tenant.name = name;
  tenant.region = region;
  tenant.created_at = clock_.Utc();
  tenant.active_version = 1;
  state.providers.push_back(model::InternalProvider(tenant.id, tenant.created_at));
  tenant.current_provider = state.providers.front().fingerprint;
  TS_RETURN_IF_ERROR(internal_keys_.CreateKey(tenant.id));
  auto minted = keyring_.Mint(tenant.id, state.providers.front(), 1, deadline);
  if (!minted) {
    // Nothing was stored that might need the key.
    if (const auto gone = internal_keys_.DestroyKey(tenant.id); !gone) {
      base::LogWarning("a key that no tenant has stays in the keystore",
                       {{"error", gone.error().message}});
    }
    return minted.error();
  }
  state.keys.push_back(std::move(minted->key));
  state.wraps.push_back(std::move(minted->wrap));
  // When this fails it may have been committed all the same, so the key is kept: an unused key
  // costs a row, a lost one a tenant.
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      store_.CreateTenant(state, EventOf(events::kTenantCreated, tenant, actor)));
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(epoch));
  return tenant;
}

Result<model::Tenant> Tenants::Get(const model::TenantId& id) const {
  TS_ASSIGN_OR_RETURN(model::TenantState state, store_.LoadTenant(id));
  return std::move(state.tenant);
}

Result<store::Page<model::Tenant>> Tenants::List(const store::TenantPage& page) const {
  return store_.ListTenants(page);
}

Result<model::Tenant> Tenants::Change(const model::Tenant& now, model::TenantStatus status,
                                      std::optional<base::UtcTime> destroy_at,
                                      std::string_view type, const std::string& actor) {
  model::Tenant changed = now;
  changed.status = status;
  changed.destroy_at = destroy_at;
  TS_ASSIGN_OR_RETURN(const std::uint64_t epoch,
                      store_.ChangeTenant(now, status, destroy_at, EventOf(type, changed, actor)));
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(epoch));
  return changed;
}

Result<model::Tenant> Tenants::Deactivate(const model::TenantId& id, const std::string& actor) {
  TS_ASSIGN_OR_RETURN(const model::Tenant now, Get(id));
  if (now.status != model::TenantStatus::kActive) return Wrong("The tenant is not active.");
  return Change(now, model::TenantStatus::kDeactivated, std::nullopt, events::kTenantDeactivated,
                actor);
}

Result<model::Tenant> Tenants::Reactivate(const model::TenantId& id, const std::string& actor) {
  TS_ASSIGN_OR_RETURN(model::Tenant now, Get(id));
  if (now.status != model::TenantStatus::kDeactivated)
    return Wrong("The tenant is not deactivated.");
  if (now.destroy_at) {
    TS_ASSIGN_OR_RETURN(now, CancelDestruction(id, actor));
  }
  return Change(now, model::TenantStatus::kActive, std::nullopt, events::kTenantReactivated, actor);
}

Result<model::Tenant> Tenants::ScheduleDestruction(const model::TenantId& id,
                                                   const std::string& actor) {
  TS_ASSIGN_OR_RETURN(const model::Tenant now, Get(id));
  if (now.status != model::TenantStatus::kDeactivated)
    return Wrong("Deactivate the tenant before destroying it.");
  if (now.destroy_at) return Wrong("The tenant's destruction is scheduled already.");
  const auto at =
      clock_.Utc() + std::chrono::duration_cast<std::chrono::milliseconds>(destroy_after_);
  return Change(now, now.status, at, events::kTenantDestructionScheduled, actor);
}

Result<model::Tenant> Tenants::CancelDestruction(const model::TenantId& id,
                                                 const std::string& actor) {
  TS_ASSIGN_OR_RETURN(const model::Tenant now, Get(id));
  if (now.status != model::TenantStatus::kDeactivated || !now.destroy_at) {
    return Wrong("No destruction of the tenant is scheduled.");
  }
  return Change(now, now.status, std::nullopt, events::kTenantDestructionCancelled, actor);
}

Result<void> Tenants::DestroyOne(const model::TenantId& id) {
  TS_ASSIGN_OR_RETURN(model::Tenant tenant, Get(id));
  tenant.status = model::TenantStatus::kDestroyed;
  const auto destroyed =
      store_.DestroyTenant(id, clock_.Utc(), EventOf(events::kTenantDestroyed, tenant, "system"));
  if (!destroyed) return destroyed.error();
  TS_RETURN_IF_ERROR(lease_.AwaitObeyed(*destroyed));
  return internal_keys_.DestroyKey(id);
}

// A process that was killed between the rows and the key has left the key: the rows say so.
Result<void> Tenants::DestroyLeftKeys() {
  store::TenantPage page;
  page.limit = base::kPageItemsMax;
  do {
    TS_ASSIGN_OR_RETURN(const store::Page<model::Tenant> tenants, store_.ListTenants(page));
    for (const model::Tenant& listed : tenants.items) {
      if (listed.status != model::TenantStatus::kDestroyed) continue;
      // Verified as a whole before a key is destroyed for good.
      TS_ASSIGN_OR_RETURN(const model::TenantState state, store_.LoadTenant(listed.id));
      if (state.tenant.status == model::TenantStatus::kDestroyed)
        TS_RETURN_IF_ERROR(internal_keys_.DestroyKey(listed.id));
    }
    page.after = tenants.next;
  } while (!page.after.empty());
  return {};
}

void Tenants::DestroyDue() {
  if (!left_keys_destroyed_.load()) {
    const auto done = DestroyLeftKeys();
    if (!done)
      base::LogWarning("cannot look for keys of destroyed tenants",
                       {{"error", done.error().message}});
    left_keys_destroyed_.store(done.ok());
  }
  const auto due = store_.TenantsToDestroy(clock_.Utc());
  if (!due)
    return base::LogWarning("cannot look for tenants to destroy", {{"error", due.error().message}});
  for (const model::TenantId& id : *due) {
    const auto destroyed = DestroyOne(id);
    if (destroyed) {
      base::LogInfo("a tenant was destroyed", {{"tenant", id.text()}});
    } else if (destroyed.error().code != ErrorCode::kConflict) {
      left_keys_destroyed_.store(false);  // Perhaps the rows are gone and the key is not.
      base::LogError("cannot destroy a tenant",
                     {{"tenant", id.text()}, {"error", destroyed.error().message}});
    }
  }
}

}  // namespace tenantseal::keyring
