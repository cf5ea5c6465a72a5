// `tenantseal aws reconcile`: the service's calls of AWS KMS against CloudTrail.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddReconcileCommand(CLI::App& family);
}
