// `tenantseal seal`: seals a file or a stream.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddSealCommand(CLI::App& app);
}
