// Events as they are asked for, and the ends of their chains.
#include <algorithm>

#include "contract/store_contract.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using model::Scope;
using namespace samples;  // NOLINT: the samples are this suite's vocabulary.
using Order = EventQuery::Order;
using Sequences = std::vector<std::uint64_t>;

// Appends an event to the deployment's chain, whatever change carries it.
void Append(Store& store, std::int64_t at_ms, const std::string& type,
            const std::string& actor = "api-key:a", const std::string& source = "tenantseal/test") {
  model::NewEvent event = EventOf(Scope::Deployment(), type);
  event.time = After(at_ms);
  event.actor = actor;
  event.source = source;
  ASSERT_TRUE(store.CreateApiKey(ApiKeyOf(std::nullopt), event).ok());
}

Sequences Ask(const Store& store, const EventQuery& query) {
  Sequences out;
  const auto events = store.QueryEvents(Scope::Deployment(), query);
  EXPECT_TRUE(events.ok()) << (events ? "" : events.error().message);
  if (!events) return out;
  for (const auto& event : *events) out.push_back(event.sequence);
  return out;
}

TEST_P(StoreContract, EventsComeNewestFirstAsListEventsHasThem) {
  EXPECT_EQ(Ask(store(), {}), Sequences());
  for (int i = 1; i <= 4; ++i) Append(store(), i, "t");
  EXPECT_EQ(Ask(store(), {}), (Sequences{4, 3, 2, 1}));
  EXPECT_EQ(Ask(store(), {.limit = 2}), (Sequences{4, 3}));
  EXPECT_EQ(Ask(store(), {.descending = false}), (Sequences{1, 2, 3, 4}));
  const auto listed = store().ListEvents(Scope::Deployment(), 3, 1).value().at(0);
  const auto asked = store().QueryEvents(Scope::Deployment(), {}).value().at(0);
  EXPECT_EQ(asked.hash, listed.hash);
  EXPECT_EQ(asked.previous_hash, listed.previous_hash);
  EXPECT_EQ(asked.content.id, listed.content.id);
  EXPECT_EQ(asked.content.data, listed.content.data);
  EXPECT_EQ(asked.content.scope, Scope::Deployment());
}

TEST_P(StoreContract, EventsKeepScopesApart) {
  const auto a = AddTenant();
  Append(store(), 1, "t");
  EXPECT_EQ(Ask(store(), {}).size(), 1u);
  const auto events = store().QueryEvents(Scope::Of(a.tenant.id), {}).value();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].content.type, "created");
  EXPECT_TRUE(store().QueryEvents(Scope::Of(NewTenant().tenant.id), {}).value().empty());
}

TEST_P(StoreContract, EventsFilterExactly) {
  Append(store(), 10, "a.b");
  Append(store(), 20, "a.B", "api-key:z");
  Append(store(), 30, "a.b", "api-key:z", "other/source");
  Append(store(), 40, "a.b.c");
  EXPECT_EQ(Ask(store(), {.type = "a.b"}), (Sequences{3, 1}));
  EXPECT_EQ(Ask(store(), {.type = "a"}), Sequences());
  EXPECT_EQ(Ask(store(), {.source = "other/source"}), (Sequences{3}));
  EXPECT_EQ(Ask(store(), {.actor = "api-key:z"}), (Sequences{3, 2}));
  EXPECT_EQ(Ask(store(), {.type = "a.b", .actor = "api-key:z"}), (Sequences{3}));
  EXPECT_EQ(Ask(store(), {.from = After(20), .to = After(30)}), (Sequences{3, 2}));
  EXPECT_EQ(Ask(store(), {.from = After(41)}), Sequences());
  EXPECT_EQ(Ask(store(), {.to = After(10)}), (Sequences{1}));
  EXPECT_EQ(Ask(store(), {.sequences = {4, 2, 99}}), (Sequences{4, 2}));
  EXPECT_EQ(Ask(store(), {.type = "' OR 1=1 --"}), Sequences());
}

TEST_P(StoreContract, EventsOrderByTimeWhateverTheSequence) {
  Append(store(), 30, "t");
  Append(store(), 10, "t");
  Append(store(), 30, "t");
  EXPECT_EQ(Ask(store(), {}), (Sequences{3, 1, 2}));
  EXPECT_EQ(Ask(store(), {.descending = false}), (Sequences{2, 1, 3}));
}

// Whatever the order and the size of pages, pages together are the whole, each event once.
TEST_P(StoreContract, EventPagesNeitherSkipNorRepeat) {
  for (int i = 0; i < 23; ++i) {
    Append(store(), i * 7 % 5, i % 3 == 0 ? "x" : "y", "api-key:a", i % 2 == 0 ? "s/1" : "s/2");
  }
  for (const Order order : {Order::kTime, Order::kSource, Order::kType}) {
    for (const bool descending : {false, true}) {
      const Sequences all = Ask(store(), {.order = order, .descending = descending, .limit = 100});
      ASSERT_EQ(all.size(), 23u);
      for (const std::size_t size : {std::size_t{1}, std::size_t{4}, std::size_t{23}}) {
        Sequences paged;
        EventQuery query{.order = order, .descending = descending, .limit = size};
        for (Sequences page = Ask(store(), query); !page.empty(); page = Ask(store(), query)) {
          paged.insert(paged.end(), page.begin(), page.end());
          query.after = page.back();
        }
        EXPECT_EQ(paged, all);
      }
      Sequences backwards = Ask(store(), {.order = order, .descending = !descending, .limit = 100});
      std::reverse(backwards.begin(), backwards.end());
      EXPECT_EQ(backwards, all);
    }
  }
}

TEST_P(StoreContract, EventsKnowNoPageAfterAnEventThatIsNotThere) {
  Append(store(), 1, "t");
  for (const std::uint64_t after : {std::uint64_t{0}, std::uint64_t{2}, ~std::uint64_t{0}}) {
    EXPECT_ERROR(store().QueryEvents(Scope::Deployment(), {.after = after}), kNotFound);
  }
}

TEST_P(StoreContract, EventHeadsAreTheEndOfEveryChain) {
  EXPECT_TRUE(store().ListEventHeads("", 10).value().empty());
  const auto a = AddTenant();
  const auto b = AddTenant();
  Append(store(), 1, "t");
  Append(store(), 2, "t");
  std::vector<EventHead> heads;
  std::string after;
  for (;;) {
    const auto page = store().ListEventHeads(after, 2).value();
    if (page.empty()) break;
    EXPECT_LE(page.size(), 2u);
    heads.insert(heads.end(), page.begin(), page.end());
    after = page.back().scope.text();
  }
  ASSERT_EQ(heads.size(), 3u);
  EXPECT_TRUE(std::is_sorted(heads.begin(), heads.end(),
                             [](const auto& x, const auto& y) { return x.scope < y.scope; }));
  for (const EventHead& head : heads) {
    const std::uint64_t length = head.scope.is_deployment() ? 2 : 1;
    EXPECT_EQ(head.sequence, length);
    EXPECT_EQ(head.hash, store().ListEvents(head.scope, length - 1, 1).value().at(0).hash);
  }
}

}  // namespace
}  // namespace tenantseal::store
