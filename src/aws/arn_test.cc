#include "aws/arn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/region.h"

namespace tenantseal::aws {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::string_view kId = "1234abcd-12ab-34cd-56ef-1234567890ab";
constexpr std::string_view kMrk = "mrk-1234abcd12ab34cd56ef1234567890ab";

TEST(ArnTest, RoundTrips) {
  for (const std::string text :
       {"arn:aws:iam::111122223333:role/service/x", "arn:aws:iam::111122223333:root",
        "arn:aws-us-gov:sts::111122223333:assumed-role/r/s@x", "arn:aws:iam::aws:policy/P",
        "arn:aws:logs:us-east-1:111122223333:group:a:b"}) {
    const auto arn = ParseArn(text);
    ASSERT_TRUE(arn) << arn.error().message;
    EXPECT_EQ(arn->text(), text);
  }
  for (const std::string text :
       {"", "arn", "arn:aws:iam::111122223333", "arn:aws:iam::111122223333:", "urn:aws:iam::1:x",
        "arn:awz:iam::111122223333:x", "arn:aws::us-east-1:111122223333:x",
        "arn:aws:IAM::111122223333:x", "arn:aws:iam:*:111122223333:x", "arn:aws:iam::1111:x",
        "arn:aws:iam::111122223333:a b", "arn:aws:iam::111122223333:a\n"}) {
    EXPECT_FALSE(ParseArn(text)) << text;
  }
  EXPECT_FALSE(ParseArn("arn:aws:iam::111122223333:" + std::string(2048, 'x')));
}

TEST(ArnTest, KnowsIds) {
  EXPECT_TRUE(IsKeyId(kId));
  EXPECT_TRUE(IsKeyId(kMrk));
  EXPECT_FALSE(IsMultiRegionKeyId(kId));
  EXPECT_FALSE(IsKeyId("1234ABCD-12ab-34cd-56ef-1234567890ab"));
  EXPECT_FALSE(IsKeyId("mrk-1234abcd12ab34cd56ef1234567890a"));
  EXPECT_FALSE(IsKeyId("mrk-1234abcd-12ab-34cd-56ef-12345678"));
  EXPECT_TRUE(IsAliasName("alias/aws/ebs"));
  EXPECT_FALSE(IsAliasName("alias/"));
  EXPECT_FALSE(IsAliasName("alias/a.b"));
  EXPECT_TRUE(IsAliasName("alias/" + std::string(250, 'x')));
  EXPECT_FALSE(IsAliasName("alias/" + std::string(251, 'x')));
  EXPECT_TRUE(IsAccountId("012345678901"));
  EXPECT_FALSE(IsAccountId("1111-2222-3333"));
}

TEST(KmsArnTest, ReadsKeysAndAliases) {
  const std::string text = "arn:aws:kms:eu-west-1:111122223333:key/" + std::string(kMrk);
  const auto key = ParseKmsArn(text);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->text(), text);
  EXPECT_TRUE(key->multi_region());
  EXPECT_EQ(key->InRegion("eu-west-3").text(),
            "arn:aws:kms:eu-west-3:111122223333:key/" + std::string(kMrk));
  const auto alias = ParseKmsArn("arn:aws-cn:kms:cn-north-1:111122223333:alias/a/b");
  ASSERT_TRUE(alias);
  EXPECT_EQ(alias->kind, KmsArn::Kind::kAlias);
  EXPECT_EQ(alias->id, "alias/a/b");
  EXPECT_FALSE(alias->multi_region());
  EXPECT_EQ(alias->text(), "arn:aws-cn:kms:cn-north-1:111122223333:alias/a/b");
}

TEST(KmsArnTest, QuotesWhatIsWrongAndShowsTheForm) {
  const std::string id(kId);
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "empty"},
      {id, "is a key id"},
      {"alias/x", "is an alias name"},
      {"hello", "'hello' is not an ARN"},
      {"ARN:aws:kms:us-east-1:111122223333:key/" + id, "'ARN' in place of 'arn'"},
      {" arn:aws:kms:us-east-1:111122223333:key/" + id, "' arn'"},
      {"arn:amazon:kms:us-east-1:111122223333:key/" + id, "partition 'amazon'"},
      {"arn:aws:s3:us-east-1:111122223333:key/" + id, "service 's3'"},
      {"arn:aws:kms:us-esat-1:111122223333:key/" + id, "region 'us-esat-1'"},
      {"arn:aws:kms:*:111122223333:key/" + id, "region '*'"},
      {"arn:aws:kms:us-east-1:1111-2222-3333:key/" + id, "account '1111-2222-3333'"},
      {"arn:aws:kms:us-east-1:111122223333:key/x", "key id 'x'"},
      {"arn:aws:kms:us-east-1:111122223333:key/" + id + "\n", "567890ab\\x0a'"},
      {"arn:aws:kms:us-east-1:111122223333:alias/a b", "alias 'alias/a b'"},
      {"arn:aws:kms:us-east-1:111122223333:" + id, "neither a key nor an alias"},
  };
  for (const auto& [text, part] : cases) {
    const auto arn = ParseKmsArn(text);
    ASSERT_FALSE(arn) << text;
    EXPECT_EQ(arn.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(arn.error().message, AllOf(HasSubstr(part), HasSubstr("111122223333:key/1234abcd")))
        << text;
  }
  EXPECT_THAT(ParseKmsArn("arn:aws-us-gov:kms:us-east-1:111122223333:key/" + id).error().message,
              HasSubstr("'us-east-1' is in the partition 'aws', but the ARN says 'aws-us-gov'"));
  EXPECT_LT(ParseKmsArn(std::string(100000, 'x')).error().message.size(), 500u);
}

TEST(RegionTest, KnowsPartitions) {
  EXPECT_EQ(PartitionOfRegion("us-east-1"), "aws");
  EXPECT_EQ(PartitionOfRegion("ap-southeast-4"), "aws");
  EXPECT_EQ(PartitionOfRegion("us-gov-west-1"), "aws-us-gov");
  EXPECT_EQ(PartitionOfRegion("cn-northwest-1"), "aws-cn");
  EXPECT_EQ(PartitionOfRegion("us-iso-east-1"), "aws-iso");
  EXPECT_EQ(PartitionOfRegion("us-isob-east-1"), "aws-iso-b");
  EXPECT_EQ(PartitionOfRegion("eu-isoe-west-1"), "aws-iso-e");
  EXPECT_EQ(PartitionOfRegion("eusc-de-east-1"), "aws-eusc");
  for (const std::string_view wrong :
       {"", "us-east", "us-east-", "us-east-0", "us-east-123", "US-EAST-1", "us-foo-east-1",
        "us-gov-east-1-1", "-east-1", "us--1", "usa-east-1", "us-east-1 ", "us-east-1a"}) {
    EXPECT_FALSE(PartitionOfRegion(wrong)) << wrong;
  }
}

TEST(BackupRegionsTest, HasThePairsOfTheDocumentation) {
  BackupRegions regions;
  EXPECT_EQ(regions.Partner("us-east-1"), "us-east-2");
  EXPECT_EQ(regions.Partner("us-east-2"), "us-east-1");
  EXPECT_EQ(regions.Partner("ap-southeast-1"), "ap-northeast-2");
  EXPECT_EQ(regions.Partner("eu-north-1"), std::nullopt);
  EXPECT_TRUE(regions.Knows("eu-north-1"));
  EXPECT_TRUE(regions.Knows("us-gov-east-1"));
  EXPECT_FALSE(regions.Knows("us-east-2"));
  EXPECT_EQ(regions.Partner("sa-east-1"), std::nullopt);
  EXPECT_EQ(regions.pairs().size(), 11u);
  ASSERT_TRUE(regions.Add("sa-east-1=us-west-2"));
  ASSERT_TRUE(regions.Add("us-east-1="));
  EXPECT_EQ(regions.Partner("us-west-2"), "sa-east-1");
  EXPECT_EQ(regions.Partner("us-east-1"), std::nullopt);
  for (const std::string_view wrong : {"", "us-east-1", "us-east-1=us-east-1", "x=us-east-1",
                                       "us-east-1=y", "us-east-1=us-gov-west-1", "=us-east-1"}) {
    const auto added = regions.Add(wrong);
    ASSERT_FALSE(added) << wrong;
    EXPECT_THAT(added.error().message, HasSubstr("PRIMARY=BACKUP"));
  }
}

Environment FakeEnvironment(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(EndpointTest, FollowsTheRuleSets) {
  const auto url = [](std::string_view service, std::string_view region, bool fips, bool dual) {
    const auto made = EndpointUrl(service, region, {.fips = fips, .dualstack = dual});
    return made ? *made : made.error().message;
  };
  EXPECT_EQ(url("kms", "us-east-1", false, false), "https://kms.us-east-1.amazonaws.com");
  EXPECT_EQ(url("kms", "us-east-1", true, false), "https://kms-fips.us-east-1.amazonaws.com");
  EXPECT_EQ(url("kms", "us-east-1", false, true), "https://kms.us-east-1.api.aws");
  EXPECT_EQ(url("kms", "us-east-1", true, true), "https://kms-fips.us-east-1.api.aws");
  EXPECT_EQ(url("kms", "us-gov-west-1", true, false),
            "https://kms-fips.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(url("sts", "us-gov-west-1", true, false), "https://sts.us-gov-west-1.amazonaws.com");
  EXPECT_EQ(url("sts", "us-east-2", true, false), "https://sts-fips.us-east-2.amazonaws.com");
  EXPECT_EQ(url("kms", "cn-north-1", false, false), "https://kms.cn-north-1.amazonaws.com.cn");
  EXPECT_EQ(url("kms", "cn-north-1", false, true),
            "https://kms.cn-north-1.api.amazonwebservices.com.cn");
  EXPECT_EQ(url("kms", "us-iso-east-1", false, false), "https://kms.us-iso-east-1.c2s.ic.gov");
  EXPECT_THAT(url("kms", "us-iso-east-1", false, true), HasSubstr("no dual-stack"));
  EXPECT_THAT(url("kms", "nowhere", false, false), HasSubstr("'nowhere'"));
}

TEST(EndpointTest, ReadsTheEnvironment) {
  auto options = EndpointOptionsFrom(
      FakeEnvironment({{"AWS_ENDPOINT_URL", "http://127.0.0.1:4566/"},
                       {"AWS_ENDPOINT_URL_KMS", "https://kms-{region}.example.net/{region}"}}));
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(*EndpointUrl("kms", "eu-west-1", *options),
            "https://kms-eu-west-1.example.net/eu-west-1");
  EXPECT_EQ(*EndpointUrl("sts", "eu-west-1", *options), "http://127.0.0.1:4566");
  options = EndpointOptionsFrom(FakeEnvironment({{"AWS_ENDPOINT_URL", "http://x"},
                                                 {"AWS_USE_FIPS_ENDPOINT", "TRUE"},
                                                 {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}}));
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->fips);
  EXPECT_TRUE(options->custom.empty());
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"AWS_USE_FIPS_ENDPOINT", "yes"},        {"AWS_USE_DUALSTACK_ENDPOINT", "1"},
      {"AWS_ENDPOINT_URL", "127.0.0.1:4566"},  {"AWS_ENDPOINT_URL_STS", "ftp://x"},
      {"AWS_ENDPOINT_URL_KMS", "https://"},    {"AWS_ENDPOINT_URL_KMS", "https://:80"},
      {"AWS_ENDPOINT_URL_KMS", "https://u@h"}, {"AWS_ENDPOINT_URL_KMS", "https://h/?x"},
      {"AWS_ENDPOINT_URL_KMS", "https://h h"}};
  for (const auto& [name, value] : wrong) {
    const auto refused = EndpointOptionsFrom(FakeEnvironment({{name, value}}));
    ASSERT_FALSE(refused) << name << value;
    EXPECT_EQ(refused.error().field, name);
  }
  const auto both = EndpointOptionsFrom(
      FakeEnvironment({{"AWS_ENDPOINT_URL", "http://x"}, {"AWS_USE_FIPS_ENDPOINT", "true"}}));
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().message, HasSubstr("AWS_USE_FIPS_ENDPOINT"));
}

}  // namespace
}  // namespace tenantseal::aws
