#include "cli/api_key_command.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/list_pages.h"
#include "cli/table.h"
#include "model/ids.h"

namespace tenantseal::cli {
namespace {

constexpr const char* kApiKeys = "/api/v1/api-keys";

struct CreateArguments {
  std::string description, role, tenant_id, expiry;
  bool json = false;
};

Result<void> Create(const sdk::Rest& rest, const CreateArguments& arguments) {
  nlohmann::json request = {{"description", arguments.description}, {"role", arguments.role}};
  if (!arguments.tenant_id.empty()) request["tenantId"] = arguments.tenant_id;
  if (!arguments.expiry.empty()) request["expiry"] = arguments.expiry;
  const std::string body = request.dump();
  TS_ASSIGN_OR_RETURN(const base::SecretBytes answer,
                      rest.Call(net::Method::kPost, kApiKeys, base::AsBytes(body),
                                sdk::Rest::Repeat::kRefusalsOnly));
  TS_ASSIGN_OR_RETURN(const nlohmann::json key, ParseAnswer(answer));
  if (arguments.json) {
    PrintJson(key);
    return {};
  }
  std::vector<std::pair<std::string, std::string>> fields;
  for (const char* name : {"id", "description", "role", "tenantId", "expiry", "token"}) {
    if (const std::string value = Text(key, name); !value.empty()) fields.emplace_back(name, value);
  }
  PrintFields(fields);
  std::fprintf(stderr, "The token is shown only this once.\n");
  return {};
}

Result<void> List(const sdk::Rest& rest, const std::string& tenant_id, bool json) {
  std::string path = std::string(kApiKeys) + "?limit=100";
  if (!tenant_id.empty()) {
    TS_RETURN_IF_ERROR(model::TenantId::Parse(tenant_id));
    path += "&tenantId=" + tenant_id;
  }
  TS_ASSIGN_OR_RETURN(const nlohmann::json keys, ListPages(rest, path));
  if (json) {
    PrintJson(keys);
    return {};
  }
  std::vector<std::vector<std::string>> rows = {
      {"ID", "ROLE", "TENANT", "STATUS", "EXPIRES", "DESCRIPTION"}};
  for (const auto& key : keys) {
    const std::string tenant = Text(key, "tenantId"), expiry = Text(key, "expiry");
    rows.push_back({Text(key, "id"), Text(key, "role"), tenant.empty() ? "-" : tenant,
                    Text(key, "status"), expiry.empty() ? "never" : expiry,
                    Text(key, "description")});
  }
  PrintTable(rows);
  return {};
}

Result<void> Remove(const sdk::Rest& rest, const std::string& id) {
  TS_RETURN_IF_ERROR(model::ApiKeyId::Parse(id));
  TS_RETURN_IF_ERROR(rest.Call(net::Method::kDelete, std::string(kApiKeys) + "/" + id, {},
                               sdk::Rest::Repeat::kRefusalsOnly));
  return {};
}

void AddCreate(CLI::App& parent) {
  CLI::App& command = *parent.add_subcommand("create", "Make an API key; its token is shown once");
  auto arguments = std::make_shared<CreateArguments>();
  command.add_option("DESCRIPTION", arguments->description, "What it is for")->required();
  command
      .add_option("--role", arguments->role,
                  "PlatformOperator, TenantAdmin, ContentService or Auditor")
      ->required()
      ->type_name("ROLE");
  command.add_option("--tenant-id", arguments->tenant_id, "The tenant that it serves")
      ->type_name("ID");
  command
      .add_option("--expiry", arguments->expiry,
                  "How long it lives, as ISO 8601, e.g. P30D (default: for ever)")
      ->type_name("DURATION");
  command.add_flag("--json", arguments->json, "For programs");
  const auto connection = Connection::AddTo(command);
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const auto rest, connection->ConnectRest());
    return Create(*rest, *arguments);
  });
}

void AddList(CLI::App& parent) {
  CLI::App& command = *parent.add_subcommand("ls", "List API keys, without their tokens");
  auto tenant_id = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  command.add_option("--tenant-id", *tenant_id, "Only those of this tenant")->type_name("ID");
  command.add_flag("--json", *json, "For programs");
  const auto connection = Connection::AddTo(command);
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const auto rest, connection->ConnectRest());
    return List(*rest, *tenant_id, *json);
  });
}

void AddRemove(CLI::App& parent) {
  CLI::App& command = *parent.add_subcommand("rm", "Revoke an API key");
  auto id = std::make_shared<std::string>();
  command.add_option("ID", *id, "The key's id, as `api-key ls` shows it")->required();
  const auto connection = Connection::AddTo(command);
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const auto rest, connection->ConnectRest());
    return Remove(*rest, *id);
  });
}

}  // namespace

void AddApiKeyCommand(CLI::App& app) {
  CLI::App& api_key = *app.add_subcommand("api-key", "Manage API keys");
  api_key.require_subcommand(1);
  AddCreate(api_key);
  AddList(api_key);
  AddRemove(api_key);
  api_key.footer(
      "Example:\n"
      "  tenantseal api-key create \"nightly archive\" --role ContentService --tenant-id ID "
      "--expiry P90D");
}

}  // namespace tenantseal::cli
