#include "events/event.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace tenantseal::events {
namespace {

constexpr std::array kTypes = {kMigrationFinished,
                               kMigrationProgressed,
                               kMigrationTriggered,
                               kKeyProviderCreated,
                               kKeyProviderDeleted,
                               kKeyProviderUpdated,
                               kApiKeyCreated,
                               kApiKeyDeleted,
                               kMigrationCancelled,
                               kMigrationFailed,
                               kMigrationPaused,
                               kMigrationResumed,
                               kKeyProviderReinstated,
                               kKeyProviderRevoked,
                               kKeyProviderUsageZero,
                               kKeyProviderValidated,
                               kKeyProviderValidationFailed,
                               kSessionCreated,
                               kSessionEnded,
                               kTenantKeyRetired,
                               kTenantKeyRewrapped,
                               kTenantKeyRotated,
                               kTenantCreated,
                               kTenantDeactivated,
                               kTenantDestroyed,
                               kTenantDestructionCancelled,
                               kTenantDestructionScheduled,
                               kTenantReactivated,
                               kWebhookCreated,
                               kWebhookDeleted,
                               kWebhookDisabled,
                               kWebhookUpdated};

}  // namespace

std::span<const std::string_view> AllEventTypes() { return kTypes; }

model::NewEvent MakeEvent(const base::Clock& clock, const base::Random& random,
                          const model::Scope& scope, std::string_view type, std::string_view actor,
                          const nlohmann::json& data) {
  TS_CHECK(data.is_object());
  model::NewEvent event;
  event.scope = scope;
  event.id = model::NewUuid(random);
  event.time = clock.Utc();
  event.type = type;
  event.source = kEventSource;
  event.actor = actor;
  // What is not UTF-8 can only come from a tampered row; an event about it must still be possible.
  event.data = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return event;
}

}  // namespace tenantseal::events
