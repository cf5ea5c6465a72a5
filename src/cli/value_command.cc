#include "cli/value_command.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/connection.h"
#include "cli/streams.h"
#include "cli/table.h"
#include "sdk/secret_json.h"

namespace tenantseal::cli {
namespace {

constexpr const char* kActions = "/api/v1/encryption/values/actions/";
constexpr std::size_t kCiphertextBytesMax = 2 * base::kValueBytesMax;

struct Arguments {
  std::string value;  // Empty: standard input.
};

nlohmann::json ContextJson(const Context::Pairs& pairs) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [key, value] : pairs) json[key] = value;
  return json;
}

// {"plaintext": base64, "encryptionContext": ...} in memory that is wiped.
base::SecretBytes SealBody(base::ByteSpan plaintext, const Context::Pairs& context) {
  const std::string head =
      R"({"encryptionContext":)" + ContextJson(context).dump() + R"(,"plaintext":")";
  base::SecretBytes body(head.size() + base::Base64Size(plaintext.size()) + 2);
  char* const out = reinterpret_cast<char*>(body.RevealMutable().data());
  std::copy(head.begin(), head.end(), out);
  base::Base64EncodeTo(plaintext, out + head.size());
  out[body.size() - 2] = '"';
  out[body.size() - 1] = '}';
  return body;
}

Result<base::SecretBytes> Input(const Arguments& arguments, std::size_t max) {
  if (arguments.value.empty()) return ReadStandardInput(max);
  return base::SecretBytes::CopyOf(base::AsBytes(arguments.value));
}

Result<base::SecretBytes> CallAction(const sdk::Rest& rest, const std::string& action,
                                     base::ByteSpan body) {
  return rest.Call(net::Method::kPost, kActions + action, body, sdk::Rest::Repeat::kAnyFailure);
}

// A ciphertext from the argument or the input, with the line feed that a file has at its end.
Result<base::SecretBytes> CallWithCiphertext(const sdk::Rest& rest, const Arguments& arguments,
                                             const Context::Pairs& context,
                                             const std::string& action) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes input, Input(arguments, kCiphertextBytesMax));
  std::string_view text = input.RevealText();
  while (text.ends_with('\n') || text.ends_with('\r') || text.ends_with(' ')) text.remove_suffix(1);
  if (!base::IsUtf8(text)) return DecryptFailed();
  const std::string body =
      nlohmann::json({{"ciphertext", text}, {"encryptionContext", ContextJson(context)}}).dump();
  return CallAction(rest, action, base::AsBytes(body));
}

Result<void> Seal(const sdk::Rest& rest, const Arguments& arguments,
                  const Context::Pairs& context) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes plaintext, Input(arguments, base::kValueBytesMax));
  const base::SecretBytes body = SealBody(plaintext.Reveal(), context);
  TS_ASSIGN_OR_RETURN(const base::SecretBytes answer, CallAction(rest, "seal", body.Reveal()));
  TS_ASSIGN_OR_RETURN(const nlohmann::json json, ParseAnswer(answer));
  std::printf("%s\n", Text(json, "ciphertext").c_str());
  return {};
}

Result<void> Open(const sdk::Rest& rest, const Arguments& arguments,
                  const Context::Pairs& context) {
  TS_ASSIGN_OR_RETURN(base::SecretBytes answer,
                      CallWithCiphertext(rest, arguments, context, "open"));
  const sdk::SecretJson json(std::move(answer));
  std::string_view encoded = "-";
  const bool read = json.Read({{"plaintext", &encoded}});
  const auto plaintext = read ? base::Base64DecodeSecret(encoded) : std::nullopt;
  if (!plaintext) return UnexpectedAnswer("holds no plaintext");
  TS_RETURN_IF_ERROR(WriteTo(STDOUT_FILENO)(plaintext->Reveal()));
  if (::isatty(STDOUT_FILENO) == 1) std::printf("\n");
  return {};
}

Result<void> Reseal(const sdk::Rest& rest, const Arguments& arguments,
                    const Context::Pairs& context) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes answer,
                      CallWithCiphertext(rest, arguments, context, "reseal"));
  TS_ASSIGN_OR_RETURN(const nlohmann::json json, ParseAnswer(answer));
  std::printf("%s\n", Text(json, "ciphertext").c_str());
  return {};
}

void Add(CLI::App& parent, const std::string& name, const std::string& help,
         const std::string& argument_help,
         Result<void> (*body)(const sdk::Rest&, const Arguments&, const Context::Pairs&)) {
  CLI::App& command = *parent.add_subcommand(name, help);
  auto arguments = std::make_shared<Arguments>();
  command.add_option("VALUE", arguments->value, argument_help);
  const auto pairs =
      AddContextOption(command, "A pair of the value's encryption context (repeatable)");
  const auto connection = Connection::AddTo(command);
  OnCommand(command, [=]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(const Context::Pairs context, ParseContext(*pairs));
    TS_ASSIGN_OR_RETURN(const auto rest, connection->ConnectRest());
    return body(*rest, *arguments, context);
  });
}

}  // namespace

void AddValueCommand(CLI::App& app) {
  CLI::App& value =
      *app.add_subcommand("value", "Seal and open small values (64 KiB) in the service");
  value.require_subcommand(1);
  Add(value, "seal", "Seal a value; prints its ciphertext",
      "The value (default: standard input). Other users of this machine can see arguments.", Seal);
  Add(value, "open", "Open a ciphertext; prints the value as it is",
      "The ciphertext (default: standard input)", Open);
  Add(value, "reseal", "Put a ciphertext under the active tenant key",
      "The ciphertext (default: standard input)", Reseal);
  value.footer(
      "A value opens only with exactly the context it was sealed with.\n\n"
      "Example:\n"
      "  printf secret | tenantseal value seal -c table=users | tenantseal value open -c "
      "table=users");
}

}  // namespace tenantseal::cli
