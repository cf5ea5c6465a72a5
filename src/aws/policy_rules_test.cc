// Policies: rules that hold for every policy, kinds of principal, grants and limits.
#include <gmock/gmock.h>
#include <rapidcheck.h>

#include <algorithm>

#include "aws/key_policy.h"
#include "aws/policy_evaluator.h"

namespace tenantseal::aws {
namespace {

using ::testing::HasSubstr;
using Match = CompiledPolicy::Match;
constexpr const char* kKey =
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

AccessRequest Request(PrincipalIdentity who) {
  AccessRequest out{std::move(who), "kms:Encrypt", kKey, "111122223333", {}};
  out.context["kms:encryptioncontext:tenantid"] = {"t1"};
  out.context["kms:encryptioncontextkeys"] = {"TenantId"};
  return out;
}
AccessRequest User() {
  return Request(
      {"111122223333", "arn:aws:iam::111122223333:user/a/bob", "", "AIDAAAAAAAAAAAAAAAAA", "bob"});
}
AccessRequest Session() {
  return Request({"111122223333", "arn:aws:sts::111122223333:assumed-role/r/s",
                  "arn:aws:iam::111122223333:role/r", "AROAAAAAAAAAAAAAAAAA:s", ""});
}
AccessRequest Root() {
  return Request({"111122223333", "arn:aws:iam::111122223333:root", "", "111122223333", ""});
}
Match MatchOf(const std::string& statements, const AccessRequest& request,
              PolicyKind kind = PolicyKind::kKey) {
  auto policy = ParsePolicy(R"({"Version":"2012-10-17","Statement":[)" + statements + "]}", kind);
  EXPECT_TRUE(policy.ok()) << (policy.ok() ? "" : policy.error().message) << statements;
  return policy.ok() ? CompiledPolicy(*policy).Evaluate(request, nullptr) : Match::kNone;
}
std::string Named(const std::string& aws) {
  return R"({"Effect":"Allow","Principal":{"AWS":")" + aws +
         R"("},"Action":"kms:*","Resource":"*"})";
}

TEST(PolicyCallersTest, UsersRootAndUniqueIds) {
  EXPECT_EQ(MatchOf(Named("arn:aws:iam::111122223333:user/a/bob"), User()), Match::kAllowDirect);
  EXPECT_EQ(MatchOf(Named("arn:aws:iam::111122223333:user/bob"), User()), Match::kNone);
  EXPECT_EQ(MatchOf(Named("AIDAAAAAAAAAAAAAAAAA"), User()), Match::kAllowDirect);
  EXPECT_EQ(MatchOf(Named("AROAAAAAAAAAAAAAAAAA"), Session()), Match::kAllow);
  EXPECT_EQ(MatchOf(Named("AIDAAAAAAAAAAAAAAAAB"), User()), Match::kNone);
  EXPECT_EQ(MatchOf(Named("111122223333"), Root()), Match::kAllowDirect);
  EXPECT_EQ(MatchOf(Named("arn:aws:iam::111122223333:root"), Root()), Match::kAllowDirect);
  EXPECT_EQ(MatchOf(Named("arn:aws:iam::111122223333:root"), User()), Match::kAllowByAccount);
  EXPECT_EQ(MatchOf(Named("arn:aws:iam::444455556666:root"), Root()), Match::kNone);
  const std::string by_pattern =
      R"({"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":)"
      R"({"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/*"}}})";
  EXPECT_EQ(MatchOf(by_pattern, Session()), Match::kAllow);
  EXPECT_EQ(MatchOf(by_pattern, User()), Match::kNone);
}

TEST(PolicyCallersTest, NotResourceAndTrustPolicies) {
  const auto except = [](const std::string& what) {
    return R"({"Effect":"Allow","Principal":"*","Action":"kms:*","NotResource":")" + what + R"("})";
  };
  EXPECT_EQ(MatchOf(except("arn:aws:kms:*:111122223333:key/*"), User()), Match::kNone);
  EXPECT_EQ(MatchOf(except("arn:aws:kms:*:444455556666:key/*"), User()), Match::kAllow);
  const std::string provider = "arn:aws:iam::111122223333:oidc-provider/idp.example";
  AccessRequest web = Request({"", provider, "", "", ""});
  web.action = "sts:AssumeRoleWithWebIdentity";
  web.context["idp.example:aud"] = {"app"};
  const auto trust = [](const std::string& federated, const std::string& audience) {
    return R"({"Effect":"Allow","Principal":{"Federated":")" + federated +
           R"("},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":)"
           R"({"idp.example:aud":")" +
           audience + R"("}}})";
  };
  EXPECT_EQ(MatchOf(trust(provider, "app"), web, PolicyKind::kTrust), Match::kAllowDirect);
  EXPECT_EQ(MatchOf(trust(provider, "other"), web, PolicyKind::kTrust), Match::kNone);
  EXPECT_EQ(MatchOf(trust(provider + "2", "app"), web, PolicyKind::kTrust), Match::kNone);
  EXPECT_FALSE(ParsePolicy(R"({"Statement":)" + trust("", "app") + "}", PolicyKind::kTrust).ok());
}

TEST(PolicyGrantTest, SubsetAndEquals) {
  const auto empty = ParsePolicy(R"({"Statement":[]})", PolicyKind::kKey);
  ASSERT_TRUE(empty.ok());
  const CompiledPolicy none(*empty);
  const auto allowed = [&](const GrantView& grant, const AccessRequest& request) {
    return Decide(request, &none, std::span(&grant, 1), {}, nullptr, false).allowed;
  };
  AccessRequest more = User();
  more.context["kms:encryptioncontext:b"] = {"2"};
  more.context["kms:encryptioncontextkeys"] = {"TenantId", "b"};
  const std::string bob = User().principal.arn;
  const GrantView subset{bob, {"Encrypt"}, {}, {{"TenantId", "t1"}}, false, true};
  const GrantView equals{bob, {"Encrypt"}, {{"TenantId", "t1"}}, {}, true, false};
  EXPECT_TRUE(allowed(subset, User()) && allowed(subset, more) && allowed(equals, User()));
  EXPECT_FALSE(allowed(equals, more));
  EXPECT_FALSE(allowed(subset, Session()));
  EXPECT_FALSE(allowed({bob, {"Decrypt"}, {}, {}, false, false}, User()));
  EXPECT_FALSE(allowed({bob, {"Encrypt"}, {}, {{"tenantid", "t1"}}, false, true}, User()));
}

TEST(PolicyLimitTest, MendedStaysReadableAndSidsDiffer) {
  const std::string pad(32'600, 'x');
  const KeyPolicyParties parties{{"arn:aws:iam::111122223333:role/r"}, {"t1"}};
  const auto check = CheckKeyPolicy(R"({"Id":")" + pad + R"(","Statement":[]})", parties, "", {});
  ASSERT_FALSE(check.ok());
  EXPECT_EQ(check.error().code, ErrorCode::kTooLarge);
  EXPECT_THAT(check.error().message, HasSubstr("32768"));
  const std::string twice = R"({"Sid":"a",)" + Named("111122223333").substr(1);
  const auto policy =
      ParsePolicy(R"({"Statement":[)" + twice + "," + twice + "]}", PolicyKind::kKey);
  ASSERT_FALSE(policy.ok());
  EXPECT_EQ(policy.error().field, "/Statement/1/Sid");
}

// A statement out of small sets, so that they often apply.
std::string AnyStatement(bool allow) {
  const int who = *rc::gen::inRange(0, 4), when = *rc::gen::inRange(0, 4);
  const char* const kWho[] = {R"("Principal":"*")", R"("Principal":{"AWS":"111122223333"})",
                              R"("NotPrincipal":{"AWS":"444455556666"})",
                              R"("Principal":{"AWS":"444455556666"})"};
  const char* const kWhen[] = {"StringEquals", "StringNotEquals", "ForAnyValue:StringLike", "Odd"};
  const std::string key = "kms:EncryptionContext:TenantId";
  return std::string(R"({"Effect":")") + (allow ? "Allow" : "Deny") + R"(",)" + kWho[who] +
         R"(,"Action":"kms:*","Resource":"*","Condition":{")" + kWhen[when] + R"(":{")" + key +
         R"(":"t)" + std::to_string(*rc::gen::inRange(1, 3)) + R"("}}})";
}
std::string Join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}
bool Permits(const std::vector<std::string>& parts) {
  const Match match = MatchOf(Join(parts), User());
  return match != Match::kNone && match != Match::kDeny;
}

TEST(PolicyPropertyTest, HoldsForEveryPolicy) {
  EXPECT_TRUE(rc::check("order, repetition, denial, removal and case", [] {
    std::vector<std::string> parts;
    for (int i = *rc::gen::inRange(1, 6); i > 0; --i) {
      parts.push_back(AnyStatement(*rc::gen::inRange(0, 4) != 0));
    }
    const Match before = MatchOf(Join(parts), User());
    const bool permits = Permits(parts);
    auto changed = parts;
    std::ranges::rotate(changed, changed.begin() + *rc::gen::inRange<long>(0, changed.size()));
    std::swap(changed.front(), changed.back());
    RC_ASSERT(MatchOf(Join(changed), User()) == before);
    changed.push_back(changed[*rc::gen::inRange<std::size_t>(0, changed.size())]);
    RC_ASSERT(MatchOf(Join(changed), User()) == before);
    changed.push_back(AnyStatement(false));
    RC_ASSERT(permits || !Permits(changed));
    std::string upper = Join(parts);
    const std::string key = "kms:EncryptionContext:TenantId";
    for (auto at = upper.find(key); at != upper.npos; at = upper.find(key)) {
      upper.replace(at, key.size(), "KMS:encryptioncontext:TENANTID");
    }
    RC_ASSERT(MatchOf(upper, User()) == before);
    const auto allow = std::ranges::find_if(parts, [](auto& p) { return p.contains("Allow"); });
    if (allow == parts.end()) return;
    parts.erase(allow);
    RC_ASSERT(permits || !Permits(parts));
  }));
}

}  // namespace
}  // namespace tenantseal::aws
