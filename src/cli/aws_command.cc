#include "cli/aws_command.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "aws/key_policy.h"
#include "aws/quote.h"
#include "aws/region.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/reconcile_command.h"
#include "cli/streams.h"
#include "cli/table.h"
#include "model/ids.h"
#include "server/key_policy.h"
#include "server/settings.h"

namespace tenantseal::cli {
namespace {

struct Arguments {
  std::vector<std::string> tenants, added, principals, admins;
  std::string account, config, file;
  bool gov = false, full = false, json = false;
};

// The principals of the flags, else those that the deployment itself prints.
Result<std::vector<std::string>> Principals(const Arguments& arguments) {
  if (!arguments.principals.empty()) return arguments.principals;
  // Settings want a place for data and care about where they listen; nothing is opened there.
  std::map<std::string, std::string> flags{{"data-dir", "."}, {"listen", "127.0.0.1:0"}};
  if (!arguments.config.empty()) flags["config"] = arguments.config;
  TS_ASSIGN_OR_RETURN(const auto settings,
                      server::ResolveSettings(flags, aws::ProcessEnvironment()));
  auto out = server::PolicyPrincipals(settings);
  if (!out.empty()) return out;
  return InvalidArgument("principal",
                         "no principal is known that shall use the key: give --principal ARN, or "
                         "set TENANTSEAL_AWS_POLICY_PRINCIPAL or TENANTSEAL_AWS_ROLE_ARN, or "
                         "aws-policy-principal or aws-role-arn in the file of --config");
}

// Each text once, in order.
std::vector<std::string> Distinct(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) {
    if (std::ranges::find(out, text) == out.end()) out.push_back(text);
  }
  return out;
}

Result<aws::KeyPolicyParties> Parties(const Arguments& arguments) {
  aws::KeyPolicyParties out;
  TS_ASSIGN_OR_RETURN(const auto principals, Principals(arguments));
  out.principals = Distinct(principals);
  out.tenants = arguments.tenants;
  out.tenants.insert(out.tenants.end(), arguments.added.begin(), arguments.added.end());
  out.tenants = Distinct(out.tenants);
  for (const std::string& tenant : out.tenants) {
    if (!model::TenantId::Parse(tenant)) {
      return InvalidArgument("tenant", aws::Quote(tenant) +
                                           " is not a tenant's id, which has 32 characters of "
                                           "A-Z, a-z, 0-9, _ and -");
    }
  }
  return out;
}

Result<void> PrintPolicy(const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const auto parties, Parties(arguments));
  const char* partition = arguments.gov ? "aws-us-gov" : "aws";
  if (!arguments.full && (!arguments.account.empty() || !arguments.admins.empty())) {
    return InvalidArgument("full", "--account and --admin-role go with --full");
  }
  if (arguments.full && arguments.account.empty()) {
    return InvalidArgument("account", "--full needs --account ID, the key's account");
  }
  auto text = arguments.full
                  ? aws::WholeKeyPolicy(parties, partition, arguments.account, arguments.admins)
                  : aws::KeyPolicyStatements(parties, partition);
  if (!text) return std::move(text).error();
  std::printf("%s\n", text->c_str());
  return {};
}

std::string Joined(const std::vector<std::string>& reasons) {
  std::string out;
  for (const auto& reason : reasons) out += (out.empty() ? "" : "; ") + reason;
  return out;
}

using Answer = aws::KeyPolicyCheck::Answer;

nlohmann::json AnswerJson(Answer answer) {
  if (answer == Answer::kUntold) return nullptr;
  return answer == Answer::kYes;
}

const char* AnswerText(Answer answer) {
  if (answer == Answer::kUntold) return "untold";
  return answer == Answer::kYes ? "yes" : "no";
}

void PrintCheckJson(const aws::KeyPolicyCheck& check) {
  nlohmann::json lines = nlohmann::json::array();
  for (const auto& line : check.lines) {
    lines.push_back({{"principal", line.principal},
                     {"action", line.action},
                     {"context", line.context},
                     {"expected", AnswerJson(line.expected)},
                     {"allowed", AnswerJson(line.allowed)},
                     {"ok", line.ok()},
                     {"why", line.reasons}});
  }
  nlohmann::json out = {{"ok", check.ok()}, {"lines", lines}, {"mended", nullptr}};
  if (!check.mended.empty()) out["mended"] = nlohmann::json::parse(check.mended, nullptr, false);
  PrintJson(out);
}

void PrintCheck(const aws::KeyPolicyCheck& check) {
  std::vector<std::vector<std::string>> rows{
      {"", "PRINCIPAL", "ACTION", "CONTEXT", "EXPECTED", "ALLOWED", "WHY"}};
  for (const auto& line : check.lines) {
    rows.push_back({line.ok()      ? "ok"
                    : line.wrong() ? "WRONG"
                                   : "UNTOLD",
                    line.principal, line.action, line.context, AnswerText(line.expected),
                    AnswerText(line.allowed), Joined(line.reasons)});
  }
  PrintTable(rows);
  if (check.mended.empty()) return;
  std::printf("\nThe policy with what is missing:\n%s\n", check.mended.c_str());
}

Result<void> CheckPolicy(const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const auto parties, Parties(arguments));
  auto text = arguments.file == kStandard ? ReadStandardInput(aws::kKeyPolicyBytesMax)
                                          : base::ReadFile(arguments.file, aws::kKeyPolicyBytesMax);
  if (!text) return std::move(text).error();
  const std::string policy(base::AsText(text->Reveal()));
  auto check = aws::CheckKeyPolicy(policy, parties, arguments.account, base::SystemClock().Utc());
  if (!check) {
    Error error = std::move(check).error();
    if (!error.field.empty()) error.message = error.field + ": " + error.message;
    return error;
  }
  arguments.json ? PrintCheckJson(*check) : PrintCheck(*check);
  if (check->ok()) return {};
  const std::string exactly =
      parties.tenants.size() == 1 ? "exactly this tenant" : "exactly these tenants";
  if (check->wrong()) {
    return Error{ErrorCode::kInternal, "the policy does not admit " + exactly, "policy"};
  }
  return Error{ErrorCode::kUnavailable,
               "whether the policy admits " + exactly +
                   " cannot be told offline: see the lines marked UNTOLD",
               "policy"};
}

void AddPartyOptions(CLI::App& command, Arguments& arguments) {
  command.add_option("--tenant", arguments.tenants, "The tenant's id")->required()->expected(1);
  command.add_option("--add-tenant", arguments.added, "A further tenant that shares the key");
  command.add_option("--principal", arguments.principals,
                     "A role that the service works as (default: "
                     "TENANTSEAL_AWS_POLICY_PRINCIPAL, else TENANTSEAL_AWS_ROLE_ARN, else what "
                     "--config says)");
  command.add_option("--config", arguments.config,
                     "The service's TOML file (default: TENANTSEAL_CONFIG)");
}

}  // namespace

void AddAwsCommand(CLI::App& app) {
  CLI::App& family =
      *app.add_subcommand("aws", "Key policies of AWS KMS keys, and the calls made on them");
  family.require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App& print = *family.add_subcommand("key-policy", "Print what to put into a key's policy");
  AddPartyOptions(print, *arguments);
  print.add_flag("--gov", arguments->gov, "For AWS GovCloud (partition aws-us-gov)");
  print.add_flag("--full", arguments->full, "A whole policy rather than two statements");
  print.add_option("--account", arguments->account, "The key's account, with --full");
  print.add_option("--admin-role", arguments->admins, "Who manages the key, with --full");
  print.footer(
      "Example:\n  tenantseal aws key-policy --tenant ID --principal "
      "arn:aws:iam::111122223333:role/NAME");
  OnCommand(print, [=] { return PrintPolicy(*arguments); });

  CLI::App& check =
      *family.add_subcommand("check-policy", "Check that a policy admits exactly this tenant");
  check.add_option("FILE", arguments->file, "The policy; - is standard input")->required();
  AddPartyOptions(check, *arguments);
  check.add_option("--account", arguments->account, "The key's account");
  check.add_flag("--json", arguments->json, "For programs");
  check.footer(
      "Exit status 0: it does; 1: it does not, and the mended policy is printed when "
      "something is missing; 5: that cannot be told offline, since it depends on what only AWS "
      "knows.\n\nExample:\n  aws kms get-key-policy --key-id ID --query "
      "Policy --output text |\n    tenantseal aws check-policy - --tenant ID");
  OnCommand(check, [=] { return CheckPolicy(*arguments); });
  AddReconcileCommand(family);
}

}  // namespace tenantseal::cli
