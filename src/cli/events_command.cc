#include "cli/events_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.h"
#include "cli/api_command.h"
#include "cli/events_verify.h"
#include "cli/list_pages.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

using net::Method;
using nlohmann::json;

constexpr const char* kAuditsPath = "/api/v1/audits";
constexpr std::size_t kPageItems = 100;
constexpr std::chrono::seconds kPollInterval{2};
// Events are stamped before they are stored, by machines whose clocks differ.
constexpr std::chrono::seconds kLate{60};

struct Arguments {
  std::string type, source, user, from, to;
  std::string sort = "-eventTime";
  std::size_t limit = 50;
  bool follow = false;
};

std::string Encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    char escaped[4];
    std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
    out += plain ? std::string(1, c) : std::string(escaped);
  }
  return out;
}

// The list's path with its filters.
std::string ListPath(const Arguments& arguments, const std::string& from, const std::string& sort) {
  const auto filter = [](const char* name, const std::string& value) {
    return value.empty() ? "" : std::string("&") + name + "=" + Encoded(value);
  };
  std::string path = std::string(kAuditsPath) + "?sort=" + Encoded(sort);
  path += filter("eventType", arguments.type) + filter("source", arguments.source) +
          filter("userId", arguments.user);
  if (from.empty() && arguments.to.empty()) return path;
  const std::string begin = from.empty() ? "1970-01-01T00:00:00.000Z" : from;
  const std::string end = arguments.to.empty() ? "9999-12-31T23:59:59.999Z" : arguments.to;
  return path + filter("eventTime", begin + "/" + end);
}

// At most `max` events of the list.
Result<json> Read(const Api& api, const std::string& list, std::size_t max) {
  json events = json::array();
  std::string path = list + "&limit=" + std::to_string(std::min(max, kPageItems));
  while (!path.empty() && events.size() < max) {
    TS_ASSIGN_OR_RETURN(const auto answer, api.Call(Method::kGet, path));
    TS_ASSIGN_OR_RETURN(const json page, ParseBody(answer.body));
    const auto data = page.find("data");
    if (data == page.end() || !data->is_array()) return UnexpectedAnswer("holds no list");
    for (const json& event : *data) {
      if (events.size() < max) events.push_back(event);
    }
    path = data->empty() ? "" : NextPagePath(page);
  }
  return events;
}

// What an event is about, in short: the members of its data that are names or numbers.
std::string Summary(const json& event) {
  const auto data = event.find("data");
  if (data == event.end() || !data->is_object()) return "";
  std::string out;
  for (const auto& [name, value] : data->items()) {
    if (value.is_structured() || name == "tenantId") continue;
    out += (out.empty() ? "" : " ") + name + "=" + Text(*data, name.c_str());
  }
  return out;
}

void PrintEvents(const json& events) {
  std::vector<std::vector<std::string>> rows = {{"TIME", "TYPE", "BY", "ABOUT"}};
  for (const json& event : events) {
    rows.push_back({Text(event, "eventTime"), Text(event, "eventType"), Text(event, "userId"),
                    Summary(event)});
  }
  PrintTable(rows);
}

// One line for each, since more will follow.
void PrintLine(const ApiFlags& flags, const json& event) {
  std::string line = Text(event, "eventTime") + "  " + Text(event, "eventType") + "  " +
                     Text(event, "userId") + "  " + Summary(event);
  if (flags.json || flags.raw) line = event.dump();
  if (flags.quiet) line = Text(event, "id");
  std::printf("%s\n", Printable(line).c_str());
}

std::string Before(const std::string& time, base::Duration by) {
  const auto parsed = base::ParseUtc(time);
  if (!parsed) return "";
  return base::FormatUtc(*parsed - std::chrono::duration_cast<std::chrono::milliseconds>(by));
}

// What has been shown, as far as it may come again.
struct Shown {
  std::map<std::string, std::string> times;  // By id.
  std::string oldest;                        // Nothing before it is new.
  std::string newest;
};

void ShowNew(const ApiFlags& flags, const json& events, Shown& shown) {
  for (const json& event : events) {
    const std::string time = Text(event, "eventTime");
    if (time < shown.oldest || !shown.times.emplace(Text(event, "id"), time).second) continue;
    PrintLine(flags, event);
    shown.newest = std::max(shown.newest, time);
  }
  std::fflush(stdout);
  shown.oldest = std::max(shown.oldest, Before(shown.newest, kLate));
  std::erase_if(shown.times, [&](const auto& entry) { return entry.second < shown.oldest; });
}

Result<void> Follow(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  TS_ASSIGN_OR_RETURN(
      json events, Read(api, ListPath(arguments, arguments.from, "-eventTime"), arguments.limit));
  std::reverse(events.begin(), events.end());
  Shown shown;
  if (events.size() == arguments.limit && !events.empty())
    shown.oldest = Text(events.front(), "eventTime");
  for (;;) {
    ShowNew(flags, events, shown);
    if (std::ferror(stdout) != 0) return {};  // Nobody reads; main() says so.
    std::this_thread::sleep_for(kPollInterval);
    const std::string& from = shown.newest.empty() ? arguments.from : shown.oldest;
    TS_ASSIGN_OR_RETURN(events, Read(api, ListPath(arguments, from, "+eventTime"), SIZE_MAX));
  }
}

Result<void> List(const Api& api, const ApiFlags& flags, const Arguments& arguments) {
  if (arguments.follow) return Follow(api, flags, arguments);
  TS_ASSIGN_OR_RETURN(
      const json events,
      Read(api, ListPath(arguments, arguments.from, arguments.sort), arguments.limit));
  return ShowAnswer(flags, events.dump(), {"id", PrintEvents});
}

}  // namespace

void AddEventsCommand(CLI::App& app) {
  CLI::App& events = *app.add_subcommand("events", "List and check events");
  events.require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();
  CLI::App& list = AddApiCommand(
      events, "ls", "List events, newest first",
      [arguments](const Api& api, const ApiFlags& flags) { return List(api, flags, *arguments); });
  list.add_option("--type", arguments->type, "Exactly this type")->type_name("TYPE");
  list.add_option("--source", arguments->source, "Exactly this source")->type_name("SOURCE");
  list.add_option("--user", arguments->user, "By whom, e.g. api-key:ID")->type_name("USER");
  list.add_option("--from", arguments->from, "Since, e.g. 2026-11-01T00:00:00Z")->type_name("TIME");
  list.add_option("--to", arguments->to, "Until")->type_name("TIME");
  list.add_option("--sort", arguments->sort, "eventTime, source or eventType after + or -");
  list.add_option("--limit", arguments->limit, "How many at most (default 50)")
      ->check(CLI::Range(1, 1'000'000));
  list.add_flag("--follow", arguments->follow, "Oldest first, and go on as they happen");
  list.footer(
      "Events of the last 90 days; older ones are at /api/v1/audits/archive?date=YYYY-MM-DD.\n\n"
      "Examples:\n"
      "  tenantseal events ls --type com.qlik.v1.encryption.keyprovider-migration.finished\n"
      "  tenantseal events ls --follow --json");
  AddEventsVerify(events);
}

}  // namespace tenantseal::cli
