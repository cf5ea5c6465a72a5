// `tenantseal open`: opens a file or a stream, or a part of a file.
#pragma once

namespace CLI {
class App;
}

namespace tenantseal::cli {
void AddOpenCommand(CLI::App& app);
}
