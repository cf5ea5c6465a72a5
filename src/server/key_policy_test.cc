#include "server/key_policy.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "store/memory/memory_store.h"

namespace tenantseal::server {
namespace {

const std::string kRole = "arn:aws:iam::338144066592:role/proxy";
const std::string kGovernmentRole = "arn:aws-us-gov:iam::338144066592:role/proxy";

class KeyPolicyTest : public ::testing::Test {
 protected:
  model::TenantId TenantIn(const std::string& region) {
    model::TenantState state;
    state.tenant.id = model::TenantId::New(random_);
    state.tenant.name = "acme";
    state.tenant.region = region;
    state.tenant.current_provider = model::Fingerprint::Parse(state.tenant.id.text()).value();
    state.tenant.active_version = 1;
    state.providers = {model::InternalProvider(state.tenant.id, {})};
    state.keys = {{state.tenant.id, 1, base::Bytes(32, 1), {}}};
    state.wraps = {{state.tenant.id, 1, state.tenant.current_provider, base::Bytes(60, 2)}};
    model::NewEvent event;
    event.scope = model::Scope::Of(state.tenant.id);
    event.id = model::NewUuid(random_);
    event.data = "{}";
    EXPECT_TRUE(store_.CreateTenant(state, event));
    return state.tenant.id;
  }
  base::SystemRandom random_;
  store::MemoryStore store_;
  Settings settings_;
};

TEST_F(KeyPolicyTest, NamesTheTenantAndWhoeverWorksForIt) {
  const model::TenantId tenant = TenantIn("us-east-1");
  settings_.aws_role_arn = kRole;
  const auto text = KeyPolicyFor(settings_, store_, tenant);
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(nlohmann::json::parse(*text).size(), 2u);
  EXPECT_NE(text->find(tenant.text()), std::string::npos);
  EXPECT_NE(text->find(kRole), std::string::npos);
  settings_.aws_policy_principals = {"arn:aws:iam::338144066592:role/other"};
  const auto other = KeyPolicyFor(settings_, store_, tenant).value();
  EXPECT_NE(other.find("role/other"), std::string::npos);
  EXPECT_EQ(other.find(kRole), std::string::npos);
}

TEST_F(KeyPolicyTest, IsOfThePartitionOfTheTenantsRegion) {
  settings_.aws_role_arn = kGovernmentRole;
  EXPECT_TRUE(KeyPolicyFor(settings_, store_, TenantIn("us-gov-west-1")));
  const auto elsewhere = KeyPolicyFor(settings_, store_, TenantIn("us-east-1"));
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, ErrorCode::kConflict);
}

TEST_F(KeyPolicyTest, IsRefusedWithTheFlagToSetWhenNobodyIsKnown) {
  const auto refused = KeyPolicyFor(settings_, store_, TenantIn("us-east-1"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("--aws-policy-principal"), std::string::npos);
  settings_.aws_role_arn = kRole;
  const auto unknown = KeyPolicyFor(settings_, store_, model::TenantId::New(random_));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace tenantseal::server
