#include "cli/leading_flags.h"

#include <CLI/App.hpp>
#include <algorithm>

#include "cli/api.h"

namespace tenantseal::cli {
namespace {

const CLI::App* Subcommand(const CLI::App& app, const std::string& name) {
  const auto found =
      app.get_subcommands([&name](const CLI::App* each) { return each->check_name(name); });
  return found.empty() ? nullptr : found.front();
}

struct Flag {
  bool known = false;
  bool value_follows = false;  // In the next word.
};

// `word` may be "--name", "--name=VALUE", "-n", "-nVALUE" or several flags like "-vq".
Flag ReadFlag(const CLI::App& flags, const std::string& word) {
  if (word.size() < 2 || word[0] != '-') return {};
  const bool is_long = word[1] == '-';
  const std::string name = is_long ? word.substr(0, word.find('=')) : word.substr(0, 2);
  const CLI::Option* const option = flags.get_option_no_throw(name);
  if (option == nullptr) return {};
  return {true, option->get_expected_min() > 0 && name.size() == word.size()};
}

}  // namespace

std::vector<std::string> WithFlagsLast(const CLI::App& app, const std::vector<std::string>& words) {
  CLI::App flags;
  flags.set_help_flag();
  ApiFlags::AddTo(flags);
  std::vector<std::string> out, moved;
  const CLI::App* command = &app;
  auto at = words.begin();
  while (at != words.end() && !command->get_subcommands({}).empty()) {
    if (const CLI::App* const next = Subcommand(*command, *at)) {
      command = next;
      out.push_back(*at++);
      continue;
    }
    const Flag flag = ReadFlag(flags, *at);
    if (!flag.known) break;
    moved.push_back(*at++);
    if (flag.value_follows && at != words.end()) moved.push_back(*at++);
  }
  out.insert(out.end(), moved.begin(), moved.end());
  out.insert(out.end(), at, words.end());
  return out;
}

void ParseCommandLine(CLI::App& app, const std::vector<std::string>& words) {
  std::vector<std::string> backwards = WithFlagsLast(app, words);
  std::ranges::reverse(backwards);  // As the library wants them.
  app.parse(std::move(backwards));
}

}  // namespace tenantseal::cli
