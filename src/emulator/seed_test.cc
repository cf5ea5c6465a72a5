#include "emulator/seed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "emulator/demo.h"

namespace tenantseal::emulator {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSeed = R"({
  "accounts": {"111122223333": {
    "rootAccessKeys": [{"id": "AKIAROOTROOTROOT0001", "secret": "r"}],
    "users": [{"name": "u", "accessKeys": [{"id": "AKIAUSERUSERUSER0001", "secret": "s"}]}],
    "keys": [{
      "region": "us-east-1", "id": "mrk-1234abcd12ab34cd56ef1234567890ab",
      "material": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
      "aliases": ["alias/a"], "replicaRegions": ["us-east-2"], "tags": {"x": "y"}
    }]
  }},
  "webIdentities": [{"token": "t", "subject": "sub",
                     "provider": "arn:aws:iam::111122223333:oidc-provider/example.com"}]
})";

class SeedTest : public ::testing::Test {
 protected:
  base::FakeClock clock;
  base::FakeRandom random{3};
  std::unique_ptr<World> world = std::move(*World::Open("", clock, random));
};

TEST_F(SeedTest, FillsTheWorldAndLeavesWhatIsThere) {
  const Result<Seed> seed = ParseSeed(kSeed, "seed.json");
  ASSERT_TRUE(seed.ok()) << seed.error().message;
  ASSERT_EQ(seed->web_identities.size(), 1U);
  ASSERT_TRUE(ApplySeed(*seed, *world).ok());
  const std::string arn =
      "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
  world->Read([&](const Contents& contents) {
    EXPECT_EQ(contents.keys.size(), 2U);
    EXPECT_EQ(contents.aliases.size(), 2U);
    EXPECT_EQ(contents.access_keys.size(), 2U);
    const auto key = contents.FindKey(arn);
    ASSERT_TRUE(key);
    EXPECT_EQ(contents.MaterialOf(*key)->versions[0].material, base::Secret256());
    EXPECT_TRUE(contents.access_keys.at("AKIAROOTROOTROOT0001")->caller.identity.root());
  });
  {
    Edit edit(*world);
    Key disabled = *edit.contents().FindKey(arn);
    disabled.state = KeyState::kDisabled;
    edit.Put(std::move(disabled));
    ASSERT_TRUE(edit.Commit().ok());
  }
  ASSERT_TRUE(ApplySeed(*seed, *world).ok());
  world->Read([&](const Contents& contents) {
    EXPECT_EQ(contents.FindKey(arn)->state, KeyState::kDisabled);
    EXPECT_EQ(contents.keys.size(), 2U);
  });
}

TEST_F(SeedTest, TheDefaultWorldAndTheDemoHold) {
  const Result<Seed> seed = ParseSeed(DefaultSeedJson(), "the default seed");
  ASSERT_TRUE(seed.ok()) << seed.error().message;
  ASSERT_TRUE(ApplySeed(*seed, *world).ok());
  ASSERT_TRUE(AddDemoKey(*world).ok());
  ASSERT_TRUE(AddDemoKey(*world).ok());
  world->Read([&](const Contents& contents) {
    EXPECT_TRUE(contents.access_keys.contains("AKIACUSTOMERADMIN001"));
    EXPECT_TRUE(contents.access_keys.contains("AKIATENANTSEALSVC001"));
    EXPECT_TRUE(
        contents.roles.contains("arn:aws:iam::338144066592:role/byok-encryption-proxy-role"));
    EXPECT_EQ(contents.keys.size(), 2U);
  });
  const std::string text = DemoText("http://127.0.0.1:1");
  EXPECT_THAT(text, HasSubstr("--endpoint-url http://127.0.0.1:1 kms"));
  for (const char* placeholder : {"{url}", "{key}", "{tenant}"})
    EXPECT_THAT(text, ::testing::Not(HasSubstr(placeholder)));
}

// Each mistake is named by the pointer of where it is.
TEST_F(SeedTest, NamesFileAndPlaceOfMistakes) {
  const auto wrong = [](std::string from, std::string to) {
    std::string text = kSeed;
    text.replace(text.find(from), from.size(), to);
    const Result<Seed> seed = ParseSeed(text, "seed.json");
    if (seed.ok()) return std::string("accepted");
    EXPECT_THAT(seed.error().message, HasSubstr("seed.json"));
    return seed.error().field;
  };
  EXPECT_EQ(wrong("\"accounts\"", "\"acounts\""), "/acounts");
  EXPECT_EQ(wrong("111122223333\": {", "1111\": {"), "/accounts/1111");
  const std::string at = "/accounts/111122223333";
  EXPECT_EQ(wrong("\"name\"", "\"nam\""), at + "/users/0/nam");
  EXPECT_EQ(wrong("AKIAUSERUSERUSER0001", "short"), at + "/users/0/accessKeys/0/id");
  EXPECT_EQ(wrong("\"us-east-1\"", "\"moon\""), at + "/keys/0/region");
  EXPECT_EQ(wrong("mrk-1234", "mrk-123"), at + "/keys/0/id");
  EXPECT_EQ(wrong("AAAA=\"", "AAAA\""), at + "/keys/0/material");
  EXPECT_EQ(wrong("alias/a", "a"), at + "/keys/0/aliases/0");
  EXPECT_EQ(wrong("\"us-east-2\"", "7"), at + "/keys/0/replicaRegions/0");
  EXPECT_EQ(wrong("\"us-east-2\"", "\"us-west-2\", \"cn-north-1\""),
            at + "/keys/0/replicaRegions/1");
  EXPECT_EQ(wrong("\"y\"", "1"), at + "/keys/0/tags/x");
  EXPECT_EQ(wrong("\"tags\"", "\"policy\": {\"Statement\": 7}, \"tags\"").substr(0, 36),
            at + "/keys/0/policy");
  EXPECT_EQ(wrong("oidc-provider", "user"), "/webIdentities/0/provider");
  EXPECT_EQ(wrong("{", "["), "");
  EXPECT_EQ(ReadSeed("/nowhere/seed.json").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tenantseal::emulator
