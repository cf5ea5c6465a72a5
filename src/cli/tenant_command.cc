#include "cli/tenant_command.h"

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/list_pages.h"
#include "cli/table.h"
#include "model/ids.h"

namespace tenantseal::cli {
namespace {

constexpr const char* kTenants = "/api/v1/tenants";

struct Arguments {
  std::string id;
  std::string name;
  std::string region;
  bool json = false;
};
using Body = std::function<Result<void>(const sdk::Rest&, const Arguments&)>;

void PrintTenant(const nlohmann::json& tenant, bool json) {
  if (json) return PrintJson(tenant);
  std::vector<std::pair<std::string, std::string>> fields;
  for (const char* name : {"id", "name", "region", "status", "createdAt", "destroyAt"}) {
    if (const std::string value = Text(tenant, name); !value.empty())
      fields.emplace_back(name, value);
  }
  PrintFields(fields);
}

Result<void> Show(Result<base::SecretBytes> answer, bool json) {
  if (!answer) return std::move(answer).error();
  TS_ASSIGN_OR_RETURN(const nlohmann::json tenant, ParseAnswer(*answer));
  PrintTenant(tenant, json);
  return {};
}

Result<void> Create(const sdk::Rest& rest, const Arguments& arguments) {
  nlohmann::json request = {{"name", arguments.name}};
  if (!arguments.region.empty()) request["region"] = arguments.region;
  const std::string body = request.dump();
  return Show(rest.Call(net::Method::kPost, kTenants, base::AsBytes(body),
                        sdk::Rest::Repeat::kRefusalsOnly),
              arguments.json);
}

Result<void> List(const sdk::Rest& rest, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const nlohmann::json tenants,
                      ListPages(rest, std::string(kTenants) + "?limit=100"));
  if (arguments.json) {
    PrintJson(tenants);
    return {};
  }
  std::vector<std::vector<std::string>> rows = {{"ID", "NAME", "REGION", "STATUS", "CREATED"}};
  for (const auto& tenant : tenants) {
    rows.push_back({Text(tenant, "id"), Text(tenant, "name"), Text(tenant, "region"),
                    Text(tenant, "status"), Text(tenant, "createdAt")});
  }
  PrintTable(rows);
  return {};
}

// An id becomes part of a path, so it must be one.
Result<void> CheckId(const std::string& id) {
  TS_RETURN_IF_ERROR(model::TenantId::Parse(id));
  return {};
}

Result<void> Get(const sdk::Rest& rest, const Arguments& arguments) {
  TS_RETURN_IF_ERROR(CheckId(arguments.id));
  return Show(rest.Call(net::Method::kGet, std::string(kTenants) + "/" + arguments.id, {},
                        sdk::Rest::Repeat::kAnyFailure),
              arguments.json);
}

Result<void> Me(const sdk::Rest& rest, const Arguments& arguments) {
  return Show(rest.Call(net::Method::kGet, std::string(kTenants) + "/me", {},
                        sdk::Rest::Repeat::kAnyFailure),
              arguments.json);
}

Body Action(const std::string& action) {
  return [action](const sdk::Rest& rest, const Arguments& arguments) -> Result<void> {
    TS_RETURN_IF_ERROR(CheckId(arguments.id));
    return Show(rest.Call(net::Method::kPost,
                          std::string(kTenants) + "/" + arguments.id + "/actions/" + action,
                          base::AsBytes("{}"), sdk::Rest::Repeat::kAnyFailure),
                arguments.json);
  };
}

struct Added {
  CLI::App& command;
  std::shared_ptr<Arguments> arguments;
};

Added Add(CLI::App& parent, const std::string& name, const std::string& help, Body body) {
  CLI::App& command = *parent.add_subcommand(name, help);
  auto arguments = std::make_shared<Arguments>();
  command.add_flag("--json", arguments->json, "For programs");
  const auto connection = Connection::AddTo(command);
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const auto rest, connection->ConnectRest());
    return body(*rest, *arguments);
  });
  return {command, arguments};
}

void AddById(CLI::App& parent, const std::string& name, const std::string& help, Body body) {
  const Added added = Add(parent, name, help, std::move(body));
  added.command.add_option("ID", added.arguments->id, "The tenant's id")->required();
}

}  // namespace

void AddTenantCommand(CLI::App& app) {
  CLI::App& tenant = *app.add_subcommand("tenant", "Manage tenants");
  tenant.require_subcommand(1);
  const Added create = Add(tenant, "create", "Create a tenant, with a key of its own", Create);
  create.command.add_option("NAME", create.arguments->name, "Its name")->required();
  create.command.add_option("--region", create.arguments->region,
                            "AWS region of its keys (default: the service's)");
  Add(tenant, "ls", "List tenants", List);
  AddById(tenant, "get", "Show a tenant", Get);
  Add(tenant, "me", "Show the tenant that this API key serves", Me);
  AddById(tenant, "deactivate", "Stop every use of a tenant's keys", Action("deactivate"));
  AddById(tenant, "reactivate", "Allow it again", Action("reactivate"));
  AddById(tenant, "destroy", "Destroy a deactivated tenant's keys after a waiting time",
          Action("destroy"));
  AddById(tenant, "cancel-destruction", "Keep a tenant that waits for its destruction",
          Action("cancel-destruction"));
  tenant.footer(
      "Examples:\n"
      "  tenantseal tenant create \"Example Ltd\" --region eu-central-1\n"
      "  tenantseal tenant ls --json");
}

}  // namespace tenantseal::cli
