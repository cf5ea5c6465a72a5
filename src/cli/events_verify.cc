#include "cli/events_verify.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/table.h"
#include "server/event_audit.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;

constexpr const char* kFooter = R"(
Reads every event, and holds each chain against its hashes, against what the service has recorded
of its end, and against signed heads: those in DIR/event-heads.jsonl, or those of --checkpoint.
Whoever can write the database and the data directory can change both, so keep copies of
event-heads.jsonl elsewhere (the heads are in the log, too): a copy shows alteration, reordering,
truncation and rollback of everything before its heads. The service may run meanwhile.

Without --data-dir, a database alone is checked: its hashes, and with --checkpoint and --public-key
(DIR/event-heads.pub) the signed heads.

The exit status is 1 when anything is found.

Examples:
  tenantseal events verify --data-dir /var/lib/tenantseal
  tenantseal events verify --data-dir /var/lib/tenantseal --checkpoint /audit/event-heads.jsonl
  tenantseal events verify --database copy.db --checkpoint heads.jsonl --public-key heads.pub)";

struct Arguments {
  std::string data_dir;
  std::string database;
  std::string root_key_file;
  int root_key_fd = -1;
  server::EventAuditOptions audit;
  bool as_json = false;
};

Result<events::AuditReport> Audit(const Arguments& arguments) {
  if (arguments.data_dir.empty()) {
    if (arguments.database.empty())
      return InvalidArgument("data-dir",
                             "Name the data directory with --data-dir, or a database "
                             "with --database.");
    return server::AuditDatabase(arguments.database, arguments.audit);
  }
  const base::SystemClock clock;
  const base::SystemRandom random;
  server::DataDirOptions options;
  options.data_dir = arguments.data_dir;
  options.database = arguments.database;
  TS_ASSIGN_OR_RETURN(options.root,
                      server::ChooseRootSource(arguments.root_key_file, arguments.root_key_fd));
  TS_ASSIGN_OR_RETURN(const server::DataDir dir,
                      server::OpenDataDir(std::move(options), clock, random));
  return server::AuditDataDir(dir, arguments.audit);
}

void Print(const events::AuditReport& report, bool as_json) {
  json findings = json::array();
  for (const events::AuditFinding& finding : report.findings) {
    findings.push_back(
        {{"scope", finding.scope}, {"sequence", finding.sequence}, {"what", finding.what}});
  }
  if (as_json)
    return PrintJson({{"chains", report.chains},
                      {"events", report.events},
                      {"signedHeads", report.heads},
                      {"findingsTotal", report.findings_total},
                      {"findings", findings}});
  PrintFields({{"chains", std::to_string(report.chains)},
               {"events", std::to_string(report.events)},
               {"signed heads", std::to_string(report.heads)},
               {"findings", std::to_string(report.findings_total)}});
  for (const events::AuditFinding& finding : report.findings) {
    std::printf("chain %s: event %llu %s\n", Printable(finding.scope).c_str(),
                static_cast<unsigned long long>(finding.sequence), finding.what.c_str());
  }
}

Result<void> Verify(const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const events::AuditReport report, Audit(arguments));
  Print(report, arguments.as_json);
  if (report.findings_total > 0)
    return IntegrityError(
        "The events are not what was recorded: keep the database as it is, and compare "
        "with a backup and other copies of event-heads.jsonl (docs/events.md).");
  if (report.heads == 0)
    std::fprintf(stderr,
                 "No signed head was compared: chains that were cut off or rewritten as a whole "
                 "show only against one.\n");
  return {};
}

}  // namespace

void AddEventsVerify(CLI::App& events) {
  CLI::App& verify = *events.add_subcommand("verify", "Check the event chains, offline");
  verify.footer(kFooter);
  const auto arguments = std::make_shared<Arguments>();
  verify.add_option("--data-dir", arguments->data_dir, "The data directory")
      ->type_name("DIR")
      ->envname("TENANTSEAL_DATA_DIR");
  verify.add_option("--database", arguments->database, "The database, if not DIR/tenantseal.db")
      ->type_name("PATH");
  verify.add_option("--checkpoint", arguments->audit.checkpoint, "Signed heads that were kept")
      ->type_name("FILE");
  verify
      .add_option("--public-key", arguments->audit.public_key,
                  "The key that the heads must be signed by")
      ->type_name("FILE");
  verify.add_option("--root-key-file", arguments->root_key_file, "The root key")->type_name("FILE");
  verify.add_option("--root-key-fd", arguments->root_key_fd, "Read the root key from this")
      ->type_name("FD");
  verify.add_flag("--json", arguments->as_json, "For programs");
  OnCommand(verify, [arguments] { return Verify(*arguments); });
}

}  // namespace tenantseal::cli
