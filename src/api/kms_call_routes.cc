// Calls of AWS KMS as they were kept, to be compared with CloudTrail.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "api/routes.h"
#include "base/encoding.h"
#include "events/kms_call_doubts.h"

namespace tenantseal::api {
namespace {

using nlohmann::json;

constexpr std::size_t kLimitMax = 1000;
constexpr std::size_t kLimitDefault = 100;

// Cursors are opaque to callers.
std::string Cursor(const store::KmsCallPlace& place) {
  base::ByteWriter out;
  out.U64(static_cast<std::uint64_t>(place.time.time_since_epoch().count()));
  out.U64(place.log);
  out.U64(place.sequence);
  return base::Base64UrlEncode(out.bytes());
}

Result<std::optional<store::KmsCallPlace>> ReadCursor(std::string_view query) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, "next"));
  if (!text) return std::optional<store::KmsCallPlace>();
  const auto bytes = base::Base64UrlDecode(*text);
  if (!bytes || bytes->size() != 24)
    return InvalidArgument("next", "The parameter next is not a cursor of this list.");
  base::ByteReader reader(*bytes);
  const auto time_ms = static_cast<std::int64_t>(reader.U64());
  const std::uint64_t log = reader.U64();
  return std::optional(
      store::KmsCallPlace{base::UtcTime(std::chrono::milliseconds(time_ms)), log, reader.U64()});
}

Result<base::UtcTime> ReadTime(std::string_view query, const std::string& name,
                               base::UtcTime otherwise) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, name));
  if (!text) return otherwise;
  const auto time = base::ParseUtc(*text);
  if (!time)
    return InvalidArgument(
        name, "The parameter " + name + " must be a time in UTC, as in 2026-11-24T07:06:00Z.");
  return *time;
}

Result<std::size_t> ReadLimit(std::string_view query) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, "limit"));
  std::size_t limit = kLimitDefault;
  if (text) {
    const char* const end = text->data() + text->size();
    const auto [rest, error] = std::from_chars(text->data(), end, limit);
    if (error != std::errc() || rest != end || limit < 1 || limit > kLimitMax)
      return InvalidArgument("limit", "The parameter limit must be a number from 1 to 1000.");
  }
  return limit;
}

// "arn:aws:kms:us-east-1:111122223333:alias/" for a key's ARN.
std::string AliasesBeside(const std::string& key_arn) {
  return key_arn.substr(0, key_arn.rfind(':') + 1) + "alias/";
}

Result<store::KmsCallQuery> ReadQuery(const Call& call, const model::KeyProvider& provider) {
  const std::string_view parameters = call.request.query;
  const base::UtcTime now = call.services.clock.Utc();
  store::KmsCallQuery query{.key_arns = {}, .from = {}, .until = {}};
  for (const std::string& arn : {provider.arn, provider.replica_arn}) {
    if (arn.empty()) continue;
    query.key_arns.push_back(arn);
    query.alias_prefixes.push_back(AliasesBeside(arn));
  }
  query.tenant = call.tenant->text();
  TS_ASSIGN_OR_RETURN(query.from, ReadTime(parameters, "from", now - std::chrono::days(1)));
  TS_ASSIGN_OR_RETURN(query.until, ReadTime(parameters, "to", now));
  if (query.until < query.from)
    return InvalidArgument("to", "The parameter to must not be before from.");
  TS_ASSIGN_OR_RETURN(query.limit, ReadLimit(parameters));
  TS_ASSIGN_OR_RETURN(query.after, ReadCursor(parameters));
  return query;
}

// Another tenant's id, or one that a validation made up, is nobody's business here.
json CallJson(const model::KmsCall& call, const model::TenantId& tenant) {
  json out = {{"time", base::FormatUtc(call.time)},
              {"keyArn", call.key_arn},
              {"operation", call.operation},
              {"outcome", call.outcome},
              {"attempt", call.attempt}};
  if (!call.request_id.empty()) out["awsRequestId"] = call.request_id;
  if (call.tenant == tenant.text()) out["tenantId"] = call.tenant;
  return out;
}

json DoubtJson(const events::KmsCallDoubt& doubt) {
  json out = {{"reason", events::KmsCallDoubtName(doubt.reason)},
              {"from", base::FormatUtc(doubt.from)},
              {"to", base::FormatUtc(doubt.until)}};
  if (doubt.process) out["process"] = doubt.process->text();
  if (doubt.calls) out["calls"] = *doubt.calls;
  return out;
}

// What goes with the first page: where to look in CloudTrail, for whom, and what may be missing.
Result<void> AddFrame(const Call& call, const store::KmsCallQuery& query, json& answer) {
  const Services& services = call.services;
  TS_ASSIGN_OR_RETURN(const auto logs,
                      services.kms_calls->ListKmsCallLogs(query.from, query.until));
  answer["keyArns"] = query.key_arns;
  answer["principals"] = services.aws_principals;
  answer["incomplete"] = json::array();
  for (const auto& doubt : events::KmsCallDoubts(logs, query.from, query.until,
                                                 services.clock.Utc(), services.kms_call_retention))
    answer["incomplete"].push_back(DoubtJson(doubt));
  return {};
}

}  // namespace

Result<net::Response> ListKmsCalls(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto view,
                      call.services.providers.Get(*call.tenant, std::string(call.parameter)));
  TS_ASSIGN_OR_RETURN(store::KmsCallQuery query, ReadQuery(call, view.provider));
  TS_ASSIGN_OR_RETURN(const std::string base_url, BaseUrl(call.request));
  if (call.services.kms_calls == nullptr) return Internal("Calls of AWS KMS are not kept.");
  json answer = {{"data", json::array()}};
  if (!query.after) TS_RETURN_IF_ERROR(AddFrame(call, query, answer));
  const std::size_t limit = query.limit++;
  TS_ASSIGN_OR_RETURN(auto calls, call.services.kms_calls->ListKmsCalls(query));
  const bool more = calls.size() > limit;
  calls.resize(std::min(calls.size(), limit));
  for (const auto& kept : calls) answer["data"].push_back(CallJson(kept.call, *call.tenant));
  if (more) {
    // The span is written out, since its defaults move on.
    answer["links"]["next"]["href"] =
        base_url + std::string(call.request.path) + "?from=" + base::FormatUtc(query.from) +
        "&to=" + base::FormatUtc(query.until) + "&limit=" + std::to_string(limit) +
        "&next=" + Cursor(calls.back().place);
  }
  return Json(200, Dump(answer));
}

}  // namespace tenantseal::api
