// `tenantseal events verify`.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {

void AddEventsVerify(CLI::App& events);

}  // namespace tenantseal::cli
