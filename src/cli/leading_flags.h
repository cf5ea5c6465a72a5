// Flags that stand before the command that they are for: `tenantseal --json events ls`.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tenantseal::cli {

// The words of a command line with the flags of ApiFlags that stand before the last command's name
// moved behind it, each with its value. A command that lacks such a flag refuses it, as it does
// behind its name.
std::vector<std::string> WithFlagsLast(const CLI::App& app, const std::vector<std::string>& words);

// Parses a command line, without the program's name, and so runs its command. What CLI::App::parse
// says of it otherwise, it says here: exceptions of CLI::ParseError.
void ParseCommandLine(CLI::App& app, const std::vector<std::string>& words);

}  // namespace tenantseal::cli
