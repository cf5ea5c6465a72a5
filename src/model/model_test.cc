#include <gtest/gtest.h>

#include <array>

#include "base/limits.h"
#include "model/encryption_context.h"
#include "model/ids.h"
#include "model/records.h"
#include "model/tenant.h"

namespace tenantseal::model {
namespace {

TenantId AnyTenant() { return TenantId::Parse("ImTRa-bkJTD-NZRYjNBa_rDhwSVA6Qo8").value(); }

TEST(Id, HasItsShape) {
  const base::SystemRandom random;
  EXPECT_EQ(TenantId::New(random).text().size(), 32u);
  EXPECT_NE(TenantId::New(random), TenantId::New(random));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(ApiKeyId::New(random).text().starts_with('-'));
  for (const char* bad :
       {"", "short", "ImTRa-bkJTD-NZRYjNBa_rDhwSVA6Qo8x", "ImTRa-bkJTD-NZRYjNBa_rDhwSVA6Q/8"}) {
    EXPECT_EQ(TenantId::Parse(bad).error().field, "tenantId") << bad;
  }
}

TEST(DataKeyId, LiesBesideThoseOfTheSameMillisecond) {
  using std::chrono::milliseconds;
  const base::SystemRandom random;
  const base::UtcTime at{milliseconds(1'700'000'000'000)};
  const auto prefix = [&](base::UtcTime now) {
    const DataKeyId id = NewDataKeyId(random, now);
    EXPECT_EQ(id.text().size(), 22u);
    EXPECT_NE(id, NewDataKeyId(random, now));
    return id.text().substr(0, 8);
  };
  EXPECT_EQ(prefix(at), prefix(at));
  EXPECT_NE(prefix(at), prefix(at + milliseconds(1)));
  // Whatever the clock says, no id begins with a dash.
  for (const std::int64_t bits :
       std::to_array<std::int64_t>({0xF800'0000'0000, 0xFBFF'FFFF'FFFF, -1})) {
    EXPECT_NE(NewDataKeyId(random, base::UtcTime{milliseconds(bits)}).text()[0], '-') << bits;
  }
}

TEST(Uuid, IsVersion4) {
  const std::string uuid = NewUuid(base::SystemRandom());
  ASSERT_EQ(uuid.size(), 36u);
  EXPECT_EQ(uuid[14], '4');
  EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
}

TEST(EncryptionContext, AddsTheTenantAndSortsByBytes) {
  const auto context = EncryptionContext::Make(AnyTenant(), {{"z", "1"}, {"a", "2"}}).value();
  ASSERT_EQ(context.pairs().size(), 3u);
  EXPECT_EQ(context.pairs()[0].first, "TenantId");
  EXPECT_EQ(context.pairs()[1].first, "a");
  EXPECT_EQ(EncryptionContext::Parse(context.serialized()).value(), context);
  EXPECT_EQ(EncryptionContext::Make(AnyTenant(),
                                    {{"a", "2"}, {"TenantId", AnyTenant().text()}, {"z", "1"}})
                .value(),
            context);
}

TEST(EncryptionContext, RefusesAndNamesTheField) {
  const auto field = [](std::vector<EncryptionContext::Pair> pairs) {
    return EncryptionContext::Make(AnyTenant(), std::move(pairs)).error().field;
  };
  EXPECT_EQ(field({{"TenantId", "other"}}), "encryptionContext/TenantId");
  EXPECT_EQ(field({{"aws-crypto-public-key", "x"}}), "encryptionContext/aws-crypto-public-key");
  EXPECT_EQ(field({{"", "x"}}), "encryptionContext/");
  EXPECT_EQ(field({{"a", "1"}, {"a", "1"}}), "encryptionContext/a");
  EXPECT_EQ(field({{"a", "\xFF"}}), "encryptionContext/a");
  EXPECT_EQ(field({{"a", std::string(base::kContextBytesMax, 'x')}}), "encryptionContext");
  std::vector<EncryptionContext::Pair> many;
  many.reserve(base::kContextPairsMax);
  for (std::size_t i = 0; i < base::kContextPairsMax; ++i)
    many.emplace_back("k" + std::to_string(i), "v");
  EXPECT_EQ(field(many), "encryptionContext");
}

TEST(EncryptionContext, ParseRefusesEveryTruncationAndTrailingBytes) {
  const auto context = EncryptionContext::Make(AnyTenant(), {{"a", "2"}}).value();
  base::Bytes bytes = context.serialized();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(EncryptionContext::Parse(base::ByteSpan(bytes).first(n))) << n;
  }
  bytes.push_back(0);
  EXPECT_FALSE(EncryptionContext::Parse(bytes));
}

TEST(Role, NamesRoundTrip) {
  EXPECT_EQ(ParseRole("ContentService"), Role::kContentService);
  EXPECT_EQ(ParseRole("root"), std::nullopt);
}

TEST(Tenant, StartsOnTheInternalProviderNamedByItsId) {
  const KeyProvider provider = InternalProvider(AnyTenant(), {});
  EXPECT_EQ(provider.fingerprint.text(), AnyTenant().text());
  EXPECT_TRUE(provider.promoted_at.has_value());
}

}  // namespace
}  // namespace tenantseal::model
