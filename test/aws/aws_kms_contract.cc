// The contract of KMS clients on the client of AWS KMS. Without TENANTSEAL_TEST_KEY_ARN on the
// emulator in this process; with it on that key in AWS, with the credentials that AWS's own tools
// would find (tools/test-aws says what the key has to admit).
#include <cstdlib>

#include "aws/local_aws.h"
#include "contract/kms_contract.h"

namespace tenantseal {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct LocalGround {
  LocalAws aws;
  std::unique_ptr<kms::AwsKms> kms;
};

KmsUnderTest OnKey(std::shared_ptr<void> ground, kms::AwsKms& kms, const std::string& arn,
                   const std::string& replica) {
  return {std::move(ground), &kms, nullptr,
          [=](const model::TenantId&) {
            return kms::KmsKey{model::ProviderKind::kAwsKms, arn, replica};
          },
          [=](const model::TenantId&) { return arn; }};
}

KmsUnderTest MakeEmulated() {
  auto ground = std::make_shared<LocalGround>();
  std::vector<model::TenantId> tenants;
  for (const char c : {'a', 'b'}) {
    tenants.push_back(model::TenantId::Parse(std::string(32, c)).value());
  }
  EXPECT_TRUE(ground->aws.Start(tenants));
  ground->kms =
      std::make_unique<kms::AwsKms>(*ground->aws.http, ground->aws.credentials, ground->aws.clock,
                                    ground->aws.random, ground->aws.options());
  return OnKey(ground, *ground->kms, kPrimary, kReplica);
}

struct RealGround {
  base::SystemClock clock;
  base::SystemRandom random;
  std::unique_ptr<net::HttpClient> http = net::NewHttpClient();
  std::unique_ptr<aws::CredentialsProvider> credentials =
      aws::DefaultCredentials({*http, clock, random});
  kms::AwsKms kms{*http, *credentials, clock, random, {}};
};

KmsUnderTest MakeReal() {
  auto ground = std::make_shared<RealGround>();
  return OnKey(ground, ground->kms, Variable("TENANTSEAL_TEST_KEY_ARN"), "");
}

std::vector<KmsKind> Kinds() {
  if (Variable("TENANTSEAL_TEST_KEY_ARN").empty()) return {{"Emulator", MakeEmulated}};
  return {{"Account", MakeReal}};
}

INSTANTIATE_TEST_SUITE_P(AwsKms, KmsContract, testing::ValuesIn(Kinds()),
                         [](const auto& kind) { return kind.param.name; });

// What the replica wraps is the primary's, and the other way round.
class AwsKmsReplica : public KmsContract {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(AwsKmsReplica);
TEST_P(AwsKmsReplica, WrapsForThePrimaryAndTheOtherWayRound) {
  const kms::KmsKey primary = kms_.key(a_);
  const kms::KmsKey replica{primary.kind, primary.replica_arn};
  for (const auto& [from, to] : {std::pair(primary, replica), std::pair(replica, primary)}) {
    const auto made = kms_.client->GenerateDataKey(from, a_, deadline_);
    ASSERT_TRUE(made.ok()) << made.error().message;
    const auto opened = kms_.client->Decrypt(to, a_, made->wrapped.blob, deadline_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_TRUE(opened->plaintext == made->plaintext);
    EXPECT_EQ(opened->key_arn, to.arn);
  }
}

KmsUnderTest MakeRealPair() {
  auto ground = std::make_shared<RealGround>();
  return OnKey(ground, ground->kms, Variable("TENANTSEAL_TEST_KEY_ARN"),
               Variable("TENANTSEAL_TEST_REPLICA_ARN"));
}

std::vector<KmsKind> Pairs() {
  if (Variable("TENANTSEAL_TEST_KEY_ARN").empty()) return {{"Emulator", MakeEmulated}};
  if (Variable("TENANTSEAL_TEST_REPLICA_ARN").empty()) return {};
  return {{"Account", MakeRealPair}};
}

INSTANTIATE_TEST_SUITE_P(AwsKms, AwsKmsReplica, testing::ValuesIn(Pairs()),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace tenantseal
