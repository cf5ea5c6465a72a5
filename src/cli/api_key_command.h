// `tenantseal api-key`: manages API keys.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddApiKeyCommand(CLI::App& app);
}
