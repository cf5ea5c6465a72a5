// The contract suite of Store. Another implementation joins with
//   INSTANTIATE_TEST_SUITE_P(Postgres, StoreContract,
//                            testing::Values(StoreMaker{"postgres", &MakePostgresForTest}));
// and a function that returns an empty store which cleans up after itself.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>

#include "store/store.h"

namespace tenantseal::store {

// An empty store and whatever must live as long as it.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual Store& store() = 0;
};

struct StoreMaker {
  const char* name;
  std::unique_ptr<StoreUnderTest> (*make)();
  friend void PrintTo(const StoreMaker& maker, std::ostream* out) { *out << maker.name; }
};

class StoreContract : public testing::TestWithParam<StoreMaker> {
 protected:
  Store& store() { return under_test_->store(); }

  // Creates a tenant and returns its state as stored.
  model::TenantState AddTenant(std::int64_t created_after_ms = 0);
  // Gives the tenant version `expected_active` + 1, with a job when asked.
  Result<std::uint64_t> Activate(const model::TenantId& id, std::uint32_t expected_active,
                                 bool with_job = true);
  std::size_t EventCount(const model::Scope& scope);
  std::uint64_t Epoch();

 private:
  std::unique_ptr<StoreUnderTest> under_test_ = GetParam().make();
};

}  // namespace tenantseal::store
