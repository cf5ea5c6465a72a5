// The implementations that the contract suite runs on.
#include <cstdlib>
#include <filesystem>

#include "contract/store_contract.h"
#include "store/memory/memory_store.h"
#include "store/row_mac.h"
#include "store/sqlite/sqlite_store.h"

namespace tenantseal::store {
namespace {

class MemoryUnderTest final : public StoreUnderTest {
 public:
  Store& store() override { return store_; }

 private:
  MemoryStore store_;
};

class SqliteUnderTest final : public StoreUnderTest {
 public:
  SqliteUnderTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "store-contract-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    store_ = SqliteStore::Open(directory_ / "test.db", RowMac(base::Secret256())).value();
  }
  ~SqliteUnderTest() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  Store& store() override { return *store_; }

 private:
  std::filesystem::path directory_;
  std::unique_ptr<SqliteStore> store_;
};

template <typename T>
std::unique_ptr<StoreUnderTest> Make() {
  return std::make_unique<T>();
}

std::string NameOf(const testing::TestParamInfo<StoreMaker>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(All, StoreContract,
                         testing::Values(StoreMaker{"memory", &Make<MemoryUnderTest>},
                                         StoreMaker{"sqlite", &Make<SqliteUnderTest>}),
                         NameOf);

}  // namespace
}  // namespace tenantseal::store
