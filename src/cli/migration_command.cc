#include "cli/migration_command.h"

#include <unistd.h>

#include <CLI/App.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/api_command.h"
#include "cli/key_provider_paths.h"
#include "cli/key_provider_views.h"
#include "cli/list_pages.h"
#include "cli/progress.h"
#include "cli/report_text.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

using net::Method;
using nlohmann::json;

constexpr std::chrono::milliseconds kPollInterval{250}, kPollIntervalMax{1000};
constexpr int kFailedPollsMax = 60;

struct Arguments {
  std::string fingerprint;
  bool wait = false;
  bool accept_source_refusal = false, accept_quarantine = false;  // Of resume.
  bool retry_all = false;                                         // Of quarantine.
};

std::string Action(const char* name) { return std::string(kMigrationPath) + "/actions/" + name; }

std::uint64_t Count(const json& migration, const char* name) {
  const auto found = migration.find(name);
  return found != migration.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

bool Unfinished(const json& migration) {
  const std::string state = Text(migration, "state");
  return state == "New" || state == "InProgress";
}

bool Paused(const json& migration) { return Text(migration, "substate") == "Paused"; }

// Progress on standard error: a bar on a terminal, elsewhere a line for each tenth and each state.
class MigrationProgress {
 public:
  // Returns false once a signal has arrived.
  bool Show(const json& migration) {
    if (::isatty(STDERR_FILENO) != 1) {
      const std::string tenth = Text(migration, "state") + Text(migration, "pausedBecause") +
                                std::to_string(Count(migration, "progress") / 10);
      if (tenth != std::exchange(shown_, tenth))
        std::fprintf(stderr, "%s\n", MigrationLine(migration).c_str());
    }
    const std::uint64_t total = Count(migration, "total");
    return total == 0 ? !Interrupted() : bar_.Update(Count(migration, "done"), total);
  }

 private:
  ProgressBar bar_{"moving data keys", ProgressBar::Unit::kItems};
  std::string shown_;
};

bool MayPass(const Error& error) {
  return error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kRateLimited ||
         error.code == ErrorCode::kKeyUnavailable || error.code == ErrorCode::kDeadlineExceeded;
}

Result<Api::Answer> Details(const Api& api) {
  return api.Call(Method::kGet, std::string(kMigrationPath) + "/actions/details");
}

Error StoppedWaiting() {
  return {ErrorCode::kDeadlineExceeded, "Stopped waiting; the migration goes on in the service.",
          "interrupted"};
}

// Until the migration has ended or is paused. The service may be away for a while.
Result<Api::Answer> WaitForEnd(const Api& api) {
  CatchInterrupts();
  MigrationProgress progress;
  std::chrono::milliseconds interval = kPollInterval;
  for (int failed = 0;;) {
    auto answer = Details(api);
    if (!answer && (!MayPass(answer.error()) || ++failed > kFailedPollsMax)) return answer;
    if (answer) {
      failed = 0;
      TS_ASSIGN_OR_RETURN(const json migration, ParseBody(answer->body));
      const bool go_on = progress.Show(migration);
      if (!Unfinished(migration) || Paused(migration)) return answer;
      if (!go_on) return StoppedWaiting();
    }
    if (Interrupted()) return StoppedWaiting();
    std::this_thread::sleep_for(interval);
    interval = std::min(interval + std::chrono::milliseconds(25), kPollIntervalMax);
  }
}

// What a wait has come to decides the exit status.
Result<void> Judge(const json& migration) {
  const std::string state = Text(migration, "state");
  if (state == "Completed") return {};
  std::string message = "The migration ";
  if (Paused(migration)) {
    message += "is paused (" + Printable(Text(migration, "pausedBecause")) + ")";
  } else {
    message += "ended as " + Printable(state);
  }
  const std::string detail = Printable(Text(migration, "detail"));
  message += detail.empty() ? "." : ": " + detail;
  if (Paused(migration)) message += " See `tenantseal encryption keyprovider resume --help`.";
  return Error{ErrorCode::kInternal, message, "migration"};
}

Result<void> WaitAndShow(const Api& api, const ApiFlags& flags) {
  TS_ASSIGN_OR_RETURN(const auto answer, WaitForEnd(api));
  TS_RETURN_IF_ERROR(ShowAnswer(flags, answer.body, kMigration));
  TS_ASSIGN_OR_RETURN(const json migration, ParseBody(answer.body));
  return Judge(migration);
}

Result<void> Migrate(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const std::string path, KeyProviderPath(arguments.fingerprint));
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, path + "/actions/migrate"));
  if (arguments.wait) return WaitAndShow(api, flags);
  return ShowAnswer(flags, answer.body, kMigration);
}

// The 205 that tells of a started migration has no body.
Result<void> Reset(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(const auto answer,
                      api.Call(Method::kPost, std::string(kKeyProvidersPath) +
                                                  "/actions/reset-to-default-provider"));
  if (answer.status != 205) return ShowAnswer(flags, answer.body, kMigration);
  if (arguments.wait) return WaitAndShow(api, flags);
  TS_ASSIGN_OR_RETURN(const auto details, Details(api));
  return ShowAnswer(flags, details.body, kMigration);
}

Result<void> ShowDetails(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  if (arguments.wait) return WaitAndShow(api, flags);
  TS_ASSIGN_OR_RETURN(const auto answer, Details(api));
  return ShowAnswer(flags, answer.body, kMigration);
}

Result<void> Plan(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_RETURN_IF_ERROR(KeyProviderPath(arguments.fingerprint));
  const json body = {{"arnFingerPrint", arguments.fingerprint}};
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, Action("plan"), body.dump()));
  return ShowAnswer(flags, answer.body, kMigrationPlan);
}

Result<void> Pause(const Api& api, const ApiFlags& flags, const Arguments&) {
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, Action("pause")));
  return ShowAnswer(flags, answer.body, kMigration);
}

Result<void> Resume(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  json body = json::object();
  if (arguments.accept_source_refusal) body["acceptSourceRefusal"] = true;
  if (arguments.accept_quarantine) body["acceptQuarantine"] = true;
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, Action("resume"), body.dump()));
  if (arguments.wait) return WaitAndShow(api, flags);
  return ShowAnswer(flags, answer.body, kMigration);
}

Result<void> Cancel(const Api& api, const ApiFlags& flags, const Arguments&) {
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, Action("cancel")));
  return ShowAnswer(flags, answer.body, kMigration);
}

void PrintReleased(const json& answer) {
  std::printf("%s data keys open again.\n", Printable(Text(answer, "released")).c_str());
}

// Every page as one. With --raw each page as it came.
Result<void> ListQuarantine(const Api& api, const ApiFlags& flags) {
  json all = {{"data", json::array()}};
  std::string next = std::string(kMigrationPath) + "/quarantine?limit=100";
  while (!next.empty()) {
    TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, next));
    TS_ASSIGN_OR_RETURN(const json page, ParseBody(answer.body));
    const auto data = page.find("data");
    if (data == page.end() || !data->is_array()) return UnexpectedAnswer("holds no list");
    const std::string following = NextPagePath(page);
    if (flags.raw) TS_RETURN_IF_ERROR(ShowAnswer(flags, answer.body, kQuarantine));
    all["data"].insert(all["data"].end(), data->begin(), data->end());
    next = following == next || data->empty() ? "" : following;
  }
  return flags.raw ? Result<void>() : ShowAnswer(flags, all.dump(), kQuarantine);
}

Result<void> Quarantine(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  if (!arguments.retry_all) return ListQuarantine(api, flags);
  TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kPost, std::string(kMigrationPath) +
                                                                     "/quarantine/actions/retry"));
  return ShowAnswer(flags, answer.body, {"released", PrintReleased});
}

using Added = AddedCommand<Arguments>;

void AddFingerprint(const Added& added) {
  added.command.add_option("FINGERPRINT", added.arguments->fingerprint, "The target")->required();
}

void AddWait(const Added& added) {
  added.command.add_flag("--wait", added.arguments->wait, "Until it has ended, with progress");
  added.command.footer(
      "With --wait the exit status is 1 unless it completes: it failed, was cancelled or is "
      "paused.\nInterrupted, only the waiting ends.");
}

}  // namespace

void AddMigrationCommands(CLI::App& family) {
  const Added plan = AddApiCommand(family, "plan", "Show what a migration would do and cost", Plan);
  AddFingerprint(plan);
  const Added migrate =
      AddApiCommand(family, "migrate", "Move the tenant to a key provider", Migrate);
  AddFingerprint(migrate);
  AddWait(migrate);
  AddWait(AddApiCommand(family, "reset-to-default-provider", "Move the tenant to the internal KMS",
                        Reset));
  AddWait(AddApiCommand(family, "migration-details", "Show the migration, else the last one",
                        ShowDetails));
  AddApiCommand(family, "pause", "Let the migration wait", Pause);
  const Added resume = AddApiCommand(family, "resume", "Go on with a migration that waits", Resume);
  resume.command.add_flag("--accept-source-refusal", resume.arguments->accept_source_refusal,
                          "Finish though the present key provider refuses this tenant");
  resume.command.add_flag("--accept-quarantine", resume.arguments->accept_quarantine,
                          "Go on without the data keys that are set aside");
  AddWait(resume);
  AddApiCommand(family, "cancel", "Stay with the present key provider", Cancel);
  const Added quarantine = AddApiCommand(
      family, "quarantine", "List data keys that do not open and were set aside", Quarantine);
  quarantine.command.add_flag("--retry-all", quarantine.arguments->retry_all,
                              "Try each of them once more");
}

}  // namespace tenantseal::cli
