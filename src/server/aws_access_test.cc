#include "server/aws_access.h"

#include <gtest/gtest.h>

#include <map>

namespace tenantseal::server {
namespace {

using Variables = std::map<std::string, std::string>;

Result<std::unique_ptr<AwsAccess>> Make(const Settings& settings, const Variables& variables) {
  static const base::SystemClock clock;
  static const base::SystemRandom random;
  return AwsAccess::Make(
      settings, clock, random, [variables](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
      });
}

TEST(AwsAccess, IsMadeWithoutCredentialsAndContactsNobody) {
  Settings settings;
  settings.aws_role_arn = "arn:aws:iam::111122223333:role/service";
  settings.aws_backup_regions = {"us-east-1=us-west-2"};
  const auto access = Make(settings, {{"AWS_ENDPOINT_URL", "http://127.0.0.1:1"}});
  ASSERT_TRUE(access.ok()) << access.error().message;
  EXPECT_TRUE((*access)->kms().stats().calls.empty());
}

TEST(AwsAccess, NamesTheVariableThatIsWrong) {
  const auto ftp = Make({}, {{"AWS_ENDPOINT_URL_KMS", "ftp://example.org"}});
  ASSERT_FALSE(ftp.ok());
  EXPECT_NE(ftp.error().message.find("AWS_ENDPOINT_URL_KMS"), std::string::npos)
      << ftp.error().message;
  const auto both =
      Make({}, {{"AWS_ENDPOINT_URL", "http://127.0.0.1:1"}, {"AWS_USE_FIPS_ENDPOINT", "true"}});
  EXPECT_FALSE(both.ok());
}

TEST(AwsAccess, ACallWithoutCredentialsIsOurFaultNotARefusal) {
  const auto access = Make({}, {{"AWS_ENDPOINT_URL", "http://127.0.0.1:1"},
                                {"AWS_EC2_METADATA_DISABLED", "true"},
                                {"AWS_CONFIG_FILE", "/nonexistent"},
                                {"AWS_SHARED_CREDENTIALS_FILE", "/nonexistent"}});
  ASSERT_TRUE(access.ok());
  const base::SystemClock clock;
  const auto tenant = model::TenantId::New(base::SystemRandom());
  const kms::KmsKey key{
      model::ProviderKind::kAwsKms,
      "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"};
  const auto reply =
      (*access)->kms().GenerateDataKey(key, tenant, clock.Boot() + std::chrono::seconds(5));
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(ErrorCodeName(reply.error().code), "service-fault") << reply.error().message;
}

}  // namespace
}  // namespace tenantseal::server
