// A map of bounded size that drops what was used longest ago.
#pragma once

#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace tenantseal::sdk {

// Keyed by bytes. Not thread-safe.
template <typename Value>
class LruMap {
 public:
  explicit LruMap(std::size_t entries_max) : entries_max_(entries_max) {}

  // The value, which now counts as just used, or nullptr. Valid until the next Put or Drop.
  Value* Find(std::string_view key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    if (found->second != order_.begin()) order_.splice(order_.begin(), order_, found->second);
    return &found->second->second;
  }

  void Put(std::string_view key, Value value) {
    if (entries_max_ == 0) return;
    Drop(key);
    if (order_.size() >= entries_max_) Drop(order_.back().first);
    order_.emplace_front(key, std::move(value));
    // The view is into the list's own string, which does not move.
    index_.emplace(order_.front().first, order_.begin());
  }

  void Drop(std::string_view key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    const auto entry = found->second;
    index_.erase(found);
    order_.erase(entry);
  }

  template <typename Predicate>
  void DropIf(Predicate predicate) {
    for (auto entry = order_.begin(); entry != order_.end();) {
      if (!predicate(entry->second)) {
        ++entry;
        continue;
      }
      index_.erase(entry->first);
      entry = order_.erase(entry);
    }
  }

  std::size_t size() const { return order_.size(); }

 private:
  using Order = std::list<std::pair<std::string, Value>>;
  std::size_t entries_max_;
  Order order_;  // Latest use first.
  std::unordered_map<std::string_view, typename Order::iterator> index_;
};

}  // namespace tenantseal::sdk
