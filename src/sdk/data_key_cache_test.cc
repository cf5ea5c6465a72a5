#include "sdk/data_key_cache.h"

#include <gmock/gmock.h>

#include <thread>

#include "formats/content_header.h"
#include "sdk/fake_data_keys.h"
#include "sdk/message.h"

namespace tenantseal::sdk {
namespace {

constexpr const char* kTenant = "0123456789abcdefghijklmnopqrstuv";
constexpr const char* kOther = "vutsrqponmlkjihgfedcba9876543210";

class DataKeyCacheTest : public testing::Test {
 protected:
  DataKeyCache NewCache(DataKeyLimits limits = {}) {
    return DataKeyCache(keys_, *model::TenantId::Parse(kTenant), limits,
                        [this] { return clock_.Boot().since_boot().count(); });
  }
  Context Make(Context::Pairs pairs = {}) { return *Context::Make(kTenant, std::move(pairs)); }
  // A header whose data key is `key`; the bytes stay in `headers_`.
  formats::ContentHeader Header(const CachedKey& key) {
    headers_.push_back(StartMessage(key, 1024)->header);
    return *formats::ParseWholeContentHeader(headers_.back());
  }

  base::FakeClock clock_;
  FakeDataKeys keys_;
  std::list<base::Bytes> headers_;
};

TEST_F(DataKeyCacheTest, OneKeyServesManyMessagesOfOneContext) {
  DataKeyCache cache = NewCache();
  const CachedKeyPtr first = *cache.ForSealing(Make(), 10);
  EXPECT_EQ(*cache.ForSealing(Make(), 10), first);
  EXPECT_NE(*cache.ForSealing(Make({{"a", "b"}}), 10), first);
  EXPECT_EQ(keys_.mints, 2);
}

TEST_F(DataKeyCacheTest, AKeyIsNotUsedBeyondWhatItsSourceAllowed) {
  keys_.usable_for = std::chrono::milliseconds(1000);
  DataKeyCache cache = NewCache();
  const CachedKeyPtr first = *cache.ForSealing(Make(), 1);
  const auto header = Header(*first);
  ASSERT_TRUE(cache.ForOpening(header).ok());
  clock_.Advance(std::chrono::milliseconds(999));
  EXPECT_EQ(*cache.ForSealing(Make(), 1), first);
  ASSERT_TRUE(cache.ForOpening(header).ok());
  EXPECT_EQ(keys_.unwraps, 1);
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_NE(*cache.ForSealing(Make(), 1), first);
  ASSERT_TRUE(cache.ForOpening(header).ok());
  EXPECT_EQ(keys_.unwraps, 2);
}

TEST_F(DataKeyCacheTest, TheWallClockDoesNotMatter) {
  keys_.usable_for = std::chrono::milliseconds(1000);
  DataKeyCache cache = NewCache();
  const CachedKeyPtr first = *cache.ForSealing(Make(), 1);
  clock_.JumpUtc(std::chrono::hours(24));
  EXPECT_EQ(*cache.ForSealing(Make(), 1), first);
}

TEST_F(DataKeyCacheTest, TheOwnAgeLimitShortensTheLeaseAndNeverExtendsIt) {
  DataKeyLimits limits;
  limits.age = std::chrono::milliseconds(500);
  DataKeyCache cache = NewCache(limits);
  const CachedKeyPtr first = *cache.ForSealing(Make(), 1);
  clock_.Advance(std::chrono::milliseconds(500));
  EXPECT_NE(*cache.ForSealing(Make(), 1), first);

  keys_.usable_for = std::chrono::milliseconds(100);
  DataKeyLimits long_age;
  long_age.age = std::chrono::hours(1);
  DataKeyCache other = NewCache(long_age);
  const CachedKeyPtr leased = *other.ForSealing(Make(), 1);
  clock_.Advance(std::chrono::milliseconds(100));
  EXPECT_NE(*other.ForSealing(Make(), 1), leased);
}

TEST_F(DataKeyCacheTest, AKeyThatMayNotBeKeptIsNotKept) {
  keys_.usable_for = std::chrono::milliseconds(0);
  DataKeyCache cache = NewCache();
  const CachedKeyPtr first = *cache.ForSealing(Make(), 1);
  EXPECT_EQ(cache.size(), 0u);
  ASSERT_TRUE(cache.ForOpening(Header(*first)).ok());
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(DataKeyCacheTest, MessagesAndBytesAreLimited) {
  DataKeyLimits limits;
  limits.messages = 3;
  limits.bytes = 100;
  DataKeyCache cache = NewCache(limits);
  const CachedKeyPtr first = *cache.ForSealing(Make(), 10);
  EXPECT_EQ(*cache.ForSealing(Make(), 10), first);
  EXPECT_EQ(*cache.ForSealing(Make(), 10), first);
  const CachedKeyPtr second = *cache.ForSealing(Make(), 60);  // The fourth message.
  EXPECT_NE(second, first);
  EXPECT_EQ(*cache.ForSealing(Make(), 40), second);  // Exactly 100 bytes.
  EXPECT_NE(*cache.ForSealing(Make(), 1), second);
  // A message beyond the limit is sealed, with a key of its own.
  ASSERT_TRUE(cache.ForSealing(Make({{"k", "v"}}), 1000).ok());
  const int before = keys_.mints;
  ASSERT_TRUE(cache.ForSealing(Make({{"k", "v"}}), 1000).ok());
  EXPECT_EQ(keys_.mints, before + 1);
}

TEST_F(DataKeyCacheTest, EntriesAreLimitedAndTheOldestUseIsDropped) {
  DataKeyLimits limits;
  limits.entries = 2;
  DataKeyCache cache = NewCache(limits);
  const CachedKeyPtr a = *cache.ForSealing(Make({{"n", "a"}}), 1);
  const CachedKeyPtr b = *cache.ForSealing(Make({{"n", "b"}}), 1);
  EXPECT_EQ(*cache.ForSealing(Make({{"n", "a"}}), 1), a);
  ASSERT_TRUE(cache.ForSealing(Make({{"n", "c"}}), 1).ok());
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_EQ(*cache.ForSealing(Make({{"n", "a"}}), 1), a);
  EXPECT_NE(*cache.ForSealing(Make({{"n", "b"}}), 1), b);
}

TEST_F(DataKeyCacheTest, WithoutEntriesEachMessageAsks) {
  DataKeyLimits limits;
  limits.entries = 0;
  DataKeyCache cache = NewCache(limits);
  ASSERT_TRUE(cache.ForSealing(Make(), 1).ok());
  ASSERT_TRUE(cache.ForSealing(Make(), 1).ok());
  EXPECT_EQ(keys_.mints, 2);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(DataKeyCacheTest, ExpiredKeysAreDroppedWhenOthersAreAdded) {
  DataKeyCache cache = NewCache();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(cache.ForSealing(Make({{"n", std::to_string(i)}}), 1).ok());
  }
  EXPECT_EQ(cache.size(), 10u);
  clock_.Advance(std::chrono::minutes(6));
  ASSERT_TRUE(cache.ForSealing(Make(), 1).ok());
  EXPECT_EQ(cache.size(), 1u);
}

// A lookup that adds nothing wipes as well, whichever key it asks for.
TEST_F(DataKeyCacheTest, EveryLookupWipesWhatHasExpired) {
  DataKeyLimits limits;
  limits.age = std::chrono::minutes(10);
  DataKeyCache cache = NewCache(limits);
  keys_.usable_for = std::chrono::minutes(10);
  const CachedKeyPtr lasting = *cache.ForSealing(Make({{"n", "lasting"}}), 1);
  const auto header = Header(*lasting);
  ASSERT_TRUE(cache.ForOpening(header).ok());
  for (const bool sealing : {true, false}) {
    keys_.usable_for = std::chrono::minutes(1);
    const std::weak_ptr<const CachedKey> sealed = *cache.ForSealing(Make({{"n", "short"}}), 1);
    const std::weak_ptr<const CachedKey> opened = *cache.ForOpening(Header(*sealed.lock()));
    EXPECT_EQ(cache.size(), 4u);
    clock_.Advance(std::chrono::minutes(1));
    EXPECT_FALSE(sealed.expired());
    if (sealing) {
      EXPECT_EQ(*cache.ForSealing(Make({{"n", "lasting"}}), 1), lasting);
    } else {
      ASSERT_TRUE(cache.ForOpening(header).ok());
    }
    EXPECT_TRUE(sealed.expired());
    EXPECT_TRUE(opened.expired());
    EXPECT_EQ(cache.size(), 2u);
  }
  EXPECT_EQ(keys_.mints, 3);
}

TEST_F(DataKeyCacheTest, ADestroyedCacheWipesItsKeys) {
  std::weak_ptr<const CachedKey> watch;
  {
    DataKeyCache cache = NewCache();
    watch = *cache.ForSealing(Make(), 1);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST_F(DataKeyCacheTest, AKeyIsWipedWhenItsLastUserIsDone) {
  DataKeyCache cache = NewCache();
  CachedKeyPtr key = *cache.ForSealing(Make(), 1);
  const std::weak_ptr<const CachedKey> watch = key;
  key.reset();
  EXPECT_FALSE(watch.expired());
  clock_.Advance(std::chrono::minutes(6));
  ASSERT_TRUE(cache.ForSealing(Make({{"n", "x"}}), 1).ok());
  EXPECT_TRUE(watch.expired());
}

TEST_F(DataKeyCacheTest, AFailureIsHandedOnAndNothingIsKept) {
  DataKeyCache cache = NewCache();
  keys_.FailWith(Error{ErrorCode::kKeyRevoked, "revoked"});
  EXPECT_EQ(cache.ForSealing(Make(), 1).error().code, ErrorCode::kKeyRevoked);
  EXPECT_EQ(cache.size(), 0u);
  keys_.FailWith(std::nullopt);
  EXPECT_TRUE(cache.ForSealing(Make(), 1).ok());
}

TEST_F(DataKeyCacheTest, OtherTenantsAreRefusedWithoutAskingTheSource) {
  DataKeyCache cache = NewCache();
  const Context foreign = *Context::Make(kOther, {});
  EXPECT_FALSE(cache.ForSealing(foreign, 1).ok());
  EXPECT_FALSE(cache.Fresh(foreign).ok());
  DataKeyCache theirs(keys_, *model::TenantId::Parse(kOther), {}, {});
  const CachedKeyPtr key = *theirs.ForSealing(foreign, 1);
  const int before = keys_.unwraps;
  EXPECT_EQ(cache.ForOpening(Header(*key)).error().code, ErrorCode::kDecryptFailed);
  EXPECT_EQ(keys_.unwraps, before);
}

// Many threads that need the same new key ask for it once.
TEST_F(DataKeyCacheTest, OneFlightServesAll) {
  DataKeyCache cache = NewCache();
  std::vector<CachedKeyPtr> got(8);
  {
    std::vector<std::jthread> threads;
    for (auto& slot : got) threads.emplace_back([&] { slot = *cache.ForSealing(Make(), 1); });
  }
  EXPECT_EQ(keys_.mints, 1);
  for (const auto& key : got) EXPECT_EQ(key, got[0]);
}

}  // namespace
}  // namespace tenantseal::sdk
