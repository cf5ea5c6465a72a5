#include "cli/inspect_command.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/streams.h"
#include "cli/table.h"
#include "tenantseal/content.h"

namespace tenantseal::cli {
namespace {

struct Arguments {
  std::string file;
  bool json = false;
};

std::string SuiteText(std::uint16_t suite) {
  char hex[8];
  std::snprintf(hex, sizeof(hex), "%04x", suite);
  return hex;
}

nlohmann::json ToJson(const ContentDescription& d) {
  nlohmann::json context = nlohmann::json::object();
  for (const auto& [key, value] : d.context) context[key] = value;
  nlohmann::json json = {{"version", d.format_version},     {"suite", SuiteText(d.suite)},
                         {"tenantId", d.tenant_id},         {"encryptionContext", context},
                         {"frameLength", d.frame_bytes},    {"headerBytes", d.header_bytes},
                         {"messageBytes", d.message_bytes}, {"plaintextBytes", nullptr},
                         {"arnFingerPrint", nullptr},       {"tenantKeyVersion", nullptr}};
  if (d.plaintext_bytes) json["plaintextBytes"] = *d.plaintext_bytes;
  if (d.tenant_key_version > 0) {
    json["arnFingerPrint"] = d.provider_fingerprint;
    json["tenantKeyVersion"] = d.tenant_key_version;
  }
  return json;
}

void PrintForPeople(const ContentDescription& d) {
  const bool ours = d.tenant_key_version > 0;
  std::vector<std::pair<std::string, std::string>> fields = {
      {"format", "AWS Encryption SDK message, version " + std::to_string(d.format_version)},
      {"suite", SuiteText(d.suite) + " (AES-256-GCM, HKDF-SHA-512, key commitment)"},
      {"tenant", d.tenant_id},
      {"key provider", ours ? d.provider_fingerprint : "not of Tenantseal's making"},
      {"tenant key version", ours ? std::to_string(d.tenant_key_version) : "-"},
      {"frame length", d.frame_bytes > 0 ? FormatBytes(d.frame_bytes) : "none: one block"},
      {"header", std::to_string(d.header_bytes) + " bytes"},
      {"message", std::to_string(d.message_bytes) + " bytes"},
      {"content", d.plaintext_bytes ? std::to_string(*d.plaintext_bytes) + " bytes"
                                    : "truncated: no message has this size"}};
  for (const auto& [key, value] : d.context) fields.emplace_back("context", key + "=" + value);
  PrintFields(fields);
}

}  // namespace

void AddInspectCommand(CLI::App& app) {
  CLI::App& command =
      *app.add_subcommand("inspect", "Show what a sealed file says of itself, without any key");
  auto arguments = std::make_shared<Arguments>();
  command.add_option("FILE", arguments->file, "The sealed file")
      ->required()
      ->check(RefuseStandardInput);
  command.add_flag("--json", arguments->json, "For programs");
  command.footer(
      "Needs no service. Nothing of it has been verified before the file is opened.\n\n"
      "Example:\n  tenantseal inspect report.pdf.sealed");
  OnCommand(command, [=]() -> Result<void> {
    auto found = Inspect(arguments->file);
    if (!found) {
      Error error = std::move(found).error();
      // The file, not the command line, is wrong.
      if (error.field != "input" && error.code == ErrorCode::kInvalidArgument)
        error.code = ErrorCode::kDecryptFailed;
      return error;
    }
    arguments->json ? PrintJson(ToJson(*found)) : PrintForPeople(*found);
    return {};
  });
}

}  // namespace tenantseal::cli
