// `tenantseal rotate`: makes a new tenant key.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddRotateCommand(CLI::App& app);
}
