// events/ says what is recorded of each change, checks event chains, delivers events to webhooks
// (start at deliveries.h), and counts the use of the data plane. It never writes an event by
// itself: a NewEvent goes to the Store method that makes the change, so that an event exists if
// and only if its change was committed. Events hold no secret.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "model/records.h"

namespace tenantseal::events {

// Types in use.
inline constexpr std::string_view kTenantCreated = "com.tenantseal.v1.tenant.created";
inline constexpr std::string_view kTenantDeactivated = "com.tenantseal.v1.tenant.deactivated";
inline constexpr std::string_view kTenantReactivated = "com.tenantseal.v1.tenant.reactivated";
inline constexpr std::string_view kTenantDestructionScheduled =
    "com.tenantseal.v1.tenant.destruction-scheduled";
inline constexpr std::string_view kTenantDestructionCancelled =
    "com.tenantseal.v1.tenant.destruction-cancelled";
inline constexpr std::string_view kTenantDestroyed = "com.tenantseal.v1.tenant.destroyed";
inline constexpr std::string_view kApiKeyCreated = "com.tenantseal.v1.api-key.created";
inline constexpr std::string_view kApiKeyDeleted = "com.tenantseal.v1.api-key.deleted";
inline constexpr std::string_view kSessionCreated = "com.tenantseal.v1.session.created";
inline constexpr std::string_view kSessionEnded = "com.tenantseal.v1.session.ended";
inline constexpr std::string_view kTenantKeyRotated = "com.tenantseal.v1.tenant-key.rotated";
inline constexpr std::string_view kTenantKeyRewrapped = "com.tenantseal.v1.tenant-key.rewrapped";
inline constexpr std::string_view kTenantKeyRetired = "com.tenantseal.v1.tenant-key.retired";
inline constexpr std::string_view kKeyProviderRevoked =
    "com.tenantseal.v1.encryption.keyprovider.revoked";
inline constexpr std::string_view kKeyProviderReinstated =
    "com.tenantseal.v1.encryption.keyprovider.reinstated";

// The six types of the API that this follows; migration data is that of MigrationJson()
// (migration/migrations.h), key provider data as it is shown, with what changed under "updates".
inline constexpr std::string_view kKeyProviderCreated =
    "com.qlik.v1.encryption.keyprovider.created";
inline constexpr std::string_view kKeyProviderUpdated =
    "com.qlik.v1.encryption.keyprovider.updated";
inline constexpr std::string_view kKeyProviderDeleted =
    "com.qlik.v1.encryption.keyprovider.deleted";
inline constexpr std::string_view kMigrationTriggered =
    "com.qlik.v1.encryption.keyprovider-migration.triggered";
inline constexpr std::string_view kMigrationProgressed =
    "com.qlik.v1.encryption.keyprovider-migration.progressed";
inline constexpr std::string_view kMigrationFinished =
    "com.qlik.v1.encryption.keyprovider-migration.finished";
// What that API has no name for.
inline constexpr std::string_view kKeyProviderValidated =
    "com.tenantseal.v1.encryption.keyprovider.validated";
inline constexpr std::string_view kKeyProviderValidationFailed =
    "com.tenantseal.v1.encryption.keyprovider.validation-failed";
inline constexpr std::string_view kKeyProviderUsageZero =
    "com.tenantseal.v1.encryption.keyprovider.usage-zero";
inline constexpr std::string_view kMigrationPaused =
    "com.tenantseal.v1.encryption.keyprovider-migration.paused";
inline constexpr std::string_view kMigrationResumed =
    "com.tenantseal.v1.encryption.keyprovider-migration.resumed";
inline constexpr std::string_view kMigrationCancelled =
    "com.tenantseal.v1.encryption.keyprovider-migration.cancelled";
inline constexpr std::string_view kMigrationFailed =
    "com.tenantseal.v1.encryption.keyprovider-migration.failed";

inline constexpr std::string_view kWebhookCreated = "com.tenantseal.v1.webhook.created";
inline constexpr std::string_view kWebhookUpdated = "com.tenantseal.v1.webhook.updated";
inline constexpr std::string_view kWebhookDeleted = "com.tenantseal.v1.webhook.deleted";
inline constexpr std::string_view kWebhookDisabled = "com.tenantseal.v1.webhook.disabled";

// The source of all of them.
inline constexpr std::string_view kEventSource = "com.tenantseal/encryption";

// Every type above, in the order of their names; docs/events.md describes each.
std::span<const std::string_view> AllEventTypes();

// `data` must be a JSON object.
model::NewEvent MakeEvent(const base::Clock& clock, const base::Random& random,
                          const model::Scope& scope, std::string_view type, std::string_view actor,
                          const nlohmann::json& data);

}  // namespace tenantseal::events
