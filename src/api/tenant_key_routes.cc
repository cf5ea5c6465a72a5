#include <charconv>
#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "api/routes.h"

namespace tenantseal::api {
namespace {

nlohmann::json JobJson(const model::RewrapJob& job) {
  nlohmann::json json = {
      {"id", job.id},
      {"state", job.state == model::RewrapState::kDone ? "Completed" : "InProgress"},
      {"toVersion", job.to_version},
      {"total", job.total},
      {"done", job.done},
      {"failed", job.failed},
      {"startedAt", base::FormatUtc(job.started_at)},
      {"startedBy", job.started_by}};
  if (job.finished_at) json["finishedAt"] = base::FormatUtc(*job.finished_at);
  return json;
}

Result<nlohmann::json> TenantKeysJson(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto state, call.services.store.LoadTenant(*call.tenant));
  nlohmann::json json = {{"activeVersion", state.tenant.active_version},
                         {"versions", nlohmann::json::array()}};
  for (const model::TenantKey& key : state.keys) {
    TS_ASSIGN_OR_RETURN(const std::uint64_t count,
                        call.services.store.CountDataKeys(*call.tenant, key.version));
    json["versions"].push_back({{"version", key.version},
                                {"active", key.version == state.tenant.active_version},
                                {"createdAt", base::FormatUtc(key.created_at)},
                                {"dataKeys", count}});
  }
  TS_ASSIGN_OR_RETURN(const auto job, call.services.rotation.Job(*call.tenant));
  if (job) json["rewrap"] = JobJson(*job);
  return json;
}

Result<std::int64_t> MinuteParameter(std::string_view query, std::string_view name,
                                     std::int64_t fallback) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, name));
  if (!text) return fallback;
  auto time = base::ParseUtc(*text);
  if (!time)
    return InvalidArgument(std::string(name),
                           "The parameter " + std::string(name) + ": " + time.error().message);
  return std::int64_t{
      std::chrono::duration_cast<std::chrono::minutes>(time->time_since_epoch()).count()};
}

}  // namespace

Result<net::Response> ListTenantKeys(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto json, TenantKeysJson(call));
  return Json(200, Dump(json));
}

Result<net::Response> RotateTenantKey(Call& call) {
  TS_RETURN_IF_ERROR(ParseControlBody(call.request.body, {}));
  TS_ASSIGN_OR_RETURN(const auto job, call.services.rotation.Start(*call.tenant, call.principal->id,
                                                                   call.request.deadline));
  return Json(202, Dump({{"activeVersion", job.to_version}, {"rewrap", JobJson(job)}}));
}

Result<net::Response> RetireTenantKey(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto body, ParseControlBody(call.request.body, {"version"}));
  const auto version = body.find("version");
  if (version == body.end() || !version->is_number_unsigned() ||
      version->get<std::uint64_t>() < 1 || version->get<std::uint64_t>() > UINT32_MAX) {
    return InvalidArgument("version",
                           "The field version must be the number of a tenant key version.");
  }
  TS_RETURN_IF_ERROR(call.services.rotation.Retire(*call.tenant, version->get<std::uint32_t>(),
                                                   call.principal->id));
  return ListTenantKeys(call);
}

// Counts are flushed first, so that what a caller has just done is in the answer.
Result<net::Response> ListUsage(Call& call) {
  TS_RETURN_IF_ERROR(call.services.usage.Flush());
  const auto now =
      std::chrono::duration_cast<std::chrono::minutes>(call.services.clock.Utc().time_since_epoch())
          .count();
  TS_ASSIGN_OR_RETURN(const std::int64_t from,
                      MinuteParameter(call.request.query, "from", now - 24 * 60));
  TS_ASSIGN_OR_RETURN(const std::int64_t to, MinuteParameter(call.request.query, "to", now + 1));
  if (to - from > 31 * 24 * 60 || to < from) {
    return InvalidArgument("from", "The span from..to must be positive and at most 31 days.");
  }
  TS_ASSIGN_OR_RETURN(const auto counts,
                      call.services.store.ListUsage(model::Scope::Of(*call.tenant), from, to));
  nlohmann::json json = {{"data", nlohmann::json::array()}};
  for (const model::UsageCount& c : counts) {
    const base::UtcTime minute{std::chrono::minutes(c.minute)};
    json["data"].push_back({{"minute", base::FormatUtcSeconds(minute)},
                            {"principal", c.principal},
                            {"operation", c.operation},
                            {"outcome", c.outcome},
                            {"count", c.count}});
  }
  return Json(200, Dump(json));
}

}  // namespace tenantseal::api
