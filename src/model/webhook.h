// Webhooks, to which the events of a chain are delivered, and their deliveries.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "model/ids.h"

namespace tenantseal::model {

inline constexpr std::size_t kWebhooksMax = 150;  // Of one scope.
inline constexpr std::size_t kWebhookNameBytesMax = 512;
inline constexpr std::size_t kWebhookDescriptionBytesMax = 1024;
inline constexpr std::size_t kWebhookUrlBytesMax = 2048;
inline constexpr std::size_t kWebhookHeaderBytesMax = 2048;  // Names and values together.
inline constexpr std::size_t kWebhookFilterBytesMax = 2048;
inline constexpr std::size_t kWebhookSecretCharsMin = 32, kWebhookSecretCharsMax = 64;
// Of the answer to a delivery, as much as is kept.
inline constexpr std::size_t kWebhookResponseBytesMax = 4 << 10;

struct WebhookIdTag {
  static constexpr std::size_t kCharsMin = 22, kCharsMax = 22, kRandomBytes = 16;
  static constexpr const char* kField = "id";
  static constexpr const char* kShape = "A webhook id has 22 characters of A-Z, a-z, 0-9, _ and -.";
};
struct DeliveryIdTag {
  static constexpr std::size_t kCharsMin = 22, kCharsMax = 22, kRandomBytes = 16;
  static constexpr const char* kField = "deliveryId";
  static constexpr const char* kShape =
      "A delivery id has 22 characters of A-Z, a-z, 0-9, _ and -.";
};
using WebhookId = Id<WebhookIdTag>;
using DeliveryId = Id<DeliveryIdTag>;

// From where a webhook was made; only shown.
enum class WebhookOrigin : std::uint8_t { kApi = 1, kAutomations = 2, kManagementConsole = 3 };

struct WebhookHeader {
  std::string name;
  std::string value;
  bool operator==(const WebhookHeader&) const = default;
};

struct Webhook {
  WebhookId id;
  Scope scope = Scope::Deployment();  // Whose events it gets.
  std::string name;
  std::string description;
  std::string url;
  std::vector<std::string> event_types;  // Empty: every type.
  std::string filter;                    // See events/webhook_filter.h; empty: none.
  WebhookOrigin origin = WebhookOrigin::kApi;
  bool enabled = false;
  bool check_revocation = false;  // The receiver must staple a good OCSP answer.
  std::string disabled_reason;    // Why the service has disabled it; else empty.
  std::vector<WebhookHeader> headers;
  base::Bytes sealed_secret;                   // Empty: none. See events/webhook_secrets.h.
  std::vector<std::string> encrypted_headers;  // Names of those whose values are sealed.
  base::Bytes sealed_headers;                  // Empty: none.
  base::UtcTime created_at;
  base::UtcTime updated_at;
  std::string created_by;  // Principal.
  std::string updated_by;
  std::uint64_t revision = 1;  // Grows with every change.
  bool operator==(const Webhook&) const = default;
};

enum class DeliveryState : std::uint8_t {
  kWaiting = 1,    // Asked for, not tried yet.
  kRetrying = 2,   // Has failed and will be tried again.
  kSucceeded = 3,  // The receiver has answered 2xx.
  kFailed = 4,     // Given up.
};

// One event on its way to one webhook, with the last exchange.
struct WebhookDelivery {
  DeliveryId id;
  WebhookId webhook;
  Scope scope = Scope::Deployment();
  std::uint64_t sequence = 0;  // Of the event in its chain.
  std::string event_type;
  DeliveryState state = DeliveryState::kWaiting;
  base::UtcTime triggered_at;
  std::uint32_t attempts = 0;
  std::optional<base::UtcTime> next_attempt_at;  // Set while it is unfinished.
  std::string message;                           // What became of the last attempt, in words.
  std::string url;                               // Where it went.
  std::vector<WebhookHeader> request_headers;    // Without the values of encrypted ones.
  int response_status = 0;                       // 0: there was no answer.
  std::vector<WebhookHeader> response_headers;
  std::string response_body;  // Its beginning, UTF-8.
  bool operator==(const WebhookDelivery&) const = default;

  bool unfinished() const {
    return state == DeliveryState::kWaiting || state == DeliveryState::kRetrying;
  }
};

}  // namespace tenantseal::model
