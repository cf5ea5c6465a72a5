#include "cli/webhook_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/quote.h"
#include "base/file.h"
#include "cli/api_command.h"
#include "cli/list_pages.h"
#include "cli/streams.h"
#include "cli/table.h"
#include "cli/webhook_views.h"

namespace tenantseal::cli {
namespace {

using net::Method;
using nlohmann::json;

const std::string kPath = "/api/v1/webhooks";
constexpr std::size_t kBodyBytesMax = 64 << 10;
constexpr std::size_t kPageItems = 100;

struct Arguments {
  std::string id, delivery;
  std::string name, url, description, filter;  // Of create.
  std::vector<std::string> types, headers;
  std::string secret_file, file;
  bool enable = false;
  std::string op, path, value;  // Of patch.
  std::string sort, status, type;
  std::size_t limit = 20;
};

// Ids come from the command line and go into paths.
Result<std::string> PathOf(const std::string& id, const char* field) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  };
  if (!id.empty() && std::ranges::all_of(id, allowed)) return "/" + id;
  return InvalidArgument(field, aws::Quote(id) +
                                    " is no id: it has letters, digits, _ and - alone; `tenantseal "
                                    "webhook ls` and `deliveries` show them.");
}

Result<std::string> WebhookPath(const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string id, PathOf(arguments.id, "id"));
  return kPath + id;
}

Result<base::SecretBytes> ReadSmall(const std::string& file) {
  return file == kStandard ? ReadStandardInput(kBodyBytesMax) : base::ReadFile(file, kBodyBytesMax);
}

// A body from --file, or null without one.
Result<json> ReadBody(const std::string& file) {
  if (file.empty()) return json();
  TS_ASSIGN_OR_RETURN(const base::SecretBytes bytes, ReadSmall(file));
  json out = json::parse(bytes.RevealText(), nullptr, false);
  if (!out.is_structured())
    return InvalidArgument("body",
                           "--file " + file + ": it holds no JSON object or array; mend it.");
  return out;
}

// The first line of a file.
Result<std::string> ReadSecret(const std::string& file) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes bytes, ReadSmall(file));
  const std::string_view text = bytes.RevealText();
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

Result<void> AddHeaders(const std::vector<std::string>& headers, json& body) {
  for (const std::string& header : headers) {
    const std::size_t colon = header.find(':');
    if (colon == header.npos || colon == 0)
      return InvalidArgument("header", "Write --header as NAME: VALUE.");
    const std::size_t value = std::min(header.find_first_not_of(' ', colon + 1), header.size());
    body["headers"][header.substr(0, colon)] = header.substr(value);
  }
  return {};
}

Result<void> Create(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(json body, ReadBody(arguments.file));
  if (body.is_null()) body = json::object();
  if (!body.is_object())
    return InvalidArgument(
        "body", "--file " + arguments.file + ": it must hold a JSON object with name and url.");
  if (!arguments.name.empty()) body["name"] = arguments.name;
  if (!arguments.url.empty()) body["url"] = arguments.url;
  if (!arguments.description.empty()) body["description"] = arguments.description;
  if (!arguments.filter.empty()) body["filter"] = arguments.filter;
  if (!arguments.types.empty()) body["eventTypes"] = arguments.types;
  if (arguments.enable) body["enabled"] = true;
  TS_RETURN_IF_ERROR(AddHeaders(arguments.headers, body));
  if (!arguments.secret_file.empty()) {
    TS_ASSIGN_OR_RETURN(body["secret"], ReadSecret(arguments.secret_file));
  }
  for (const char* field : {"name", "url"}) {
    if (!body.contains(field))
      return InvalidArgument(field, std::string("Give --") + field + ", or --file with it.");
  }
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, kPath, body.dump()));
  return ShowAnswer(flags, answer.body, kWebhook);
}

// At most `max` elements of a list.
Result<json> ReadList(const Api& api, std::string path, std::size_t max) {
  json all = json::array();
  path += (path.find('?') == path.npos ? "?limit=" : "&limit=") +
          std::to_string(std::min(max, kPageItems));
  while (!path.empty() && all.size() < max) {
    TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, path));
    TS_ASSIGN_OR_RETURN(const json page, ParseBody(answer.body));
    const auto data = page.find("data");
    if (data == page.end() || !data->is_array()) return UnexpectedAnswer("holds no list");
    for (const json& one : *data) {
      if (all.size() < max) all.push_back(one);
    }
    path = data->empty() ? "" : NextPagePath(page);
  }
  return all;
}

Result<void> List(const Api& api, const ApiFlags& flags) {
  TS_ASSIGN_OR_RETURN(const json webhooks, ReadList(api, kPath + "?sort=name", SIZE_MAX));
  return ShowAnswer(flags, webhooks.dump(), kWebhookList);
}

Result<void> Get(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, WebhookPath(arguments));
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, path));
  return ShowAnswer(flags, answer.body, kWebhook);
}

// --value: JSON where it is an array, an object or a truth value, text otherwise.
json PatchValue(const std::string& text) {
  json parsed = json::parse(text, nullptr, false);
  return parsed.is_structured() || parsed.is_boolean() ? parsed : json(text);
}

Result<json> PatchBody(const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(json body, ReadBody(arguments.file));
  if (!body.is_null()) return body;
  if (arguments.op.empty() || arguments.path.empty())
    return InvalidArgument("op", "Give --op and --path, and --value or --secret-file, or --file.");
  json operation = {{"op", arguments.op}, {"path", arguments.path}};
  if (!arguments.secret_file.empty()) {
    TS_ASSIGN_OR_RETURN(operation["value"], ReadSecret(arguments.secret_file));
  } else if (arguments.op != "remove") {
    operation["value"] = PatchValue(arguments.value);
  }
  return json::array({std::move(operation)});
}

Result<void> Patch(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, WebhookPath(arguments));
  TS_ASSIGN_OR_RETURN(const json body, PatchBody(arguments));
  TS_RETURN_IF_ERROR(api.Call(Method::kPatch, path, body.dump()));
  ShowDone(flags, arguments.id, "Changed " + arguments.id + ".");
  return {};
}

Result<void> Remove(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, WebhookPath(arguments));
  TS_RETURN_IF_ERROR(api.Call(Method::kDelete, path));
  ShowDone(flags, arguments.id, "Deleted " + arguments.id + ".");
  return {};
}

Result<void> ListDeliveries(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(std::string path, WebhookPath(arguments));
  path += "/deliveries";
  if (!arguments.delivery.empty()) {
    TS_ASSIGN_OR_RETURN(const std::string id, PathOf(arguments.delivery, "deliveryId"));
    TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, path + id));
    return ShowAnswer(flags, answer.body, kDelivery);
  }
  std::string query = "?sort=" + (arguments.sort.starts_with('+') ? "%2B" + arguments.sort.substr(1)
                                                                  : arguments.sort);
  if (!arguments.status.empty()) query += "&status=" + arguments.status;
  if (!arguments.type.empty()) query += "&eventType=" + arguments.type;
  TS_ASSIGN_OR_RETURN(const json all, ReadList(api, path + query, arguments.limit));
  return ShowAnswer(flags, all.dump(), kDeliveryList);
}

Result<void> Resend(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, WebhookPath(arguments));
  TS_ASSIGN_OR_RETURN(const std::string id, PathOf(arguments.delivery, "deliveryId"));
  TS_ASSIGN_OR_RETURN(const auto answer,
                      api.Call(Method::kPost, path + "/deliveries" + id + "/actions/resend"));
  return ShowAnswer(flags, answer.body, kDelivery);
}

Result<void> ListTypes(const Api& api, const ApiFlags& flags) {
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, kPath + "/event-types"));
  return ShowAnswer(flags, answer.body, kWebhookTypes);
}

using Added = AddedCommand<Arguments>;

Added AddWithId(CLI::App& family, const std::string& name, const std::string& help,
                Result<void> (*body)(const Api&, const ApiFlags&, const Arguments&)) {
  Added added = AddApiCommand(family, name, help, body);
  added.command.add_option("ID", added.arguments->id, "The webhook's id")->required();
  return added;
}

void AddCreate(CLI::App& family) {
  const auto [create, arguments] =
      AddApiCommand(family, "create", "Make a webhook: a URL that events are sent to", Create);
  create.add_option("--name", arguments->name, "Its name");
  create.add_option("--url", arguments->url, "Where events are sent to; https");
  create.add_option("--description", arguments->description, "What it is for");
  create.add_option("--event-type", arguments->types, "A type of events; repeatable. Default: all")
      ->type_name("TYPE");
  create.add_option("--filter", arguments->filter, "Which of them, e.g. id eq \"X\"");
  create.add_option("--header", arguments->headers, "NAME: VALUE to send besides; repeatable")
      ->type_name("HEADER");
  create.add_option("--secret-file", arguments->secret_file,
                    "File with the key of the signatures, 32 to 64 characters; - is standard "
                    "input");
  create.add_flag("--enable", arguments->enable, "Begin to deliver at once");
  create.add_option("--file,-f", arguments->file,
                    "JSON body, for what has no flag (encryptedHeaders); - is standard input");
  create.footer(
      "Example:\n  openssl rand -hex 32 > secret\n  tenantseal webhook create --name audit --url "
      "https://hooks.example.com/in --secret-file secret --enable");
}

void AddPatch(CLI::App& family) {
  const auto [patch, arguments] =
      AddWithId(family, "patch", "Change one member of a webhook", Patch);
  patch.add_option("--op", arguments->op, "add, replace or remove");
  patch.add_option("--path", arguments->path, "What to change, e.g. /enabled");
  patch.add_option("--value", arguments->value, "What to put there: text or JSON");
  patch.add_option("--secret-file", arguments->secret_file, "File with the value of /secret");
  patch.add_option("--file,-f", arguments->file,
                   "JSON patch (RFC 6902) in place of these; - is standard input");
  patch.footer("Example:\n  tenantseal webhook patch ID --op replace --path /enabled --value true");
}

void AddDeliveries(CLI::App& family) {
  const auto [list, arguments] =
      AddWithId(family, "deliveries",
                "Show what was sent in the last week, or one delivery in full", ListDeliveries);
  arguments->sort = "-triggeredAt";
  list.add_option("DELIVERY", arguments->delivery, "One delivery's id");
  list.add_option("--status", arguments->status, "success, fail or pending")
      ->check(CLI::IsMember({"success", "fail", "pending"}));
  list.add_option("--type", arguments->type, "Exactly this type of event");
  list.add_option("--sort", arguments->sort, "triggeredAt or status after + or -")
      ->capture_default_str();
  list.add_option("--limit", arguments->limit, "How many at most")->capture_default_str();
  const auto [resend, again] =
      AddWithId(family, "resend", "Send the event of a delivery again", Resend);
  resend.add_option("DELIVERY", again->delivery, "The delivery's id")->required();
}

}  // namespace

void AddWebhookCommand(CLI::App& app) {
  CLI::App& family = *app.add_subcommand("webhook", "URLs that events are sent to");
  family.require_subcommand(1);
  AddCreate(family);
  AddApiCommand(family, "ls", "List webhooks", List);
  AddWithId(family, "get", "Show a webhook", Get);
  AddPatch(family);
  AddWithId(family, "rm", "Delete a webhook with its log of deliveries", Remove);
  AddDeliveries(family);
  AddApiCommand(family, "event-types", "List the types of events that there are", ListTypes);
  family.footer(
      "With a TenantAdmin's key: webhooks for the events of its tenant; with a PlatformOperator's: "
      "for the\ndeployment's own events. docs/webhooks.md says what receivers get.");
}

}  // namespace tenantseal::cli
