// `tenantseal aws`: what a customer's AWS key needs, and whether it has it. All but reconcile work
// offline.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddAwsCommand(CLI::App& app);
}
