// `tenantseal encryption keyprovider`: a tenant's key providers, and the migrations between them,
// with the names and flags of qlik-cli (https://qlik.dev/toolkits/qlik-cli/encryption).
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddEncryptionCommand(CLI::App& app);
}
