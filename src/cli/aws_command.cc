#include "cli/aws_command.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "aws/key_policy.h"
#include "base/bytes.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/reconcile_command.h"
#include "cli/streams.h"
#include "cli/table.h"
#include "model/ids.h"

namespace tenantseal::cli {
namespace {

struct Arguments {
  std::vector<std::string> tenants, added, principals, admins;
  std::string account, file;
  bool gov = false, full = false, json = false;
};

// The principals of the flags, else of the deployment's settings.
Result<std::vector<std::string>> Principals(const Arguments& arguments) {
  if (!arguments.principals.empty()) return arguments.principals;
  for (const char* name : {"TENANTSEAL_AWS_POLICY_PRINCIPAL", "TENANTSEAL_AWS_ROLE_ARN"}) {
    const char* value = std::getenv(name);
    std::vector<std::string> out;
    std::istringstream list(value == nullptr ? "" : value);
    for (std::string item; std::getline(list, item, ',');) {
      while (item.starts_with(' ')) item.erase(0, 1);
      while (item.ends_with(' ')) item.pop_back();
      if (!item.empty()) out.push_back(item);
    }
    if (!out.empty()) return out;
  }
  return InvalidArgument("principal",
                         "no principal is known that shall use the key: give --principal ARN, or "
                         "set TENANTSEAL_AWS_POLICY_PRINCIPAL or TENANTSEAL_AWS_ROLE_ARN");
}

Result<aws::KeyPolicyParties> Parties(const Arguments& arguments) {
  aws::KeyPolicyParties out;
  TS_ASSIGN_OR_RETURN(out.principals, Principals(arguments));
  out.tenants = arguments.tenants;
  out.tenants.insert(out.tenants.end(), arguments.added.begin(), arguments.added.end());
  for (const std::string& tenant : out.tenants) {
    if (!model::TenantId::Parse(tenant)) {
      return InvalidArgument("tenant", "a tenant's id has 32 characters of A-Z, a-z, 0-9, _ and -");
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

void PrintCheckJson(const aws::KeyPolicyCheck& check) {
  nlohmann::json lines = nlohmann::json::array();
  for (const auto& line : check.lines) {
    lines.push_back({{"principal", line.principal},
                     {"action", line.action},
                     {"context", line.context},
                     {"expected", line.expected},
                     {"allowed", line.allowed},
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
    rows.push_back({line.ok() ? "ok" : "WRONG", line.principal, line.action, line.context,
                    line.expected ? "yes" : "no", line.allowed ? "yes" : "no",
                    Joined(line.reasons)});
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
  auto check = aws::CheckKeyPolicy(policy, parties, arguments.account);
  if (!check) {
    Error error = std::move(check).error();
    if (!error.field.empty()) error.message = error.field + ": " + error.message;
    return error;
  }
  arguments.json ? PrintCheckJson(*check) : PrintCheck(*check);
  if (check->ok()) return {};
  return Error{ErrorCode::kInternal, "the policy does not admit exactly this tenant", "policy"};
}

void AddPrincipalOption(CLI::App& command, Arguments& arguments) {
  command.add_option("--principal", arguments.principals,
                     "A role that the service works as (default: "
                     "TENANTSEAL_AWS_POLICY_PRINCIPAL, else TENANTSEAL_AWS_ROLE_ARN)");
}

}  // namespace

void AddAwsCommand(CLI::App& app) {
  CLI::App& family =
      *app.add_subcommand("aws", "Key policies of AWS KMS keys, and the calls made on them");
  family.require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App& print = *family.add_subcommand("key-policy", "Print what to put into a key's policy");
  print.add_option("--tenant", arguments->tenants, "The tenant's id")->required()->expected(1);
  print.add_option("--add-tenant", arguments->added, "A further tenant that shares the key");
  AddPrincipalOption(print, *arguments);
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
  check.add_option("--tenant", arguments->tenants, "The tenant's id")->required()->expected(1);
  AddPrincipalOption(check, *arguments);
  check.add_option("--account", arguments->account, "The key's account");
  check.add_flag("--json", arguments->json, "For programs");
  check.footer(
      "Exit status 0: it does; 1: it does not, and the mended policy is printed when "
      "something is missing.\n\nExample:\n  aws kms get-key-policy --key-id ID --query "
      "Policy --output text |\n    tenantseal aws check-policy - --tenant ID");
  OnCommand(check, [=] { return CheckPolicy(*arguments); });
  AddReconcileCommand(family);
}

}  // namespace tenantseal::cli
