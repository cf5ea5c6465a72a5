#include "cli/serve_command.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "server/serve.h"
#include "server/settings.h"

namespace tenantseal::cli {
namespace {

constexpr const char* kFooter = R"(
Every setting is also an environment variable (TENANTSEAL_DATA_DIR for --data-dir) or a line of a
TOML file (data-dir = "..."); flags come first, then variables, then the file.

On first start an operator's API key is written to DIR/operator.key, unless TENANTSEAL_OPERATOR_KEY
holds one. The root key may be given in TENANTSEAL_ROOT_KEY (base64 of 32 bytes).

Examples:
  tenantseal serve --data-dir /var/lib/tenantseal
  tenantseal serve --data-dir /var/lib/tenantseal --listen 0.0.0.0:8443 \
    --tls-cert cert.pem --tls-key key.pem
  TENANTSEAL_CONFIG=/etc/tenantseal.toml tenantseal serve)";

std::optional<std::string> Environment(const std::string& name) {
  const char* value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): before any thread.
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

void AddServeCommand(CLI::App& app) {
  CLI::App* serve = app.add_subcommand("serve", "Run the service.");
  serve->footer(kFooter);
  auto flags = std::make_shared<std::map<std::string, std::string>>();
  const auto remember = [flags](std::string name) {
    return [flags, name](const std::string& text) { (*flags)[name] = text; };
  };
  serve
      ->add_option_function<std::string>("--config", remember("config"), "TOML file with settings.")
      ->type_name("FILE");
  for (const server::Setting& setting : server::AllSettings()) {
    const std::string name(setting.name);
    if (setting.value.empty()) {
      serve->add_flag_callback(
          "--" + name, [flags, name] { (*flags)[name] = "true"; }, std::string(setting.help));
    } else {
      CLI::Option* option = serve->add_option_function<std::string>("--" + name, remember(name),
                                                                    std::string(setting.help));
      option->type_name(std::string(setting.value));
      if (setting.repeatable) option->join(',');
    }
  }
  OnCommand(*serve, [flags]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const server::Settings settings,
                        server::ResolveSettings(*flags, Environment));
    return server::Serve(settings);
  });
}

}  // namespace tenantseal::cli
