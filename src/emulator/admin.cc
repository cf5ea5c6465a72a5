#include "emulator/admin.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tenantseal::emulator {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

Error NoSuchPath() {
  return NotFound(
      "There are GET and POST /_emulator/faults, clock, settings, snapshot, POST "
      "/_emulator/reset and GET /_emulator/health.");
}

Result<milliseconds> SpanOf(const Json& value, const std::string& at) {
  if (!value.is_string()) return InvalidArgument(at, "A time is text such as \"30s\" or \"7d\".");
  Result<milliseconds> span = ParseSpan(value.get<std::string>());
  if (!span) return InvalidArgument(at, span.error().message);
  return span;
}

// Whether the clock would still tell a time near the machine's.
Result<void> CheckClock(const ClockSetting& setting, base::UtcTime machine, const char* at) {
  const base::UtcTime tells = setting.frozen_at.value_or(machine + setting.offset);
  if (tells - machine <= kClockOffsetMax && machine - tells <= kClockOffsetMax) return {};
  return InvalidArgument(at, "The clock would tell " + base::FormatUtc(tells) +
                                 "; it can be moved a hundred years from the real time, " +
                                 base::FormatUtc(machine) + ", at most.");
}

Error UnknownMember(const std::string& name, const char* known) {
  return InvalidArgument("/" + name, std::string("There is no such member; there are ") + known);
}

}  // namespace

net::Response Admin::Failure(const Error& error) const {
  net::Response response;
  switch (error.code) {
    case ErrorCode::kNotFound:
      response.status = 404;
      break;
    case ErrorCode::kPermissionDenied:
      response.status = 403;
      break;
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLarge:
    case ErrorCode::kIntegrity:
      response.status = 400;
      break;
    default:
      response.status = 500;
  }
  Json body{{"error", error.message}};
  if (!error.field.empty()) body["field"] = error.field;
  response.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  return response;
}

net::Response Admin::Handle(net::Request& request) {
  if (request.Header("Origin")) {
    return Failure({ErrorCode::kPermissionDenied, "Web pages may not use the admin path."});
  }
  std::string_view name = request.path;
  name.remove_prefix(std::min(name.size(), std::string_view("/_emulator/").size()));
  if (request.method == net::Method::kGet && name == "snapshot") {
    net::Response response;
    response.body = world_.Snapshot();
    return response;
  }
  base::MutexLock lock(mutex_);
  Result<std::string> body =
      Route(net::MethodName(request.method), name, base::AsText(request.body));
  if (!body) return Failure(body.error());
  net::Response response;
  response.body = std::move(*body);
  return response;
}

Result<std::string> Admin::Route(std::string_view method, std::string_view name,
                                 std::string_view body) {
  const bool post = method == "POST";
  if (!post && method != "GET") return NoSuchPath();
  if (name == "health" && !post) return std::string(R"({"status":"ok"})");
  if (name == "snapshot" && post) {
    TS_RETURN_IF_ERROR(world_.Restore(body));
    TS_RETURN_IF_ERROR(SettleReplicas());
    return std::string("{}");
  }
  if (name == "reset" && post) {
    TS_RETURN_IF_ERROR(Reset());
    return std::string("{}");
  }
  Json input = Json::object();
  if (post) {
    input = Json::parse(body, nullptr, false);
    if (!input.is_object()) return InvalidArgument("", "The body is a JSON object.");
  }
  if (name == "faults") return Faults(input);
  if (name == "clock") return Clock(input);
  if (name == "settings") return Settings(input);
  return NoSuchPath();
}

Result<std::string> Admin::Faults(const Json& input) {
  std::vector<FaultRule> rules;
  std::vector<std::string> removed;
  bool clear = false;
  Json add = Json::array();
  if (input.contains("kind")) {
    add.push_back(input);  // One fault by itself.
  } else {
    for (const auto& [name, value] : input.items()) {
      if (name == "add") {
        add = value;
      } else if (name == "clear" && value.is_boolean()) {
        clear = value.get<bool>();
      } else if (name == "remove" && value.is_array()) {
        for (const Json& id : value) {
          if (!id.is_string()) return InvalidArgument("/remove", "\"remove\" is a list of ids.");
          removed.push_back(id.get<std::string>());
        }
      } else if (name != "list") {
        return UnknownMember(name, "add (a list), remove (a list of ids), clear (true), list.");
      }
    }
  }
  TS_ASSIGN_OR_RETURN(rules, faults_.Parse(add));
  if (clear) faults_.Clear();
  if (!removed.empty()) faults_.Remove(removed);
  TS_RETURN_IF_ERROR(faults_.Add(std::move(rules)));
  if (!input.empty()) TS_RETURN_IF_ERROR(SettleReplicas());
  return Json{{"faults", faults_.List()}}.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<void> Admin::SettleReplicas() {
  const std::vector<std::string> held = faults_.HeldRegions();
  const bool all = std::ranges::find(held, "") != held.end();
  world_.HoldReplicas(held);
  Edit edit(world_);
  for (const auto& [arn, key] : edit.contents().keys) {
    if (!key->multi_region || key->primary()) continue;
    const bool named = std::ranges::find(held, key->region) != held.end();
    Key changed = *key;
    if (named && key->state == KeyState::kEnabled) {
      changed.state = KeyState::kCreating;
      changed.ready_at = kHeldReplica;
    } else if (!named && !all && key->state == KeyState::kCreating &&
               key->ready_at == kHeldReplica) {
      changed.state = KeyState::kEnabled;
      changed.ready_at.reset();
    } else {
      continue;
    }
    edit.Put(std::move(changed));
  }
  return edit.Commit();
}

Result<std::string> Admin::Clock(const Json& input) {
  ClockSetting setting = world_.clock_setting();
  const base::UtcTime machine = clock_.Utc();
  for (const auto& [name, value] : input.items()) {
    if (name == "advance") {
      TS_ASSIGN_OR_RETURN(const milliseconds span, SpanOf(value, "/advance"));
      setting.offset += span;
      if (setting.frozen_at) *setting.frozen_at += span;
      TS_RETURN_IF_ERROR(CheckClock(setting, machine, "/advance"));
    } else if (name == "set") {
      const auto time = value.is_string() ? base::ParseUtc(value.get<std::string>())
                                          : Result<base::UtcTime>(InvalidArgument("", ""));
      if (!time) return InvalidArgument("/set", "A time is text such as \"2026-11-24T07:06:00Z\".");
      setting.offset = *time - machine;
      if (setting.frozen_at) setting.frozen_at = *time;
      TS_RETURN_IF_ERROR(CheckClock(setting, machine, "/set"));
    } else if (name == "freeze") {
      if (!value.is_boolean()) return InvalidArgument("/freeze", "\"freeze\" is true or false.");
      if (value.get<bool>()) {
        if (!setting.frozen_at) setting.frozen_at = machine + setting.offset;
      } else if (setting.frozen_at) {
        setting.offset = *setting.frozen_at - machine;  // It runs on from where it stood.
        setting.frozen_at.reset();
      }
    } else {
      return UnknownMember(name, "advance (\"7d\"), set (a time), freeze (true or false).");
    }
  }
  if (!input.empty()) {
    TS_RETURN_IF_ERROR(world_.SetClock(setting));
    TS_RETURN_IF_ERROR(world_.RunDue());
  }
  return ClockJson();
}

std::string Admin::ClockJson() const {
  const ClockSetting setting = world_.clock_setting();
  return Json{{"now", base::FormatUtc(world_.Now())},
              {"frozen", setting.frozen_at.has_value()},
              {"offsetMs", setting.offset.count()}}
      .dump();
}

Result<std::string> Admin::Settings(const Json& input) {
  auto [creating, updating] = world_.Read([](const Contents& contents) {
    return std::pair(contents.replica_creating_for, contents.updating_for);
  });
  for (const auto& [name, value] : input.items()) {
    if (name == "trailThrottle") {
      if (!value.is_boolean())
        return InvalidArgument("/trailThrottle", "\"trailThrottle\" is true or false.");
      continue;
    }
    if (name != "replicaCreating" && name != "updating" && name != "trailDelay") {
      return UnknownMember(name, "replicaCreating, updating, trailDelay (times), trailThrottle.");
    }
    TS_ASSIGN_OR_RETURN(const milliseconds span, SpanOf(value, "/" + name));
    if (span.count() < 0) return InvalidArgument("/" + name, "A delay is not negative.");
    if (name == "replicaCreating") creating = span;
    if (name == "updating") updating = span;
  }
  TS_RETURN_IF_ERROR(world_.SetDelays(creating, updating));
  if (input.contains("trailThrottle"))
    trail_service_.SetThrottle(input["trailThrottle"].get<bool>());
  if (input.contains("trailDelay"))
    trail_service_.SetDelay(*SpanOf(input["trailDelay"], "/trailDelay"));
  return SettingsJson();
}

std::string Admin::SettingsJson() const {
  const auto [creating, updating] = world_.Read([](const Contents& contents) {
    return std::pair(contents.replica_creating_for, contents.updating_for);
  });
  const auto text = [](base::Duration span) {
    return std::to_string(std::chrono::duration_cast<milliseconds>(span).count()) + "ms";
  };
  return Json{{"replicaCreating", text(creating)},
              {"updating", text(updating)},
              {"trailDelay", text(trail_service_.delay())},
              {"trailThrottle", trail_service_.throttle()}}
      .dump();
}

Result<void> Admin::Reset() {
  faults_.Clear();
  TS_RETURN_IF_ERROR(world_.Reset());
  world_.HoldReplicas({});
  trail_.Clear();
  trail_service_.SetDelay(milliseconds(0));
  trail_service_.SetThrottle(false);
  if (file_ != nullptr) TS_RETURN_IF_ERROR(file_->Clear());
  return seed_();
}

}  // namespace tenantseal::emulator
