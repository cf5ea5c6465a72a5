#include "api/live_feed.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "api/audit_json.h"
#include "api/control_json.h"
#include "api/key_provider_json.h"
#include "model/encryption_codes.h"

namespace tenantseal::api {
namespace {

constexpr std::size_t kPollEventsMax = 100;
// Of what is told again at once: a fraction of what may wait for a slow client.
constexpr std::size_t kAgainBytesMax = 256 << 10;

bool IsNoMigration(const Error& error) {
  return error.encryption_code == static_cast<std::uint16_t>(model::EncryptionCode::kNoMigration);
}

std::string AuditEvent(const model::Event& event, const std::string& base_url) {
  return SseEvent("audit", std::to_string(event.sequence), Dump(AuditJson(event, base_url)));
}

std::string GapEvent(std::uint64_t last) { return SseEvent("gap", std::to_string(last), "{}"); }

}  // namespace

std::string SseEvent(std::string_view name, std::string_view id, std::string_view data) {
  std::string out = "event: ";
  out += name;
  if (!id.empty()) out.append("\nid: ").append(id);
  out.append("\ndata: ").append(data).append("\n\n");
  return out;
}

Result<void> MigrationFeed::Poll() {
  const auto view = migrations_.Details(tenant_);
  if (!view && !IsNoMigration(view.error())) return Error(view.error());
  std::string text = view ? EventOf(*view) : SseEvent("none", "", "{}");
  if (text == text_) return {};
  text_ = std::move(text);
  ++version_;
  return {};
}

std::string MigrationFeed::EventOf(const migration::MigrationView& view) {
  nlohmann::json json = MigrationInformation(view);
  if (const auto rate = Rate(view)) {
    json["dataKeysPerSecond"] = std::round(*rate);
    const std::uint64_t left = view.total - std::min(view.total, view.done + view.quarantined);
    if (*rate >= 1) json["secondsRemaining"] = std::ceil(static_cast<double>(left) / *rate);
  }
  return SseEvent("migration", "", Dump(json));
}

std::optional<double> MigrationFeed::Rate(const migration::MigrationView& view) {
  const bool moving = view.migration.state == model::MigrationState::kInProgress &&
                      view.migration.pause == model::Pause::kNone;
  if (!moving || measured_ != view.migration.id) samples_.clear();
  if (!moving) return std::nullopt;
  measured_ = view.migration.id;
  samples_.push_back({clock_.Boot(), view.done});
  if (samples_.size() > kSamplesMax) samples_.pop_front();
  const base::Duration span = samples_.back().at - samples_.front().at;
  const double seconds = std::chrono::duration<double>(span).count();
  if (seconds <= 0 || samples_.back().done < samples_.front().done) return std::nullopt;
  return static_cast<double>(samples_.back().done - samples_.front().done) / seconds;
}

Result<std::string> MigrationFeed::Begin(FeedPlace& place, std::optional<std::uint64_t>) {
  return News(place);
}

std::string MigrationFeed::News(FeedPlace& place) const {
  if (place.seen == version_) return "";
  place.seen = version_;
  return text_;
}

Result<std::uint64_t> AuditFeed::LastSequence() const {
  // The latest by time is close to the end; clocks differ, so the chain has the last word.
  store::EventQuery latest;
  latest.limit = 1;
  TS_ASSIGN_OR_RETURN(const auto found, store_.QueryEvents(scope_, latest));
  std::uint64_t last = found.empty() ? 0 : found[0].sequence;
  while (true) {
    TS_ASSIGN_OR_RETURN(const auto further, store_.ListEvents(scope_, last, kPollEventsMax));
    if (further.empty()) return last;
    last = further.back().sequence;
  }
}

Result<void> AuditFeed::Poll() {
  if (!last_) {
    TS_ASSIGN_OR_RETURN(last_, LastSequence());
    return {};
  }
  TS_ASSIGN_OR_RETURN(auto events, store_.ListEvents(scope_, *last_, kPollEventsMax));
  for (model::Event& event : events) {
    last_ = event.sequence;
    recent_.push_back(std::move(event));
    if (recent_.size() > kRecentMax) recent_.pop_front();
  }
  return {};
}

Result<std::string> AuditFeed::Begin(FeedPlace& place, std::optional<std::uint64_t> after) {
  place.seen = std::min(after.value_or(*last_), *last_);
  const std::uint64_t missed = *last_ - place.seen;
  if (missed == 0) return std::string();
  std::string text;
  if (missed <= recent_.size()) {
    text = News(place);
  } else if (missed <= kAgainMax) {
    TS_ASSIGN_OR_RETURN(const auto events, store_.ListEvents(scope_, place.seen, missed));
    for (const model::Event& event : events) text += AuditEvent(event, place.base_url);
  }
  place.seen = *last_;
  if (text.empty() || text.size() > kAgainBytesMax) return GapEvent(*last_);
  return text;
}

std::string AuditFeed::News(FeedPlace& place) const {
  if (place.seen >= *last_) return "";
  // Sequences have no gaps; whoever was left behind, because it could not be checked for a while,
  // may have missed some.
  std::string text;
  if (*last_ - place.seen > recent_.size()) {
    text = GapEvent(*last_);
  } else {
    for (const model::Event& event : recent_) {
      if (event.sequence > place.seen) text += AuditEvent(event, place.base_url);
    }
  }
  place.seen = *last_;
  return text;
}

}  // namespace tenantseal::api
