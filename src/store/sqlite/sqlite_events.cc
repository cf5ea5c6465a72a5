// Events as they are asked for, and the ends of their chains.
#include <array>
#include <limits>
#include <string>

#include "store/sqlite/access.h"

namespace tenantseal::store {
namespace {

using Order = EventQuery::Order;

constexpr const char* kSelectPlace =
    "SELECT type, source, time FROM events WHERE scope=? AND sequence=?";
constexpr const char* kSelectHeads =
    "SELECT m.scope, m.version, e.hash FROM manifests m "
    "LEFT JOIN events e ON e.scope=m.scope AND e.sequence=m.version "
    "WHERE m.kind='events' AND m.scope>? ORDER BY m.scope LIMIT ?";

// After every text that a type or a source can be.
constexpr std::string_view kLastText = "\xF4\x8F\xBF\xBF";

std::string QuerySql(Order order, bool descending) {
  const std::string first = order == Order::kSource ? "e.source" : "e.type";
  const std::string direction = descending ? " DESC" : "";
  const bool by_time = order == Order::kTime;
  return "SELECT e.sequence,e.id,e.time,e.type,e.source,e.actor,e.data,e.previous_hash,e.hash,"
         "n.previous_hash FROM events e "
         "LEFT JOIN events n ON n.scope=e.scope AND n.sequence=e.sequence+1 "
         "WHERE e.scope=? AND e.time>=? AND e.time<=? AND (?='' OR e.type=?) "
         "AND (?='' OR e.source=?) AND (?='' OR e.actor=?) "
         "AND (?=0 OR e.sequence IN (SELECT value FROM json_each(?))) AND (" +
         (by_time ? "" : first + ",") + "e.time,e.sequence)" + (descending ? "<(" : ">(") +
         (by_time ? "" : "?,") + "?,?) ORDER BY " + (by_time ? "" : first + direction + ",") +
         "e.time" + direction + ",e.sequence" + direction + " LIMIT ?";
}

// Statements are kept by the address of their text, so each is made once.
const char* QuerySqlOf(const EventQuery& query) {
  static const std::array<std::string, 6> texts = {
      QuerySql(Order::kTime, false),   QuerySql(Order::kTime, true),
      QuerySql(Order::kSource, false), QuerySql(Order::kSource, true),
      QuerySql(Order::kType, false),   QuerySql(Order::kType, true)};
  return texts[static_cast<std::size_t>(query.order) * 2 + (query.descending ? 1 : 0)].c_str();
}

// Where a page begins.
struct Place {
  std::string text;
  std::int64_t time_ms = 0;
  std::int64_t sequence = 0;
};

Result<Place> PlaceAfter(Session& session, const model::Scope& scope, const EventQuery& query) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (!query.after) {
    if (query.descending) return Place{std::string(kLastText), Limits::max(), Limits::max()};
    return Place{"", Limits::min(), Limits::min()};
  }
  if (*query.after > static_cast<std::uint64_t>(Limits::max()))
    return NotFound("There is no such event.");
  Statement row(session.db, kSelectPlace);
  row.Bind(scope).Bind(*query.after);
  const bool found = row.Step();
  TS_RETURN_IF_ERROR(row.Check());
  if (!found) return NotFound("There is no such event.");
  return Place{std::string(row.Text(query.order == Order::kSource ? 1 : 0)), row.Int(2),
               static_cast<std::int64_t>(*query.after)};
}

std::string JsonArray(const std::vector<std::uint64_t>& numbers) {
  std::string out = "[";
  for (const std::uint64_t number : numbers)
    out += (out.size() > 1 ? "," : "") + std::to_string(number);
  return out + "]";
}

// The event of the row, verified; `head` is the end of its chain.
bool ReadVerified(const Statement& row, const EventHead& head, model::Event& out) {
  if (!ReadEventRow(row, head.scope, out) || out.sequence > head.sequence) return false;
  std::array<std::uint8_t, 32> next{};
  if (out.sequence == head.sequence) return out.hash == head.hash;
  return CopyHash(row.Blob(9), next) && out.hash == next;
}

}  // namespace

Result<std::vector<model::Event>> SqliteStore::QueryEvents(const model::Scope& scope,
                                                           const EventQuery& query) const {
  const std::uint64_t floor = guard_.Floor(kEventManifest, scope);
  return Read([&](Session& session) -> Result<std::vector<model::Event>> {
    TS_ASSIGN_OR_RETURN(const EventHead head, VerifiedHead(session, scope, floor));
    TS_ASSIGN_OR_RETURN(const Place place, PlaceAfter(session, scope, query));
    const std::string sequences = JsonArray(query.sequences);
    Statement rows(session.db, QuerySqlOf(query));
    rows.Bind(scope).Bind(query.from.value_or(base::UtcTime::min()));
    rows.Bind(query.to.value_or(base::UtcTime::max()));
    for (const std::string* text : {&query.type, &query.source, &query.actor})
      rows.Bind(*text).Bind(*text);
    rows.Bind(query.sequences.size()).Bind(sequences);
    if (query.order != Order::kTime) rows.Bind(place.text);
    rows.Bind(place.time_ms).Bind(place.sequence).Bind(query.limit);
    std::vector<model::Event> out;
    while (rows.Step()) {
      if (!ReadVerified(rows, head, out.emplace_back()))
        return TamperedRow("events", scope.text() + " " + std::to_string(out.back().sequence));
    }
    TS_RETURN_IF_ERROR(rows.Check());
    return out;
  });
}

Result<std::vector<EventHead>> SqliteStore::ListEventHeads(const std::string& after,
                                                           std::size_t limit) const {
  auto heads = Read([&](Session& session) -> Result<std::vector<EventHead>> {
    std::vector<EventHead> out;
    Statement rows(session.db, kSelectHeads);
    rows.Bind(after).Bind(limit);
    while (rows.Step()) {
      auto scope = model::Scope::Parse(rows.Text(0));
      if (!scope) return TamperedRow("manifests", rows.Text(0));
      EventHead& head = out.emplace_back();
      head.scope = std::move(*scope);
      head.sequence = static_cast<std::uint64_t>(rows.Int(1));
      CopyHash(rows.Blob(2), head.hash);
    }
    TS_RETURN_IF_ERROR(rows.Check());
    return out;
  });
  // Whoever signs them must not know of more than what a power cut leaves.
  if (heads) TS_RETURN_IF_ERROR(SyncLog(CommitsOf::kAll));
  return heads;
}

}  // namespace tenantseal::store
