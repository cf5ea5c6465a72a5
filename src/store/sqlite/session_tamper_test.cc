// What a database administrator can do to sessions, and that it is noticed. Not noticed: a row that
// was deleted and is put back before it has run out, and a completed sign-in that is forgotten.
#include <algorithm>

#include "store/sqlite/tamper_test_ground.h"

namespace tenantseal::store {
namespace {

using namespace samples;  // NOLINT: the samples are this suite's vocabulary.

class SessionTamper : public Tamper {
 protected:
  SessionTamper() {
    for (model::Session* session : {&mine_, &theirs_}) {
      session->id = model::SessionId::New(kRandom);
      kRandom.Fill(session->secret_hash);
      session->created_at = kNow;
      session->idle_expires_at = After(1000);
      session->expires_at = After(5000);
      session->api_key = key_a_.id;
    }
    mine_.principal = "user:mallory";
    mine_.tenant = a_.tenant.id;
    theirs_.principal = "user:ada";
    theirs_.role = model::Role::kPlatformOperator;
    EXPECT_TRUE(store_->CreateSession(mine_, {}, std::nullopt));
    EXPECT_TRUE(store_->CreateSession(theirs_, {}, std::nullopt));
  }
  std::string Id(const model::Session& session) { return "'" + session.id.text() + "'"; }
  ErrorCode LoadMine() {
    const auto loaded = store_->LoadSession(mine_.id);
    return loaded ? ErrorCode::kInternal : loaded.error().code;
  }

  model::Session mine_, theirs_;
};

TEST_F(SessionTamper, EveryColumnIsBound) {
  const auto columns = Query("SELECT name FROM pragma_table_info('sessions') WHERE name<>'id'");
  EXPECT_EQ(columns.size(), 13u);
  Save("sessions");
  for (const std::string& column : columns) {
    const std::string type =
        Query("SELECT type FROM pragma_table_info('sessions') WHERE name='" + column + "'").at(0);
    // Empty texts have no last character to change.
    const std::string other = type == "TEXT" ? column + "||'x'" : OtherValue(type, column);
    Sql("UPDATE sessions SET " + column + "=" + other + " WHERE id=" + Id(mine_));
    EXPECT_EQ(LoadMine(), ErrorCode::kIntegrity) << column;
    EXPECT_EQ(store_->ExtendSession(mine_.id, After(2000)).error().code, ErrorCode::kIntegrity)
        << column << " would have been laundered";
    PutBack("sessions");
    EXPECT_EQ(LoadMine(), ErrorCode::kInternal) << column << " is back";
  }
}

TEST_F(SessionTamper, NobodyGetsAnothersRights) {
  const std::string theirs = "(SELECT %c FROM sessions WHERE id=" + Id(theirs_) + ")";
  std::string assignments;
  for (const std::string column : {"principal", "name", "email", "role", "scope", "mac"}) {
    std::string value = theirs;
    value.replace(value.find("%c"), 2, column);
    assignments += (assignments.empty() ? "" : ",") + column + "=" + value;
  }
  Sql("UPDATE sessions SET " + assignments + " WHERE id=" + Id(mine_));
  EXPECT_EQ(LoadMine(), ErrorCode::kIntegrity);
}

TEST_F(SessionTamper, NoSessionIsReachedByAnothersId) {
  Sql("DELETE FROM sessions WHERE id=" + Id(mine_));
  Sql("UPDATE sessions SET id=" + Id(mine_));
  EXPECT_EQ(LoadMine(), ErrorCode::kIntegrity);
}

TEST_F(SessionTamper, TheKeyThatItDiesWithCannotBeTakenAway) {
  Sql("UPDATE sessions SET api_key=NULL WHERE id=" + Id(mine_));
  EXPECT_EQ(LoadMine(), ErrorCode::kIntegrity);
}

}  // namespace
}  // namespace tenantseal::store
