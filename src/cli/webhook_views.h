// Webhooks and deliveries, for people.
#pragma once

#include "cli/api_command.h"

namespace tenantseal::cli {

extern const View kWebhook;
extern const View kWebhookList;  // The elements of "data".
extern const View kWebhookTypes;
extern const View kDelivery;
extern const View kDeliveryList;

}  // namespace tenantseal::cli
