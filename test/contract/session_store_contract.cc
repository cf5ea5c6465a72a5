#include "contract/session_store_contract.h"

#include <cstdlib>
#include <filesystem>

#include "store/memory/memory_store.h"
#include "store/row_mac.h"
#include "store/sqlite/sqlite_store.h"
#include "store/store_test_ground.h"

namespace tenantseal::store {
namespace {

using model::Session;
using model::SessionKind;
using samples::After;
using samples::kNow;
using samples::kRandom;

constexpr std::int64_t kHour = 3'600'000;

Session NewSession(const std::string& principal = "user:ada", std::int64_t created_ms = 0) {
  Session session;
  session.id = model::SessionId::New(kRandom);
  kRandom.Fill(session.secret_hash);
  session.principal = principal;
  session.name = "Ada Lovelace";
  session.email = "ada@example.com";
  session.role = model::Role::kTenantAdmin;
  session.tenant = model::TenantId::New(kRandom);
  session.signed_in_with = model::SignedInWith::kOidc;
  session.created_at = After(created_ms);
  session.idle_expires_at = After(created_ms + kHour);
  session.expires_at = After(created_ms + 12 * kHour);
  return session;
}

ErrorCode CodeOf(const Result<void>& result) {
  return result ? ErrorCode::kInternal : result.error().code;
}

bool Has(SessionStore& sessions, const Session& session) {
  return sessions.LoadSession(session.id).ok();
}

TEST_P(SessionStoreContract, WhatIsCreatedIsLoaded) {
  Session user = NewSession();
  Session machine = NewSession("api-key:x");
  machine.kind = SessionKind::kAccessToken;
  machine.signed_in_with = model::SignedInWith::kApiKey;
  machine.tenant.reset();
  machine.name.clear();
  machine.email.clear();
  machine.api_key = model::ApiKeyId::New(kRandom);
  machine.role = model::Role::kPlatformOperator;
  for (const Session& session : {user, machine}) {
    ASSERT_TRUE(sessions().CreateSession(session, {}, std::nullopt));
    EXPECT_EQ(sessions().LoadSession(session.id).value(), session);
  }
  EXPECT_EQ(sessions().CountSessions().value(), 2u);
  EXPECT_EQ(sessions().LoadSession(model::SessionId::New(kRandom)).error().code,
            ErrorCode::kNotFound);
}

TEST_P(SessionStoreContract, AnIdIsTakenOnce) {
  const Session first = NewSession();
  Session second = NewSession("user:eve");
  second.id = first.id;
  ASSERT_TRUE(sessions().CreateSession(first, {}, std::nullopt));
  EXPECT_EQ(CodeOf(sessions().CreateSession(second, {}, std::nullopt)), ErrorCode::kAlreadyExists);
  EXPECT_EQ(sessions().LoadSession(first.id).value(), first);
}

TEST_P(SessionStoreContract, WhatHasRunOutIsForgotten) {
  const Session idle = NewSession("user:idle");
  Session old = NewSession("user:old");
  old.idle_expires_at = old.expires_at = After(kHour / 2);
  ASSERT_TRUE(sessions().CreateSession(idle, {}, std::nullopt));
  ASSERT_TRUE(sessions().CreateSession(old, {}, std::nullopt));
  const Session later = NewSession("user:later", kHour - 1);
  ASSERT_TRUE(sessions().CreateSession(later, {}, std::nullopt));
  EXPECT_TRUE(Has(sessions(), idle));
  EXPECT_FALSE(Has(sessions(), old));
  ASSERT_TRUE(sessions().CreateSession(NewSession("user:x", kHour), {}, std::nullopt));
  EXPECT_FALSE(Has(sessions(), idle));
  EXPECT_TRUE(Has(sessions(), later));
}

TEST_P(SessionStoreContract, OneTooManyOfAPrincipalEndsItsOldest) {
  const SessionBounds bounds{.of_principal = 2, .in_all = 100};
  const Session other = NewSession("user:other");
  Session machine = NewSession("user:ada");
  machine.kind = SessionKind::kAccessToken;
  const Session first = NewSession("user:ada", 1), second = NewSession("user:ada", 2),
                third = NewSession("user:ada", 3);
  for (const Session& session : {other, machine, first, second, third})
    ASSERT_TRUE(sessions().CreateSession(session, bounds, std::nullopt));
  EXPECT_FALSE(Has(sessions(), first));
  for (const Session& session : {other, machine, second, third})
    EXPECT_TRUE(Has(sessions(), session)) << session.principal;
}

TEST_P(SessionStoreContract, TooManyInAllAreRefusedAndChangeNothing) {
  const SessionBounds bounds{.of_principal = 2, .in_all = 3};
  std::vector<Session> kept = {NewSession("user:a", 0), NewSession("user:b", 1),
                               NewSession("user:b", 2)};
  for (const Session& session : kept)
    ASSERT_TRUE(sessions().CreateSession(session, bounds, std::nullopt));
  const Session refused = NewSession("user:c");
  const auto event = samples::EventOf(refused.scope());
  EXPECT_EQ(CodeOf(sessions().CreateSession(refused, bounds, event)), ErrorCode::kRateLimited);
  EXPECT_FALSE(Has(sessions(), refused));
  EXPECT_TRUE(store().ListEvents(refused.scope(), 0, 10).value().empty());
  for (const Session& session : kept) EXPECT_TRUE(Has(sessions(), session));
  // Whoever ends one of its own by opening another takes no more room.
  EXPECT_TRUE(sessions().CreateSession(NewSession("user:b", 3), bounds, std::nullopt));
  EXPECT_EQ(sessions().CountSessions().value(), 3u);
}

TEST_P(SessionStoreContract, TheEventComesWithTheChange) {
  const Session session = NewSession();
  ASSERT_TRUE(sessions().CreateSession(session, {}, samples::EventOf(session.scope(), "made")));
  ASSERT_TRUE(sessions().DeleteSession(session.id, samples::EventOf(session.scope(), "ended")));
  const auto events = store().ListEvents(session.scope(), 0, 10).value();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].content.type, "made");
  EXPECT_EQ(events[1].content.type, "ended");
  EXPECT_FALSE(sessions().DeleteSession(session.id, samples::EventOf(session.scope(), "ended")));
  EXPECT_EQ(store().ListEvents(session.scope(), 0, 10).value().size(), 2u);
}

TEST_P(SessionStoreContract, AnEndIsSeenByWhoeverReadsTheEpoch) {
  const Session session = NewSession();
  const std::uint64_t before = store().ReadChanges(0).value().epoch;
  ASSERT_TRUE(sessions().CreateSession(session, {}, std::nullopt));
  EXPECT_EQ(store().ReadChanges(0).value().epoch, before) << "nobody has it cached yet";
  const std::uint64_t epoch = sessions().DeleteSession(session.id, std::nullopt).value();
  const Changes changes = store().ReadChanges(before).value();
  EXPECT_EQ(changes.epoch, epoch);
  ASSERT_EQ(changes.changed.size(), 1u);
  EXPECT_EQ(changes.changed[0].scope, session.scope());
  EXPECT_FALSE(Has(sessions(), session));
  EXPECT_EQ(sessions().DeleteSession(session.id, std::nullopt).error().code, ErrorCode::kNotFound);
}

TEST_P(SessionStoreContract, IdlenessMovesForwardAndNotPastTheEnd) {
  Session session = NewSession();
  ASSERT_TRUE(sessions().CreateSession(session, {}, std::nullopt));
  const auto extended_to = [&](std::int64_t ms) {
    EXPECT_TRUE(sessions().ExtendSession(session.id, After(ms)));
    return sessions().LoadSession(session.id).value().idle_expires_at;
  };
  EXPECT_EQ(extended_to(2 * kHour), After(2 * kHour));
  EXPECT_EQ(extended_to(kHour), After(2 * kHour));
  EXPECT_EQ(extended_to(13 * kHour), session.expires_at);
  session.idle_expires_at = session.expires_at;
  EXPECT_EQ(sessions().LoadSession(session.id).value(), session);
  EXPECT_EQ(CodeOf(sessions().ExtendSession(model::SessionId::New(kRandom), kNow)),
            ErrorCode::kNotFound);
}

TEST_P(SessionStoreContract, ASignInIsCompletedOnce) {
  EXPECT_TRUE(sessions().SpendSignIn("one", kNow, After(1000)));
  EXPECT_EQ(CodeOf(sessions().SpendSignIn("one", After(999), After(2000))),
            ErrorCode::kAlreadyExists);
  EXPECT_TRUE(sessions().SpendSignIn("two", After(999), After(2000)));
  EXPECT_TRUE(sessions().SpendSignIn("one", After(1000), After(2000))) << "that one has run out";
}

class MemoryUnderTest final : public SessionStoreUnderTest {
 public:
  SessionStore& sessions() override { return store_; }
  Store& store() override { return store_; }

 private:
  MemoryStore store_;
};

class SqliteUnderTest final : public SessionStoreUnderTest {
 public:
  SqliteUnderTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "session-contract-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    store_ = SqliteStore::Open(directory_ / "test.db", RowMac(base::Secret256())).value();
  }
  ~SqliteUnderTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  SessionStore& sessions() override { return *store_; }
  Store& store() override { return *store_; }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<SqliteStore> store_;
};

template <typename T>
std::unique_ptr<SessionStoreUnderTest> Make() {
  return std::make_unique<T>();
}

std::string NameOf(const testing::TestParamInfo<SessionStoreMaker>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(All, SessionStoreContract,
                         testing::Values(SessionStoreMaker{"memory", &Make<MemoryUnderTest>},
                                         SessionStoreMaker{"sqlite", &Make<SqliteUnderTest>}),
                         NameOf);

}  // namespace
}  // namespace tenantseal::store
