#include "cli/data_key_command.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

constexpr const char* kDataKeys = "/api/v1/encryption/data-keys";

struct Arguments {
  std::string wrapped;
  std::string id;
  bool managed = false;
  bool without_plaintext = false;
  bool json = false;
};

nlohmann::json ContextJson(const Context::Pairs& pairs) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [key, value] : pairs) json[key] = value;
  return json;
}

Result<void> Print(const base::SecretBytes& answer, bool json) {
  TS_ASSIGN_OR_RETURN(const nlohmann::json key, ParseAnswer(answer));
  if (json) {
    PrintJson(key);
    return {};
  }
  std::vector<std::pair<std::string, std::string>> fields;
  for (const char* name : {"id", "plaintext", "wrappedKey", "tenantKeyVersion", "usableForMs"}) {
    if (const std::string value = Text(key, name); !value.empty()) fields.emplace_back(name, value);
  }
  PrintFields(fields);
  return {};
}

Result<void> Create(const sdk::Rest& rest, const Arguments& arguments,
                    const Context::Pairs& context) {
  nlohmann::json request = {{"managed", arguments.managed},
                            {"encryptionContext", ContextJson(context)}};
  if (arguments.without_plaintext) request["plaintext"] = false;
  const std::string body = request.dump();
  // A managed key is a row, so an attempt whose outcome is unknown is not repeated.
  const auto repeat =
      arguments.managed ? sdk::Rest::Repeat::kRefusalsOnly : sdk::Rest::Repeat::kAnyFailure;
  TS_ASSIGN_OR_RETURN(const base::SecretBytes answer,
                      rest.Call(net::Method::kPost, kDataKeys, base::AsBytes(body), repeat));
  return Print(answer, arguments.json);
}

Result<void> Unwrap(const sdk::Rest& rest, const Arguments& arguments,
                    const Context::Pairs& context) {
  if (arguments.wrapped.empty() == arguments.id.empty()) {
    return InvalidArgument("WRAPPED",
                           "Give either WRAPPED, a wrapped key, or --id ID, a managed one.");
  }
  nlohmann::json request = {{"encryptionContext", ContextJson(context)}};
  if (!base::IsUtf8(arguments.wrapped) || !base::IsUtf8(arguments.id)) return DecryptFailed();
  arguments.id.empty() ? request["wrappedKey"] = arguments.wrapped : request["id"] = arguments.id;
  const std::string body = request.dump();
  TS_ASSIGN_OR_RETURN(const base::SecretBytes answer,
                      rest.Call(net::Method::kPost, std::string(kDataKeys) + "/actions/unwrap",
                                base::AsBytes(body), sdk::Rest::Repeat::kAnyFailure));
  return Print(answer, arguments.json);
}

struct Added {
  CLI::App& command;
  std::shared_ptr<Arguments> arguments;
};

Added Add(CLI::App& parent, const std::string& name, const std::string& help,
          Result<void> (*body)(const sdk::Rest&, const Arguments&, const Context::Pairs&)) {
  CLI::App& command = *parent.add_subcommand(name, help);
  auto arguments = std::make_shared<Arguments>();
  command.add_flag("--json", arguments->json, "For programs");
  const auto pairs =
      AddContextOption(command, "A pair of the key's encryption context (repeatable)");
  const auto connection = Connection::AddTo(command);
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const Context::Pairs context, ParseContext(*pairs));
    TS_ASSIGN_OR_RETURN(const auto rest, connection->ConnectRest());
    return body(*rest, *arguments, context);
  });
  return {command, arguments};
}

}  // namespace

void AddDataKeyCommand(CLI::App& app) {
  CLI::App& data_key = *app.add_subcommand("data-key", "Make and unwrap data keys");
  data_key.require_subcommand(1);
  const Added create =
      Add(data_key, "create", "Make a data key; prints it in clear and wrapped", Create);
  create.command.add_flag("--managed", create.arguments->managed,
                          "Let the service keep the wrapped key, under an id");
  create.command.add_flag("--without-plaintext", create.arguments->without_plaintext,
                          "Print only the wrapped key");
  const Added unwrap = Add(data_key, "unwrap", "Print a data key in clear", Unwrap);
  unwrap.command.add_option("WRAPPED", unwrap.arguments->wrapped, "The wrapped key");
  unwrap.command.add_option("--id", unwrap.arguments->id, "The id of a managed key");
  data_key.footer(
      "These commands print keys: do not run them where the output is recorded.\n\n"
      "Example:\n"
      "  tenantseal data-key create --managed --without-plaintext -c table=users");
}

}  // namespace tenantseal::cli
