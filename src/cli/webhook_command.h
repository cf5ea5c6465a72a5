#pragma once

#include <CLI/App.hpp>

namespace tenantseal::cli {

// tenantseal webhook: receivers of events, and what was delivered to them.
void AddWebhookCommand(CLI::App& app);

}  // namespace tenantseal::cli
