// `tenantseal data-key`: makes and unwraps data keys.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddDataKeyCommand(CLI::App& app);
}
