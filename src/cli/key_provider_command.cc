#include "cli/key_provider_command.h"

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/api_command.h"
#include "cli/editor.h"
#include "cli/events_command.h"
#include "cli/key_provider_paths.h"
#include "cli/key_provider_views.h"
#include "cli/migration_command.h"
#include "cli/report_text.h"
#include "cli/streams.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

using net::Method;
using nlohmann::json;

constexpr std::size_t kBodyBytesMax = 1 << 20;

struct Arguments {
  std::string fingerprint;
  std::string arn, name, description, key_provider = "AWS-KMS";  // Of create and validate.
  std::string op, path, value;                                   // Of patch.
  std::string file;
  bool last = false;
};

// A body from --file, or null without one.
Result<json> ReadBodyFile(const std::string& file) {
  if (file.empty()) return json();
  auto bytes =
      file == kStandard ? ReadStandardInput(kBodyBytesMax) : base::ReadFile(file, kBodyBytesMax);
  if (!bytes) return std::move(bytes).error();
  json out = json::parse(bytes->RevealText(), nullptr, false);
  if (!out.is_structured())
    return InvalidArgument("body",
                           "--file " + file + ": it holds no JSON object or array; mend it.");
  return out;
}

Result<void> Create(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(json body, ReadBodyFile(arguments.file));
  if (body.is_null()) body = json::object();
  if (!body.is_object())
    return InvalidArgument(
        "body", "--file " + arguments.file + ": it must hold a JSON object with arn and name.");
  if (!arguments.arn.empty()) body["arn"] = arguments.arn;
  if (!arguments.name.empty()) body["name"] = arguments.name;
  if (!arguments.description.empty()) body["description"] = arguments.description;
  if (!body.contains("keyprovider")) body["keyprovider"] = arguments.key_provider;
  for (const char* field : {"arn", "name"}) {
    if (!body.contains(field))
      return InvalidArgument(field, std::string("Give --") + field + ", or --file with it.");
  }
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, kKeyProvidersPath, body.dump()));
  return ShowAnswer(flags, answer.body, kKeyProvider);
}

Result<void> List(const Api& api, const ApiFlags& flags, const std::string& path) {
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, path));
  return ShowAnswer(flags, answer.body, kKeyProviders);
}

Result<void> Get(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, KeyProviderPath(arguments.fingerprint));
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, path));
  return ShowAnswer(flags, answer.body, kKeyProvider);
}

Result<void> SendPatch(const Api& api, const ApiFlags& flags, const Arguments& arguments,
                       const json& operations) {
  TS_ASSIGN_OR_RETURN(const std::string path, KeyProviderPath(arguments.fingerprint));
  TS_RETURN_IF_ERROR(api.Call(Method::kPatch, path, operations.dump()));
  ShowDone(flags, arguments.fingerprint, "Changed " + arguments.fingerprint + ".");
  return {};
}

json Replace(const std::string& path, const std::string& value) {
  return {{"op", "replace"}, {"path", path}, {"value", value}};
}

Result<void> Patch(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(json body, ReadBodyFile(arguments.file));
  if (body.is_null()) {
    if (arguments.op.empty() || arguments.path.empty())
      return InvalidArgument("op", "Give --op, --path and --value, or --file.");
    body = json::array({Replace(arguments.path, arguments.value)});
    body[0]["op"] = arguments.op;
  }
  return SendPatch(api, flags, arguments, body);
}

// What of a provider can be changed, as a text to edit.
std::string Editable(const json& provider) {
  const json out = {{"name", Text(provider, "name")},
                    {"description", Text(provider, "description")}};
  return out.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

// The operations that lead from one text of Editable() to another.
Result<json> Difference(const std::string& before, const std::string& after) {
  const json from = json::parse(before, nullptr, false), to = json::parse(after, nullptr, false);
  if (!to.is_object())
    return InvalidArgument("body",
                           "What was edited is no JSON object, and nothing was changed; edit it "
                           "again and keep its braces, quotes and commas.");
  json out = json::array();
  for (const auto& [name, value] : to.items()) {
    if (!from.contains(name) || !value.is_string())
      return InvalidArgument(name, Printable(name) +
                                       " is none of the texts name and description, and nothing "
                                       "was changed; edit those alone.");
    if (value != from[name]) out.push_back(Replace("/" + name, value.get<std::string>()));
  }
  return out;
}

Result<void> Edit(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, KeyProviderPath(arguments.fingerprint));
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, path));
  TS_ASSIGN_OR_RETURN(const json provider, ParseBody(answer.body));
  const std::string before = Editable(provider);
  TS_ASSIGN_OR_RETURN(const std::string after, EditText(before, ".json"));
  TS_ASSIGN_OR_RETURN(const json operations, Difference(before, after));
  if (!operations.empty()) return SendPatch(api, flags, arguments, operations);
  ShowDone(flags, arguments.fingerprint, "Nothing was changed.");
  return {};
}

Result<void> Remove(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, KeyProviderPath(arguments.fingerprint));
  TS_RETURN_IF_ERROR(api.Call(Method::kDelete, path));
  ShowDone(flags, arguments.fingerprint, "Deleted " + arguments.fingerprint + ".");
  return {};
}

Result<void> Usage(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, KeyProviderPath(arguments.fingerprint));
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, path + "/usage"));
  return ShowAnswer(flags, answer.body, kKeyUsage);
}

Error DoesNotPass(const std::string& next) {
  return {ErrorCode::kInternal, "The key does not pass validation: " + next, "validation"};
}

Result<void> Test(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, KeyProviderPath(arguments.fingerprint));
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, path + "/actions/test"));
  TS_RETURN_IF_ERROR(ShowAnswer(flags, answer.body, kKeyProvider));
  TS_ASSIGN_OR_RETURN(const json provider, ParseBody(answer.body));
  if (Text(provider, "validation") != "fail") return {};
  return DoesNotPass("`tenantseal encryption keyprovider validate " + arguments.fingerprint +
                     " --last` shows every check and how to mend it.");
}

Result<Api::Answer> Validation(const Api& api, const Arguments& arguments) {
  if (!arguments.arn.empty()) {
    return api.Call(Method::kPost, std::string(kKeyProvidersPath) + "/actions/validate",
                    json{{"arn", arguments.arn}}.dump());
  }
  TS_ASSIGN_OR_RETURN(const std::string path, KeyProviderPath(arguments.fingerprint));
  if (!arguments.last) TS_RETURN_IF_ERROR(api.Call(Method::kPost, path + "/actions/test"));
  return api.Call(Method::kGet, path + "/validation");
}

Result<void> Validate(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  if (arguments.arn.empty() == arguments.fingerprint.empty())
    return InvalidArgument(
        "arn",
        "Give either FINGERPRINT, a key provider, or --arn ARN, a key that is not registered.");
  TS_ASSIGN_OR_RETURN(const auto answer, Validation(api, arguments));
  TS_RETURN_IF_ERROR(ShowAnswer(flags, answer.body, kValidation));
  TS_ASSIGN_OR_RETURN(const json report, ParseBody(answer.body));
  if (ReportOutcome(report) == "fail")
    return DoesNotPass("each check that failed says how to mend it.");
  return {};
}

using Added = AddedCommand<Arguments>;

Added AddWithFingerprint(CLI::App& family, const std::string& name, const std::string& help,
                         Result<void> (*body)(const Api&, const ApiFlags&, const Arguments&)) {
  Added added = AddApiCommand(family, name, help, body);
  added.command.add_option("FINGERPRINT", added.arguments->fingerprint, "Its arnFingerPrint")
      ->required();
  return added;
}

void AddCreate(CLI::App& family) {
  const auto [create, arguments] = AddApiCommand(
      family, "create", "Validate and register an AWS KMS key; it is not used yet", Create);
  create.add_option("--arn", arguments->arn, "ARN of the key or of an alias");
  create.add_option("--name", arguments->name, "Title");
  create.add_option("--description", arguments->description, "What it is for");
  create.add_option("--keyProvider", arguments->key_provider, "Kind of the key provider")
      ->capture_default_str();
  create.add_option("--file,-f", arguments->file,
                    "JSON with arn, name and description; flags come before it; - is standard "
                    "input");
  create.footer(
      "Example:\n  tenantseal encryption keyprovider create --name \"Our key\" "
      "--arn arn:aws:kms:us-east-1:111122223333:key/mrk-1234");
}

void AddChanges(CLI::App& family) {
  const auto [patch, arguments] =
      AddWithFingerprint(family, "patch", "Change a key provider's name or description", Patch);
  patch.add_option("--op", arguments->op, "Operation: replace");
  patch.add_option("--path", arguments->path, "What to change: /name or /description");
  patch.add_option("--value", arguments->value, "What to put there");
  patch.add_option("--file,-f", arguments->file,
                   "JSON patch (RFC 6902) in place of these; - is standard input");
  patch.footer(
      "Example:\n  tenantseal encryption keyprovider patch FINGERPRINT --op replace --path /name "
      "--value \"Our key\"");
  AddWithFingerprint(family, "edit", "Change name and description in $VISUAL, $EDITOR or vi", Edit);
  AddWithFingerprint(family, "rm", "Delete a key provider that is not in use", Remove);
}

void AddValidation(CLI::App& family) {
  AddWithFingerprint(family, "test", "Validate a key provider and show it", Test);
  const auto [validate, arguments] = AddApiCommand(
      family, "validate", "Validate a key and show every check, with how to mend it", Validate);
  validate.add_option("FINGERPRINT", arguments->fingerprint, "A key provider");
  validate.add_option("--arn", arguments->arn, "A key or alias that is not registered");
  validate.add_flag("--last", arguments->last, "Only show what the last validation found");
  validate.footer(
      "Exit status 0: it passes, perhaps with warnings; 1: it does not.\n\n"
      "Examples:\n"
      "  tenantseal encryption keyprovider validate FINGERPRINT\n"
      "  tenantseal encryption keyprovider validate --arn "
      "arn:aws:kms:us-east-1:111122223333:alias/our-key");
}

void AddList(CLI::App& family, const std::string& name, const std::string& help,
             const std::string& path) {
  AddApiCommand(family, name, help,
                [=](const Api& api, const ApiFlags& flags) { return List(api, flags, path); });
}

}  // namespace

void AddEncryptionCommand(CLI::App& app) {
  CLI::App& encryption = *app.add_subcommand("encryption", "Keys that tenants bring");
  encryption.require_subcommand(1);
  CLI::App& family =
      *encryption.add_subcommand("keyprovider", "Key providers and migrations between them");
  family.require_subcommand(1);
  AddCreate(family);
  AddList(family, "ls", "List registered AWS KMS keys", kKeyProvidersPath);
  AddList(family, "list", "List all key providers, the internal one included",
          std::string(kKeyProvidersPath) + "/actions/list");
  AddWithFingerprint(family, "get", "Show a key provider", Get);
  AddChanges(family);
  AddValidation(family);
  AddWithFingerprint(family, "usage", "Show what still depends on a key provider", Usage);
  AddMigrationCommands(family);
  AddEventsCommand(family);
  family.footer(
      "Needs an API key of role TenantAdmin.\n\n"
      "Exit status 1: refused with a code Encryption-n (docs/errors.md), or a key that does not "
      "pass;\n2: wrong usage; others as for every command.\n\n"
      "Examples:\n"
      "  tenantseal encryption keyprovider create --name \"Our key\" --arn ARN\n"
      "  tenantseal encryption keyprovider migrate FINGERPRINT --wait\n"
      "  tenantseal encryption keyprovider usage FINGERPRINT\n"
      "  tenantseal encryption keyprovider reset-to-default-provider --wait");
}

}  // namespace tenantseal::cli
