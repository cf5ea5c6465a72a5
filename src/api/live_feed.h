// What a stream of server-sent events tells of: polled for all who follow it together.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "migration/migrations.h"
#include "model/records.h"
#include "store/store.h"

namespace tenantseal::api {

// One event as the protocol writes it (HTML standard, section 9.2). `data` is one line; an empty
// `id` is left out.
std::string SseEvent(std::string_view name, std::string_view id, std::string_view data);

// How far a follower has come, and how what it is sent is written.
struct FeedPlace {
  std::uint64_t seen = 0;
  std::string base_url = {};  // Of links.
};

// Not thread-safe.
class LiveFeed {
 public:
  virtual ~LiveFeed() = default;

  // Reads what is new from the store. After an error the feed is as it was.
  virtual Result<void> Poll() = 0;
  // What a new follower gets first, after a Poll() that succeeded; sets its place. `after`: the id
  // of the last event that it has had, on another connection.
  virtual Result<std::string> Begin(FeedPlace& place, std::optional<std::uint64_t> after) = 0;
  // What has come since `place`, which moves. Empty: nothing.
  virtual std::string News(FeedPlace& place) const = 0;
};

// A tenant's migration as its details route shows it, with the rate of the last seconds; an event
// "none" as long as there has been none.
class MigrationFeed final : public LiveFeed {
 public:
  MigrationFeed(const migration::Migrations& migrations, const base::Clock& clock,
                model::TenantId tenant)
      : migrations_(migrations), clock_(clock), tenant_(std::move(tenant)) {}

  Result<void> Poll() override;
  Result<std::string> Begin(FeedPlace& place, std::optional<std::uint64_t> after) override;
  std::string News(FeedPlace& place) const override;

 private:
  struct Sample {
    base::BootTime at;
    std::uint64_t done = 0;
  };
  static constexpr std::size_t kSamplesMax = 10;

  std::string EventOf(const migration::MigrationView& view);
  // Data keys a second, once two samples of this migration tell.
  std::optional<double> Rate(const migration::MigrationView& view);

  const migration::Migrations& migrations_;
  const base::Clock& clock_;
  const model::TenantId tenant_;
  std::string text_;           // The event that is true now.
  std::uint64_t version_ = 0;  // Grows when it changes.
  std::string measured_;       // The migration that the samples are of.
  std::deque<Sample> samples_;
};

// The events of a chain. Whoever has missed more than is told again gets an event "gap" and should
// read the list anew.
class AuditFeed final : public LiveFeed {
 public:
  AuditFeed(const store::Store& store, model::Scope scope)
      : store_(store), scope_(std::move(scope)) {}

  Result<void> Poll() override;
  Result<std::string> Begin(FeedPlace& place, std::optional<std::uint64_t> after) override;
  std::string News(FeedPlace& place) const override;

  static constexpr std::size_t kAgainMax = 200;   // Told again to one who comes back.
  static constexpr std::size_t kRecentMax = 100;  // Kept in memory.

 private:
  // Finds the end of the chain.
  Result<std::uint64_t> LastSequence() const;

  const store::Store& store_;
  const model::Scope scope_;
  std::optional<std::uint64_t> last_;  // Of the newest event; nothing before the first Poll().
  std::deque<model::Event> recent_;    // Those up to it, in order.
};

}  // namespace tenantseal::api
