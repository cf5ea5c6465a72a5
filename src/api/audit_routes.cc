#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>

#include "api/audit_json.h"
#include "api/control_json.h"
#include "api/handler.h"
#include "api/links.h"
#include "api/routes.h"
#include "base/encoding.h"
#include "base/limits.h"
#include "base/log.h"
#include "events/event.h"

namespace tenantseal::api {
namespace {

using nlohmann::json;

constexpr std::chrono::days kHotRetention{90};  // Then an event is in the archive only.
constexpr std::size_t kDefaultLimit = 10;
constexpr std::size_t kArchivePage = 10'000;
constexpr std::uint64_t kVerifiedAtOnce = 10'000;  // Of a chain, in one request, some 100 ms.
constexpr std::size_t kVerifiedPage = 1000;

Error NoSuchEvent() {
  return NotFound("There is no such event here; those older than 90 days are in the archive.");
}

// Cursors are opaque to callers: the sequence of the event that the page lies beyond.
std::string Cursor(std::uint64_t sequence) {
  base::ByteWriter out;
  out.U64(sequence);
  return base::Base64UrlEncode(out.bytes());
}

Error BadCursor(const std::string& name) {
  return InvalidArgument(name, "The parameter " + name + " is not a cursor of this list.");
}

Result<std::optional<std::uint64_t>> CursorParameter(std::string_view query,
                                                     const std::string& name) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, name));
  if (!text) return std::optional<std::uint64_t>();
  const auto bytes = base::Base64UrlDecode(*text);
  if (!bytes || bytes->size() != 8) return BadCursor(name);
  return std::optional(base::ByteReader(*bytes).U64());
}

Result<void> ReadSort(std::string_view query, store::EventQuery& out) {
  TS_ASSIGN_OR_RETURN(const auto sort, QueryParameter(query, "sort"));
  if (!sort) return {};
  using Order = store::EventQuery::Order;
  const std::string_view name = std::string_view(*sort).substr(sort->empty() ? 0 : 1);
  const bool ascending = sort->starts_with('+') || sort->starts_with(' ');  // '+' may be a space.
  if ((!ascending && !sort->starts_with('-')) ||
      (name != "eventTime" && name != "source" && name != "eventType"))
    return InvalidArgument("sort",
                           "The parameter sort must be eventTime, source or eventType after + or "
                           "-.");
  out.descending = !ascending;
  out.order = name == "source" ? Order::kSource : name == "eventType" ? Order::kType : Order::kTime;
  return {};
}

Result<void> ReadTimes(std::string_view query, store::EventQuery& out) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, "eventTime"));
  if (!text) return {};
  const std::string_view span = *text;
  const auto slash = std::ranges::find(span, '/');
  const auto from = base::ParseUtc(std::string_view(span.begin(), slash));
  const auto to = base::ParseUtc(slash == span.end() ? std::string_view()
                                                     : std::string_view(slash + 1, span.end()));
  if (!from || !to || *to < *from)
    return InvalidArgument("eventTime",
                           "The parameter eventTime must be a start, '/' and an end, as in "
                           "2026-11-01T00:00:00.000Z/2026-11-30T23:59:59.999Z.");
  out.from = *from;
  out.to = *to;
  return {};
}

Result<std::vector<std::string>> ReadIds(std::string_view query) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, "id"));
  std::vector<std::string> ids;
  if (!text) return ids;
  for (std::size_t at = 0; at <= text->size();) {
    const std::size_t comma = std::min(text->find(',', at), text->size());
    ids.push_back(text->substr(at, comma - at));
    at = comma + 1;
    if (!AuditSequence(ids.back()) || ids.size() > base::kPageItemsMax)
      return InvalidArgument("id",
                             "The parameter id must be ids of 24 hexadecimal digits, at most "
                             "100, with commas between them.");
  }
  return ids;
}

struct ListRequest {
  store::EventQuery query;
  std::vector<std::string> ids;
  bool backwards = false;  // The page before a cursor.
};

Result<ListRequest> ReadListRequest(const Call& call) {
  const std::string_view query = call.request.query;
  ListRequest out;
  TS_RETURN_IF_ERROR(ReadSort(query, out.query));
  TS_RETURN_IF_ERROR(ReadTimes(query, out.query));
  TS_ASSIGN_OR_RETURN(out.ids, ReadIds(query));
  for (const std::string& id : out.ids) out.query.sequences.push_back(*AuditSequence(id));
  const auto oldest = call.services.clock.Utc() - kHotRetention;
  out.query.from = std::max(out.query.from.value_or(oldest), oldest);
  TS_ASSIGN_OR_RETURN(const auto type, QueryParameter(query, "eventType"));
  TS_ASSIGN_OR_RETURN(const auto source, QueryParameter(query, "source"));
  TS_ASSIGN_OR_RETURN(const auto user, QueryParameter(query, "userId"));
  out.query.type = type.value_or("");
  out.query.source = source.value_or("");
  out.query.actor = user.value_or("");
  TS_ASSIGN_OR_RETURN(const auto limit, QueryParameter(query, "limit"));
  out.query.limit = kDefaultLimit;
  if (limit) {
    TS_ASSIGN_OR_RETURN(out.query.limit, QueryLimit(query));
  }
  TS_ASSIGN_OR_RETURN(const auto next, CursorParameter(query, "next"));
  TS_ASSIGN_OR_RETURN(const auto prev, CursorParameter(query, "prev"));
  if (next && prev) return InvalidArgument("prev", "Send next or prev, not both.");
  out.backwards = prev.has_value();
  out.query.after = prev ? prev : next;
  return out;
}

struct EventPage {
  std::vector<model::Event> events;
  bool before = false;  // There are events before this page, or after it.
  bool after = false;
};

Result<EventPage> ReadPage(const store::Store& store, const model::Scope& scope,
                           const ListRequest& request) {
  store::EventQuery query = request.query;
  if (request.backwards) query.descending = !query.descending;
  query.limit = request.query.limit + 1;
  auto events = store.QueryEvents(scope, query);
  if (!events && events.error().code == ErrorCode::kNotFound)
    return BadCursor(request.backwards ? "prev" : "next");
  if (!events) return std::move(events).error();
  EventPage page{std::move(*events)};
  const bool more = page.events.size() > request.query.limit;
  if (more) page.events.pop_back();
  if (request.backwards) std::reverse(page.events.begin(), page.events.end());
  page.before = request.backwards ? more : query.after.has_value();
  page.after = request.backwards || more;
  return page;
}

Result<net::Response> Names(Call& call, std::span<const std::string_view> names) {
  TS_RETURN_IF_ERROR(AuditScope(call));
  TS_ASSIGN_OR_RETURN(const std::string base_url, BaseUrl(call.request));
  json answer = {{"data", json::array()},
                 {"links", {{"self", {{"href", SelfUrl(call, base_url)}}}}}};
  for (const std::string_view name : names) answer["data"].push_back(name);
  return Json(200, Dump(answer));
}

}  // namespace

Result<model::Scope> AuditScope(const Call& call) {
  const identity::Principal& who = *call.principal;
  const bool of_deployment =
      who.role == model::Role::kPlatformOperator || who.role == model::Role::kAuditor;
  if (of_deployment && !who.tenant && !call.request.Header("Tenantseal-Tenant"))
    return model::Scope::Deployment();
  TS_ASSIGN_OR_RETURN(const auto tenant, Authorize(Access::kAdminOrAuditor, who, call.request));
  return model::Scope::Of(*tenant);
}

Result<net::Response> ListAudits(Call& call) {
  TS_ASSIGN_OR_RETURN(const model::Scope scope, AuditScope(call));
  TS_ASSIGN_OR_RETURN(const ListRequest request, ReadListRequest(call));
  TS_ASSIGN_OR_RETURN(const std::string base_url, BaseUrl(call.request));
  TS_ASSIGN_OR_RETURN(const EventPage page, ReadPage(call.services.store, scope, request));
  json answer = {{"data", json::array()},
                 {"links", {{"self", {{"href", SelfUrl(call, base_url)}}}}}};
  const auto asked_for = [&request](const model::Event& event) {
    return request.ids.empty() || std::any_of(request.ids.begin(), request.ids.end(),
                                              [own = AuditId(event)](const std::string& id) {
                                                return net::EqualsIgnoreCase(id, own);
                                              });
  };
  for (const model::Event& event : page.events) {
    if (asked_for(event)) answer["data"].push_back(AuditJson(event, base_url));
  }
  const std::string list = PageUrl(call, base_url);
  if (page.after && !page.events.empty())
    answer["links"]["next"]["href"] = list + "next=" + Cursor(page.events.back().sequence);
  if (page.before && !page.events.empty())
    answer["links"]["prev"]["href"] = list + "prev=" + Cursor(page.events.front().sequence);
  return Json(200, Dump(answer));
}

Result<net::Response> GetAudit(Call& call) {
  TS_ASSIGN_OR_RETURN(const model::Scope scope, AuditScope(call));
  const auto sequence = AuditSequence(call.parameter);
  if (!sequence) return NoSuchEvent();
  TS_ASSIGN_OR_RETURN(const std::string base_url, BaseUrl(call.request));
  store::EventQuery query;
  query.from = call.services.clock.Utc() - kHotRetention;
  query.sequences = {*sequence};
  TS_ASSIGN_OR_RETURN(const auto events, call.services.store.QueryEvents(scope, query));
  if (events.empty() || !net::EqualsIgnoreCase(AuditId(events[0]), call.parameter))
    return NoSuchEvent();
  return Json(200, Dump(AuditJson(events[0], base_url)));
}

// One day of UTC, oldest first. Of more than 10,000 events, links.next leads to the rest.
Result<net::Response> GetAuditArchive(Call& call) {
  TS_ASSIGN_OR_RETURN(const model::Scope scope, AuditScope(call));
  TS_ASSIGN_OR_RETURN(const auto date, QueryParameter(call.request.query, "date"));
  const auto day = base::ParseUtc(date.value_or("") + "T00:00:00Z");
  if (!day) return InvalidArgument("date", "The parameter date must be a day, as in 2026-11-24.");
  ListRequest request;
  request.query.from = *day;
  request.query.to = *day + std::chrono::days(1) - std::chrono::milliseconds(1);
  request.query.descending = false;
  request.query.limit = kArchivePage;
  TS_ASSIGN_OR_RETURN(request.query.after, CursorParameter(call.request.query, "next"));
  TS_ASSIGN_OR_RETURN(const std::string base_url, BaseUrl(call.request));
  TS_ASSIGN_OR_RETURN(const EventPage page, ReadPage(call.services.store, scope, request));
  json answer = {{"data", json::array()}};
  for (const model::Event& event : page.events) answer["data"].push_back(ArchivedAuditJson(event));
  if (page.after)
    answer["links"]["next"]["href"] = base_url + "/api/v1/audits/archive?date=" + *date +
                                      "&next=" + Cursor(page.events.back().sequence);
  return Json(200, Dump(answer));
}

// Every event of the chain from its beginning, or from links.next of the answer before, is held
// against its hash, the one before it, and the recorded end of the chain.
Result<net::Response> VerifyAuditChain(Call& call) {
  TS_ASSIGN_OR_RETURN(const model::Scope scope, AuditScope(call));
  TS_ASSIGN_OR_RETURN(const auto next, CursorParameter(call.request.query, "next"));
  TS_ASSIGN_OR_RETURN(const std::string base_url, BaseUrl(call.request));
  const std::uint64_t after = next.value_or(0);
  std::uint64_t through = after;
  std::array<std::uint8_t, 32> hash{};
  std::optional<Error> broken;
  bool ended = false;
  std::size_t page = kVerifiedPage;
  while (!broken && !ended && through - after < kVerifiedAtOnce) {
    const auto events = call.services.store.ListEvents(scope, through, page);
    if (!events && events.error().code != ErrorCode::kIntegrity) return events.error();
    if (!events && page > 1) {
      page = 1;  // To tell which of them it is.
    } else if (!events) {
      broken = events.error();
    } else {
      ended = events->size() < page;
      if (events->empty()) break;
      through = events->back().sequence;
      hash = events->back().hash;
    }
  }
  json data = {{"state", broken ? "broken" : "verified"},
               {"verifiedAfter", after},
               {"verifiedThrough", through},
               {"checkedAt", base::FormatUtc(call.services.clock.Utc())}};
  if (through != after) data["hash"] = base::HexEncode(hash);
  json links = {{"self", {{"href", SelfUrl(call, base_url)}}}};
  if (broken) {
    base::LogError("ALARM: an event chain is not what was written",
                   {{"scope", scope.text()}, {"error", broken->message}});
  } else if (!ended) {
    links["next"]["href"] = base_url + "/api/v1/audits/chain?next=" + Cursor(through);
  }
  return Json(200, Dump({{"data", std::move(data)}, {"links", std::move(links)}}));
}

Result<net::Response> GetAuditSettings(Call& call) {
  TS_RETURN_IF_ERROR(AuditScope(call));
  const auto ttl = std::chrono::duration_cast<std::chrono::seconds>(kHotRetention).count();
  return Json(200, Dump({{"data", {{"EventTTL", ttl}, {"ArchiveEnabled", true}}}}));
}

Result<net::Response> ListAuditSources(Call& call) {
  return Names(call, std::array{events::kEventSource});
}

Result<net::Response> ListAuditTypes(Call& call) { return Names(call, events::AllEventTypes()); }

}  // namespace tenantseal::api
