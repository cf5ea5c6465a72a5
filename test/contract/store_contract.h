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
  // Everything that a refused change must leave as it is.
  struct Snapshot {
    model::TenantState state;
    std::uint64_t epoch = 0;
    std::size_t events = 0;
    std::uint64_t data_keys = 0, quarantined = 0;
    bool operator==(const Snapshot&) const = default;
  };
  Snapshot Take(const model::TenantId& id);

  // Gives the tenant a further provider.
  model::KeyProvider Add(const model::TenantId& id, char letter = 'f');
  // Steps of a migration to it; each returns the migration as stored then.
  model::Migration Begin(const model::TenantId& id, const model::Fingerprint& to);
  model::Migration Move(const model::Migration& begun);  // Activates its version.
  // Rewraps whatever is below its version and finishes it.
  void Complete(const model::Migration& moved, base::UtcTime at);

  std::size_t EventCount(const model::Scope& scope);
  std::uint64_t Epoch();

 private:
  std::unique_ptr<StoreUnderTest> under_test_ = GetParam().make();
};

}  // namespace tenantseal::store
