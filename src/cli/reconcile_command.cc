#include "cli/reconcile_command.h"

#include <CLI/App.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "aws/arn.h"
#include "cli/api_command.h"
#include "cli/kept_calls.h"
#include "cli/progress.h"
#include "cli/reconcile_text.h"
#include "cli/related_keys.h"
#include "cli/table.h"
#include "cli/trail_reading.h"
#include "server/settings.h"

namespace tenantseal::cli {
namespace {

// What is read besides the span, on either side: clocks differ.
constexpr std::chrono::minutes kAside{5};

struct Arguments {
  std::string fingerprint, from = "24h", to, caller_profile, owner_profile, ca_file;
  std::vector<std::string> regions;
};

// A time, or how long before now.
Result<base::UtcTime> ReadTime(const std::string& text, const std::string& field,
                               base::UtcTime now) {
  if (const auto time = base::ParseUtc(text)) return *time;
  if (const auto ago = server::ParseDurationText(text))
    return now - std::chrono::duration_cast<std::chrono::milliseconds>(*ago);
  return InvalidArgument(field, "--" + field + " " + text +
                                    ": it must be a time such as 2026-11-24T07:06:00Z, or how "
                                    "long ago, such as 36h or 7d.");
}

// The account of a principal or a key, "" when it has none.
std::string AccountOf(const std::string& arn) {
  const auto parsed = aws::ParseArn(arn);
  return parsed ? parsed->account : "";
}

// The accounts whose trails are read, and what is said of those that are not.
class Accounts {
 public:
  Accounts(const TrailGround& ground, const Arguments& arguments, const KeptCalls& kept)
      : ground_(ground),
        arguments_(arguments),
        region_(aws::ParseKmsArn(kept.key_arns[0])->region),
        principals_(kept.principals) {
    key_account_ = AccountOf(kept.key_arns[0]);
    for (const std::string& principal : kept.principals) services_.insert(AccountOf(principal));
  }

  Result<void> Open() {
    TS_RETURN_IF_ERROR(OpenCaller());
    TS_RETURN_IF_ERROR(OpenOwner());
    if (!opened_.empty()) return {};
    std::string message = "CloudTrail cannot be read.";
    for (const std::string& reason : missing_) message += " " + reason;
    return Error{ErrorCode::kUnavailable, message};
  }

  std::vector<TrailAccount>& opened() { return opened_; }
  const std::vector<std::string>& missing() const { return missing_; }
  const std::string& key_account() const { return key_account_; }
  // The service's account; "" when it is not known.
  std::string caller_account() const {
    if (!caller_account_.empty()) return caller_account_;
    return services_.size() == 1 ? *services_.begin() : "";
  }
  // The credentials of the key's account that may ask AWS KMS about the key. The service's own may
  // not, nor any of its account: the call would look like a thief's in the next reconciliation. An
  // error says why there are none.
  Result<aws::CredentialsProvider*> Inquirer() const {
    const TrailAccount* const owner = Find(key_account_);
    if (owner == nullptr)
      return InvalidArgument("owner-profile",
                             "the key's account tells it, with --owner-profile and "
                             "kms:DescribeKey.");
    const std::string services = caller_account();
    const bool foreign = !services.empty() && services != key_account_;
    const auto is_behind = [&](const std::string& principal) {
      return IsBehind(principal, owner->identity.arn);
    };
    if (foreign || (!principals_.empty() && std::ranges::none_of(principals_, is_behind)))
      return owner->credentials.get();
    return InvalidArgument("caller-profile",
                           "these may be the service's own credentials (" + owner->identity.arn +
                               "), by which asking AWS KMS would look like a thief's call.");
  }

 private:
  const TrailAccount* Find(const std::string& account) const {
    const auto found = std::ranges::find_if(
        opened_, [&](const TrailAccount& each) { return each.identity.account == account; });
    return found == opened_.end() ? nullptr : &*found;
  }
  bool IsServices(const std::string& account) const {
    return services_.empty() ? account != key_account_ : services_.contains(account);
  }

  Result<void> OpenCaller() {
    const std::string& profile = arguments_.caller_profile;
    auto account = OpenTrailAccount(ground_, profile, region_);
    if (!account) {
      missing_.push_back("The service's account was not read, and with it what was denied: " +
                         account.error().message);
      return {};
    }
    const std::string id = account->identity.account;
    if (IsServices(id)) {
      caller_account_ = id;
    } else if (!profile.empty()) {
      return InvalidArgument("caller-profile",
                             "The profile " + profile + " is of account " + id +
                                 "; the service calls from another: " + ServiceText() +
                                 ". Give --caller-profile one of that account.");
    } else {
      missing_.push_back("The service's account (" + ServiceText() +
                         ") was not read, and with it what was denied: give --caller-profile.");
      if (id != key_account_) return {};
    }
    opened_.push_back(std::move(*account));
    return {};
  }

  Result<void> OpenOwner() {
    if (Find(key_account_) != nullptr) return {};
    const std::string& profile = arguments_.owner_profile;
    if (profile.empty()) {
      missing_.push_back("The account of the key's owner (" + key_account_ +
                         ") was not read, and with it what others do with the key: give "
                         "--owner-profile.");
      return {};
    }
    auto account = OpenTrailAccount(ground_, profile, region_);
    if (!account) {
      missing_.push_back("The account of the key's owner was not read: " + account.error().message);
      return {};
    }
    if (account->identity.account != key_account_)
      return InvalidArgument("owner-profile", "The profile " + profile + " is of account " +
                                                  account->identity.account + "; the key is of " +
                                                  key_account_ +
                                                  ". Give --owner-profile one of that account.");
    opened_.push_back(std::move(*account));
    return {};
  }

  std::string ServiceText() const {
    std::string out;
    for (const std::string& account : services_) out += (out.empty() ? "" : ", ") + account;
    return out.empty() ? "not " + key_account_ : out;
  }

  const TrailGround& ground_;
  const Arguments& arguments_;
  const std::string region_;
  const std::vector<std::string> principals_;  // Whom the service calls as.
  std::string key_account_, caller_account_;
  std::set<std::string> services_;  // Accounts of the principals that the service calls as.
  std::vector<TrailAccount> opened_;
  std::vector<std::string> missing_;
};

// The key, its replica, and further replicas that were asked for.
Result<std::vector<std::string>> KeyArns(const KeptCalls& kept, const Arguments& arguments) {
  if (kept.key_arns.empty())
    return InvalidArgument("keyprovider",
                           "--keyprovider " + arguments.fingerprint +
                               ": the internal KMS makes no calls of AWS KMS; `tenantseal "
                               "encryption keyprovider ls` shows the key providers that do.");
  std::vector<std::string> out = kept.key_arns;
  TS_ASSIGN_OR_RETURN(const aws::KmsArn key, aws::ParseKmsArn(kept.key_arns[0]));
  for (const std::string& region : arguments.regions) {
    if (!key.multi_region() || aws::PartitionOfRegion(region) != key.partition)
      return InvalidArgument("region", "--region " + region +
                                           ": it names a further region of a multi-region key, "
                                           "in the partition of " +
                                           key.text() + "; leave it out.");
    const std::string arn = key.InRegion(region).text();
    if (std::ranges::find(out, arn) == out.end()) out.push_back(arn);
  }
  return out;
}

Result<std::vector<std::string>> Related(const TrailGround& ground, const Accounts& accounts,
                                         const aws::KmsArn& key) {
  TS_ASSIGN_OR_RETURN(aws::CredentialsProvider* const credentials, accounts.Inquirer());
  return AskRelatedKeys(ground, *credentials, key);
}

// Adds the replicas that neither the service nor the command line names. Where they cannot be
// known, the report says so.
void AddReplicas(const TrailGround& ground, const Accounts& accounts, ReconcileReport& report) {
  const auto key = aws::ParseKmsArn(report.key_arns[0]);
  if (!key->multi_region()) return;
  const auto related = Related(ground, accounts, *key);
  if (!related) {
    report.replicas_unknown =
        "Whether the key has replicas in further regions is not known: " + related.error().message +
        " What was done there was not read: name each region with --region REGION.";
    return;
  }
  for (const std::string& arn : *related) {
    if (std::ranges::find(report.key_arns, arn) == report.key_arns.end())
      report.key_arns.push_back(arn);
  }
}

// Denials that no event was found for, and whose events may name no key.
std::vector<KeptCall> Denials(const Reconciliation& found) {
  std::vector<KeptCall> out;
  for (const KeptCall& call : found.only_kept) {
    if (call.outcome.starts_with("AccessDenied")) out.push_back(call);
  }
  return out;
}

Result<void> ReadAndCompare(const TrailGround& ground, const Arguments& arguments,
                            const KeptCalls& kept, ReconcileReport& report) {
  Accounts accounts(ground, arguments, kept);
  TS_RETURN_IF_ERROR(accounts.Open());
  ReconcileInput& input = report.input;
  input.key_account = accounts.key_account();
  input.caller_account = accounts.caller_account();
  report.missing = accounts.missing();
  AddReplicas(ground, accounts, report);
  TrailReading reading;
  for (TrailAccount& account : accounts.opened())
    ReadTrail(ground, account, report.key_arns, input.from - kAside, input.to + kAside, reading);
  const auto compare = [&] {
    input.events = reading.events;
    input.places = reading.places;
    report.unreadable = reading.unreadable;
    report.found = Reconcile(input);
  };
  compare();
  const auto denials = Denials(report.found);
  if (denials.empty()) return {};
  input.denials_unread = true;
  for (TrailAccount& account : accounts.opened()) {
    if (account.identity.account == input.caller_account)
      input.denials_unread = !FindDenials(ground, account, denials, reading);
  }
  compare();
  return {};
}

void Show(const ApiFlags& flags, const ReconcileReport& report) {
  if (flags.json || flags.raw) return PrintJson(ReconcileJson(report));
  if (!flags.quiet) return PrintReconciliation(report);
  for (const KeptCall& call : report.found.only_kept)
    std::printf("%s\n", Printable(call.request_id).c_str());
  for (const aws::TrailEvent& event : report.found.only_trail)
    std::printf("%s\n", Printable(event.request_id).c_str());
}

Result<void> RunReconcile(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  CatchInterrupts();
  const base::SystemClock clock;
  const base::SystemRandom random;
  ReconcileReport report;
  report.fingerprint = arguments.fingerprint;
  ReconcileInput& input = report.input;
  input.now = clock.Utc();
  TS_ASSIGN_OR_RETURN(input.from, ReadTime(arguments.from, "from", input.now));
  input.to = input.now;
  if (!arguments.to.empty()) {
    TS_ASSIGN_OR_RETURN(input.to, ReadTime(arguments.to, "to", input.now));
  }
  if (input.to < input.from)
    return InvalidArgument(
        "to", "--to must not be before --from; give a later --to or an earlier --from.");

  TS_ASSIGN_OR_RETURN(KeptCalls kept, ReadKeptCalls(api, arguments.fingerprint, input.from - kAside,
                                                    input.to + kAside));
  TS_ASSIGN_OR_RETURN(report.key_arns, KeyArns(kept, arguments));
  input.calls = std::move(kept.calls);
  input.doubts = kept.doubts;
  input.principals = kept.principals;
  std::erase_if(input.doubts, [&](const LogDoubt& doubt) {
    return doubt.to < input.from || doubt.from > input.to;
  });

  const aws::Environment environment = aws::ProcessEnvironment();
  TS_ASSIGN_OR_RETURN(auto endpoints, aws::EndpointOptionsFrom(environment));
  const auto http = net::NewHttpClient(
      {.response_bytes_max = aws::kLookupReplyBytesMax, .ca_file = arguments.ca_file});
  const TrailGround ground{*http, clock, random, std::move(endpoints), environment};
  TS_RETURN_IF_ERROR(ReadAndCompare(ground, arguments, kept, report));
  Show(flags, report);
  if (Interrupted()) return Error{ErrorCode::kInternal, "interrupted", "interrupted"};
  if (report.found.agrees()) return {};
  return Error{
      ErrorCode::kInternal,
      "the service and CloudTrail do not know the same calls; docs/reconciliation.md says what "
      "each may mean"};
}

}  // namespace

void AddReconcileCommand(CLI::App& family) {
  const auto [command, arguments] = AddApiCommand<Arguments>(
      family, "reconcile", "Compare the service's calls of AWS KMS with CloudTrail", &RunReconcile);
  command.add_option("--keyprovider", arguments->fingerprint, "The key provider's fingerprint")
      ->required()
      ->type_name("FINGERPRINT");
  command.add_option("--from", arguments->from, "Since then, or so long ago")
      ->capture_default_str()
      ->type_name("TIME");
  command.add_option("--to", arguments->to, "Until then, or so long ago (default: now)")
      ->type_name("TIME");
  command
      .add_option("--caller-profile", arguments->caller_profile,
                  "AWS profile of the service's account (default: as the AWS SDKs find "
                  "credentials)")
      ->type_name("NAME");
  command
      .add_option("--owner-profile", arguments->owner_profile,
                  "AWS profile of the account of the key's owner")
      ->type_name("NAME");
  command
      .add_option(
          "--region", arguments->regions,
          "A further region with a replica of the key, where AWS KMS does not tell; may stand "
          "several times")
      ->type_name("REGION");
  command
      .add_option("--aws-ca-file", arguments->ca_file, "PEM roots for AWS in place of the system's")
      ->type_name("FILE");
  command.footer(
      "Exit status 0: both know the same calls, as far as it could be verified; 1: a call is "
      "known to one side only. What could not be verified is listed.\n"
      "CloudTrail admits two requests a second of 50 events: a day of one tenant's leases takes "
      "half a minute for each region and account.\n\n"
      "Example:\n  tenantseal aws reconcile --keyprovider FINGERPRINT --from 7d "
      "--caller-profile service --owner-profile customer");
}

}  // namespace tenantseal::cli
