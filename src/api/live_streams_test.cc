#include "api/live_streams.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/key_provider_test_ground.h"
#include "store/memory/faulty_store.h"

namespace tenantseal::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Counts how often it is asked; its news is what `told` has been set to.
struct FakeNews {
  int polls = 0;
  std::uint64_t version = 1;
  std::string told = "first";
  Result<void> answer = {};
};

class FakeFeed final : public LiveFeed {
 public:
  explicit FakeFeed(FakeNews& news) : news_(news) {}
  Result<void> Poll() override {
    ++news_.polls;
    return news_.answer;
  }
  Result<std::string> Begin(FeedPlace& place, std::optional<std::uint64_t>) override {
    return News(place);
  }
  std::string News(FeedPlace& place) const override {
    if (place.seen == news_.version) return "";
    place.seen = news_.version;
    return SseEvent("fake", "", news_.told);
  }

 private:
  FakeNews& news_;
};

class LiveStreamsTest : public KeyProviderRoutesTest {
 protected:
  // A follower who shows `token`; null when refused, with the code in `refused`.
  std::shared_ptr<net::Stream> Follow(const std::string& token, const std::string& key = "k") {
    Follower follower{.principal = *authenticator_.Authenticate(token, keyring::Wait::kAllowed)};
    follower.credentials = base::SecretBytes::CopyOf(base::AsBytes(token));
    auto response = streams_.Follow(
        key, [this] { return std::make_unique<FakeFeed>(news_); }, std::move(follower));
    if (response) return response->stream;
    refused_ = response.error().code;
    return nullptr;
  }
  void Tell(const std::string& text) {
    news_.told = text;
    ++news_.version;
  }
  // One second later, with the lease kept alive as the server does.
  void Tick(base::Duration after = seconds(1)) {
    clock_.Advance(after);
    EXPECT_TRUE(lease_.Refresh());
    streams_.Tick(stop_);
    live_.Tick(stop_);
  }
  Answer Stream(const std::string& target, const std::string& token,
                std::vector<net::HeaderField> more = {}) {
    return ApiTest::Call(Method::kGet, target, token, "", std::move(more));
  }

  FakeNews news_;
  LiveStreams streams_{authenticator_, clock_, {.in_all_max = 20, .per_principal_max = 4}};
  std::atomic<bool> stop_{false};
  ErrorCode refused_ = ErrorCode::kInternal;
};

TEST_F(LiveStreamsTest, TellsAtOnceAndWhenSomethingChanges) {
  const auto stream = Follow(admin_);
  EXPECT_THAT(stream->Take().text, EndsWith("event: fake\ndata: first\n\n"));
  Tick();
  EXPECT_EQ(stream->Take().text, "");
  Tell("second");
  Tick();
  EXPECT_EQ(stream->Take().text, "event: fake\ndata: second\n\n");
}

TEST_F(LiveStreamsTest, AsksTheStoreOnceForAllWhoFollow) {
  std::vector<std::shared_ptr<net::Stream>> streams;
  for (int i = 0; i < 4; ++i) streams.push_back(Follow(NewKey("TenantAdmin", tenant_)));
  EXPECT_EQ(news_.polls, 1) << "what is fresh is shown as it is";
  Tick();
  EXPECT_EQ(news_.polls, 2);
  Tell("all");
  Tick();
  EXPECT_EQ(news_.polls, 3);
  for (const auto& stream : streams) EXPECT_THAT(stream->Take().text, HasSubstr("data: all"));
  streams.clear();
  Tick();
  EXPECT_EQ(news_.polls, 3) << "nobody follows";
  const auto again = Follow(admin_);
  EXPECT_EQ(news_.polls, 4);
}

TEST_F(LiveStreamsTest, BoundsStreamsInAllAndOfOneCaller) {
  std::vector<std::shared_ptr<net::Stream>> own;
  for (int i = 0; i < 4; ++i) own.push_back(Follow(admin_, "k" + std::to_string(i)));
  EXPECT_EQ(Follow(admin_), nullptr);
  EXPECT_EQ(refused_, ErrorCode::kRateLimited);
  own.pop_back();
  own.push_back(Follow(admin_));
  EXPECT_NE(own.back(), nullptr) << "the place of one that is gone is free at once";
  for (int i = 0; i < 4; ++i) {
    const std::string token = NewKey("TenantAdmin", tenant_);
    for (int j = 0; j < 4; ++j) own.push_back(Follow(token));
  }
  EXPECT_EQ(streams_.open(), 20U);
  EXPECT_EQ(Follow(NewKey("TenantAdmin", tenant_)), nullptr);
  EXPECT_EQ(refused_, ErrorCode::kUnavailable);
  own.clear();
  EXPECT_EQ(streams_.open(), 0U);
}

TEST_F(LiveStreamsTest, ARefusedFollowerTakesNoPlace) {
  news_.answer = Error{ErrorCode::kUnavailable, ""};
  EXPECT_EQ(Follow(admin_), nullptr);
  EXPECT_EQ(refused_, ErrorCode::kUnavailable);
  EXPECT_EQ(streams_.open(), 0U);
}

TEST_F(LiveStreamsTest, ShowsThatItLivesAndEndsInTime) {
  const auto stream = Follow(admin_);
  stream->Take();
  for (int i = 1; i < 15; ++i) Tick();
  EXPECT_EQ(stream->Take().text, "");
  Tick();
  EXPECT_THAT(stream->Take().text, StartsWith(":"));
  for (int i = 15; i < 299; ++i) Tick();
  EXPECT_TRUE(stream->open());
  stream->Take();
  Tick();
  EXPECT_FALSE(stream->open());
  const auto last = stream->Take();
  EXPECT_EQ(last.text, "event: end\ndata: {\"reason\":\"time\"}\n\n");
  EXPECT_EQ(last.next, net::Stream::Next::kEnd);
}

TEST_F(LiveStreamsTest, EndsWithTheCallersKeyAndTellsItNothingMore) {
  const auto stream = Follow(admin_);
  const auto other = Follow(NewKey("TenantAdmin", tenant_));
  stream->Take();
  const auto principal = authenticator_.Authenticate(admin_, keyring::Wait::kAllowed);
  const std::string id = principal->id.substr(principal->id.find(':') + 1);
  ASSERT_EQ(ApiTest::Call(Method::kDelete, "/api/v1/api-keys/" + id, "operator-secret").status,
            204);
  Tell("secret");
  Tick(seconds(3));
  EXPECT_FALSE(stream->open());
  EXPECT_EQ(stream->Take().text, "event: end\ndata: {\"reason\":\"authorisation\"}\n\n");
  EXPECT_TRUE(other->open());
  EXPECT_THAT(other->Take().text, HasSubstr("secret"));
}

// A page that is left open must not keep its session alive by itself.
TEST_F(LiveStreamsTest, ASessionThatNobodyUsesEndsInSpiteOfItsStream) {
  LiveStreams streams(authenticator_, clock_, {.life_max = std::chrono::hours(9)});
  const auto identity = sessions_.CheckApiKey(admin_);
  ASSERT_TRUE(identity);
  const auto opened = sessions_.Open(*identity);
  ASSERT_TRUE(opened);
  const std::string_view token = opened->token.RevealText();
  Follower follower{
      .principal = *authenticator_.AuthenticateSession(token, keyring::Wait::kAllowed),
      .session = true};
  follower.credentials = base::SecretBytes::CopyOf(base::AsBytes(token));
  const auto response = streams.Follow(
      "k", [this] { return std::make_unique<FakeFeed>(news_); }, std::move(follower));
  ASSERT_TRUE(response);
  const auto minutes_of_looking = [&](int minutes) {
    for (int i = 0; i < minutes * 12; ++i) {
      clock_.Advance(seconds(5));
      EXPECT_TRUE(lease_.Refresh());
      streams.Tick(stop_);
    }
  };
  minutes_of_looking(29);
  EXPECT_TRUE(response->stream->open());
  minutes_of_looking(2);
  EXPECT_THAT(response->stream->Take().text,
              EndsWith("event: end\ndata: {\"reason\":\"authorisation\"}\n\n"));
}

// While the store cannot be asked whether the caller still may, nothing is told; not for long.
TEST_F(LiveStreamsTest, TellsNothingToWhomItCannotCheck) {
  store::FaultyStore faulty(store_);
  keyring::StoreLease lease(faulty, clock_, model::ProcessId::New(random_));
  ASSERT_TRUE(lease.Refresh());
  identity::Authenticator authenticator(faulty, lease, clock_, random_, pepper_.Copy());
  LiveStreams streams(authenticator, clock_);
  Follower follower{.principal = *authenticator.Authenticate(admin_, keyring::Wait::kAllowed)};
  follower.credentials = base::SecretBytes::CopyOf(base::AsBytes(admin_));
  const auto response = streams.Follow(
      "k", [this] { return std::make_unique<FakeFeed>(news_); }, std::move(follower));
  net::Stream& stream = *response->stream;
  stream.Take();
  const auto tick = [&](base::Duration after) {
    clock_.Advance(after);
    streams.Tick(stop_);
    return stream.Take().text;
  };
  faulty.FailCall(1, Error{ErrorCode::kUnavailable, ""}, store::FaultyStore::When::kBefore,
                  100'000);
  Tell("news");
  EXPECT_EQ(tick(seconds(4)), "");
  faulty.FailNothing();
  EXPECT_THAT(tick(seconds(1)), HasSubstr("news"));
  faulty.FailCall(1, Error{ErrorCode::kUnavailable, ""}, store::FaultyStore::When::kBefore,
                  100'000);
  Tell("more");
  EXPECT_EQ(tick(seconds(14)), "");
  EXPECT_EQ(tick(seconds(1)), "event: end\ndata: {\"reason\":\"unavailable\"}\n\n");
  EXPECT_FALSE(stream.open());
}

TEST_F(LiveStreamsTest, ATroubledStoreIsWaitedForAndABrokenOneEndsIt) {
  const auto stream = Follow(admin_);
  stream->Take();
  news_.answer = Error{ErrorCode::kUnavailable, ""};
  Tell("later");
  for (int i = 0; i < 10; ++i) Tick();
  EXPECT_EQ(stream->Take().text, "");
  news_.answer = {};
  Tick();
  EXPECT_THAT(stream->Take().text, HasSubstr("later"));
  news_.answer = Error{ErrorCode::kIntegrity, "row"};
  Tick();
  EXPECT_THAT(stream->Take().text, HasSubstr("\"reason\":\"failed\""));
  EXPECT_FALSE(stream->open());
}

TEST_F(LiveStreamsTest, ASlowFollowerIsCutOffAndDelaysNobody) {
  LiveStreams small(authenticator_, clock_, {.waiting_bytes_max = 100});
  Follower follower{.principal = *authenticator_.Authenticate(admin_, keyring::Wait::kAllowed)};
  follower.credentials = base::SecretBytes::CopyOf(base::AsBytes(admin_));
  const auto response = small.Follow(
      "k", [this] { return std::make_unique<FakeFeed>(news_); }, std::move(follower));
  Tell(std::string(200, 'x'));
  clock_.Advance(seconds(1));
  small.Tick(stop_);
  EXPECT_TRUE(response->stream->broken());
}

TEST_F(LiveStreamsTest, TheMigrationIsShownAsItsDetailsAre) {
  const Answer answer = Stream(kMigration + "/stream", admin_);
  ASSERT_EQ(answer.status, 200);
  EXPECT_THAT(answer.stream->Take().text, EndsWith("event: none\ndata: {}\n\n"));
  const std::string fingerprint = Registered();
  ASSERT_EQ(Migrate(fingerprint).status, 200);
  Tick();
  const std::string begun = answer.stream->Take().text;
  ASSERT_THAT(begun, StartsWith("event: migration\ndata: {"));
  EXPECT_EQ(json::parse(begun.substr(begun.find('{'))), Details().body);
  Work();
  Tick();
  const std::string done = answer.stream->Take().text;
  EXPECT_THAT(done, HasSubstr("\"state\":\"Completed\""));
  Tick();
  EXPECT_EQ(answer.stream->Take().text, "") << "nothing has changed";
  const Answer second = Stream(kMigration + "/stream", admin_);
  EXPECT_THAT(second.stream->Take().text, EndsWith(done));
}

TEST_F(LiveStreamsTest, EventsAreToldOnceAndAgainToOneWhoComesBack) {
  const Answer answer = Stream("/api/v1/audits/stream", admin_);
  ASSERT_EQ(answer.status, 200);
  EXPECT_THAT(answer.stream->Take().text, Not(HasSubstr("event:"))) << "only what is new";
  Registered();
  Tick();
  const std::string first = answer.stream->Take().text;
  ASSERT_THAT(first, HasSubstr("event: audit\nid: "));
  const std::string id =
      first.substr(first.find("id: ") + 4, first.find("\ndata") - first.find("id: ") - 4);
  const json item = json::parse(
      first.substr(first.find("data: ") + 6, first.find("\n\n") - first.find("data: ") - 6));
  EXPECT_EQ(Stream("/api/v1/audits/" + item["id"].get<std::string>(), admin_).body, item);
  Tick();
  EXPECT_EQ(answer.stream->Take().text, "");

  NewKey("Auditor", tenant_);
  NewKey("Auditor", tenant_);
  Tick();
  const std::string missed = answer.stream->Take().text;
  const Answer again = Stream("/api/v1/audits/stream", admin_, {{"Last-Event-ID", id}});
  EXPECT_THAT(again.stream->Take().text, EndsWith(first.substr(first.find("\n\n") + 2) + missed));
  // A feed that nobody has followed meanwhile reads what it has not kept.
  AuditFeed feed(store_, model::Scope::Of(Id()));
  ASSERT_TRUE(feed.Poll());
  FeedPlace place{.base_url = "http://example.test"};
  EXPECT_THAT(*feed.Begin(place, std::stoull(id)), EndsWith(missed));
}

TEST_F(LiveStreamsTest, WhoHasMissedTooMuchIsToldSo) {
  for (int i = 0; i < 5; ++i) NewKey("Auditor", tenant_);
  for (std::size_t i = 0; i < AuditFeed::kAgainMax; ++i) NewKey("Auditor", tenant_);
  const Answer answer = Stream("/api/v1/audits/stream", admin_, {{"Last-Event-ID", "1"}});
  ASSERT_EQ(answer.status, 200);
  const std::string text = answer.stream->Take().text;
  EXPECT_THAT(text, HasSubstr("event: gap\nid: "));
  EXPECT_THAT(text, Not(HasSubstr("event: audit")));
  const Answer ahead = Stream("/api/v1/audits/stream", admin_, {{"Last-Event-ID", "99999999"}});
  EXPECT_THAT(ahead.stream->Take().text, Not(HasSubstr("event:")));
}

TEST_F(LiveStreamsTest, OnlyThoseWhoMayAskMayFollow) {
  const std::string auditor = NewKey("Auditor", tenant_);
  const struct {
    std::string target, token;
    int status;
  } cases[] = {
      {kMigration + "/stream", "", 401},       {kMigration + "/stream", content_, 403},
      {kMigration + "/stream", auditor, 403},  {kMigration + "/stream", "operator-secret", 403},
      {"/api/v1/audits/stream", "", 401},      {"/api/v1/audits/stream", content_, 403},
      {"/api/v1/audits/stream", auditor, 200}, {"/api/v1/audits/stream", "operator-secret", 200},
  };
  for (const auto& c : cases) {
    const Answer answer = Stream(c.target, c.token);
    EXPECT_EQ(answer.status, c.status) << c.target << ' ' << c.token;
    EXPECT_EQ(answer.stream != nullptr, c.status == 200);
  }
  const Answer bad = Stream("/api/v1/audits/stream", admin_, {{"Last-Event-ID", "1x"}});
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.field(), "Last-Event-ID");
}

TEST_F(LiveStreamsTest, NobodyIsToldOfAnothersTenant) {
  const std::string other = NewTenant();
  const Answer answer = Stream("/api/v1/audits/stream", NewKey("TenantAdmin", other));
  answer.stream->Take();
  Registered();
  Tick();
  EXPECT_EQ(answer.stream->Take().text, "");
}

}  // namespace
}  // namespace tenantseal::api
