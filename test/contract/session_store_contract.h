// The contract suite of SessionStore. Another implementation joins with
//   INSTANTIATE_TEST_SUITE_P(Postgres, SessionStoreContract,
//                            testing::Values(SessionStoreMaker{"postgres", &MakePostgres}));
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>

#include "store/session_store.h"
#include "store/store.h"

namespace tenantseal::store {

// An empty store and whatever must live as long as it; both are the same database.
class SessionStoreUnderTest {
 public:
  virtual ~SessionStoreUnderTest() = default;
  virtual SessionStore& sessions() = 0;
  virtual Store& store() = 0;
};

struct SessionStoreMaker {
  const char* name;
  std::unique_ptr<SessionStoreUnderTest> (*make)();
  friend void PrintTo(const SessionStoreMaker& maker, std::ostream* out) { *out << maker.name; }
};

class SessionStoreContract : public testing::TestWithParam<SessionStoreMaker> {
 protected:
  SessionStore& sessions() { return under_test_->sessions(); }
  Store& store() { return under_test_->store(); }

 private:
  std::unique_ptr<SessionStoreUnderTest> under_test_ = GetParam().make();
};

}  // namespace tenantseal::store
