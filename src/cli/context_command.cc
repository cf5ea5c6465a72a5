#include "cli/context_command.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/contexts.h"
#include "cli/table.h"
#include "sdk/rest.h"

namespace tenantseal::cli {
namespace {

struct Arguments {
  std::string name, server, api_key_file, ca_file;
  bool insecure_http = false, json = false;
};

// What could not work is refused here rather than at the first use.
Result<void> Check(const ServiceContext& context, bool insecure_http) {
  ClientOptions options;
  options.server = context.server;
  options.api_key = context.api_key.empty() ? "given-later" : context.api_key;
  options.insecure_http = insecure_http;
  return sdk::CheckOptions(options);
}

Result<void> Set(const Arguments& arguments) {
  TS_RETURN_IF_ERROR(CheckContextName(arguments.name));
  TS_ASSIGN_OR_RETURN(Contexts contexts, Contexts::Load(Contexts::Path()));
  ServiceContext& context = contexts.by_name[arguments.name];
  // A key goes to the server that it was given for, and to no other.
  if (context.server != arguments.server) context = {.server = arguments.server};
  if (!arguments.api_key_file.empty()) {
    TS_ASSIGN_OR_RETURN(context.api_key, ReadApiKeyFile(arguments.api_key_file));
  }
  if (!arguments.ca_file.empty()) {
    std::error_code failed;
    context.ca_file = std::filesystem::absolute(arguments.ca_file, failed).string();
    if (failed || !std::filesystem::is_regular_file(context.ca_file, failed))
      return InvalidArgument("ca-file",
                             "--ca-file " + arguments.ca_file +
                                 ": there is no such file; give a PEM file of the roots to trust.");
  }
  TS_RETURN_IF_ERROR(Check(context, arguments.insecure_http));
  if (contexts.current.empty()) contexts.current = arguments.name;
  return contexts.Save(Contexts::Path());
}

Result<void> Use(const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(Contexts contexts, Contexts::Load(Contexts::Path()));
  TS_RETURN_IF_ERROR(contexts.Find(arguments.name));
  contexts.current = arguments.name;
  return contexts.Save(Contexts::Path());
}

Result<void> Remove(const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(Contexts contexts, Contexts::Load(Contexts::Path()));
  TS_RETURN_IF_ERROR(contexts.Find(arguments.name));
  contexts.by_name.erase(arguments.name);
  if (contexts.current == arguments.name) contexts.current.clear();
  return contexts.Save(Contexts::Path());
}

// Whether there is a key, never the key.
Result<void> List(const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const Contexts contexts, Contexts::Load(Contexts::Path()));
  nlohmann::json list = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows = {{"", "NAME", "SERVER", "API KEY"}};
  for (const auto& [name, context] : contexts.by_name) {
    const bool current = name == contexts.current, key = !context.api_key.empty();
    list.push_back(
        {{"name", name}, {"server", context.server}, {"apiKey", key}, {"current", current}});
    rows.push_back({current ? "*" : "", name, context.server, key ? "stored" : "-"});
  }
  arguments.json ? PrintJson(list) : PrintTable(rows);
  return {};
}

CLI::App& Add(CLI::App& parent, const std::shared_ptr<Arguments>& arguments, const char* name,
              const char* help, Result<void> (*body)(const Arguments&)) {
  CLI::App& command = *parent.add_subcommand(name, help);
  OnCommand(command, [=] { return body(*arguments); });
  return command;
}

}  // namespace

void AddContextCommand(CLI::App& app) {
  CLI::App& family = *app.add_subcommand("context", "Services by name: server and API key");
  family.require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  const auto add_name = [&](CLI::App& command) {
    command.add_option("NAME", arguments->name, "The context's name")->required();
  };
  CLI::App& set = Add(family, arguments, "set", "Create a context, or change it", Set);
  add_name(set);
  set.add_option("--server,-s", arguments->server, "URL of the service")->required();
  set.add_option("--api-key-file", arguments->api_key_file, "File with the API key to store");
  set.add_option("--ca-file", arguments->ca_file, "PEM roots to trust in place of the system's");
  set.add_flag("--insecure-http", arguments->insecure_http, "Take http:// to other machines");
  set.footer("The first context becomes the current one. Another server's key is forgotten.");
  add_name(Add(family, arguments, "use", "Make a context the current one", Use));
  CLI::App& list = Add(family, arguments, "ls", "List contexts", List);
  list.add_flag("--json", arguments->json, "For programs");
  add_name(Add(family, arguments, "rm", "Forget a context and its key", Remove));
  family.footer(
      "Contexts are kept in $XDG_CONFIG_HOME/tenantseal/contexts.json or ~/.config/tenantseal, "
      "which only its\nowner may read. Flags come before the environment, and the environment "
      "before the current context.\n\n"
      "Examples:\n"
      "  tenantseal context set prod --server https://tenantseal.example.com --api-key-file key\n"
      "  tenantseal context use prod\n"
      "  tenantseal encryption keyprovider list --context test");
}

}  // namespace tenantseal::cli
