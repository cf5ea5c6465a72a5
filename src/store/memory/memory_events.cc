// Events as they are asked for.
#include <algorithm>
#include <tuple>

#include "store/memory/memory_store.h"

namespace tenantseal::store {
namespace {

using base::MutexLock;
using model::Event;

bool Matches(const Event& event, const EventQuery& query) {
  const model::NewEvent& content = event.content;
  const auto among = [&] {
    return std::find(query.sequences.begin(), query.sequences.end(), event.sequence) !=
           query.sequences.end();
  };
  return (!query.from || content.time >= *query.from) && (!query.to || content.time <= *query.to) &&
         (query.type.empty() || content.type == query.type) &&
         (query.source.empty() || content.source == query.source) &&
         (query.actor.empty() || content.actor == query.actor) &&
         (query.sequences.empty() || among());
}

bool Before(const Event& a, const Event& b, EventQuery::Order order) {
  const auto place = [order](const Event& event) {
    const model::NewEvent& content = event.content;
    const std::string_view first = order == EventQuery::Order::kSource ? content.source
                                   : order == EventQuery::Order::kType ? content.type
                                                                       : std::string_view();
    return std::tuple(first, content.time, event.sequence);
  };
  return place(a) < place(b);
}

}  // namespace

Result<std::vector<Event>> MemoryStore::QueryEvents(const model::Scope& scope,
                                                    const EventQuery& query) const {
  MutexLock lock(mutex_);
  const auto chain = events_.find(scope);
  const std::uint64_t length = chain == events_.end() ? 0 : chain->second.size();
  if (query.after && (*query.after < 1 || *query.after > length))
    return NotFound("There is no such event.");
  std::vector<Event> out;
  if (length == 0) return out;
  const auto in_order = [&query](const Event& a, const Event& b) {
    return query.descending ? Before(b, a, query.order) : Before(a, b, query.order);
  };
  for (const Event& event : chain->second) {
    const bool past = !query.after || in_order(chain->second[*query.after - 1], event);
    if (past && Matches(event, query)) out.push_back(event);
  }
  std::sort(out.begin(), out.end(), in_order);
  if (out.size() > query.limit) out.resize(query.limit);
  return out;
}

Result<std::vector<EventHead>> MemoryStore::ListEventHeads(const std::string& after,
                                                           std::size_t limit) const {
  MutexLock lock(mutex_);
  std::vector<EventHead> out;
  for (const auto& [scope, chain] : events_) {
    if (out.size() == limit) break;
    if (scope.text() > after && !chain.empty())
      out.push_back({scope, chain.back().sequence, chain.back().hash});
  }
  return out;
}

}  // namespace tenantseal::store
