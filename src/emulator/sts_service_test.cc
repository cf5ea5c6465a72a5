#include "emulator/sts_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "emulator/seed.h"

namespace tenantseal::emulator {
namespace {

using ::testing::HasSubstr;

constexpr const char* kStsSeed = R"({
  "accounts": {
    "111111111111": {
      "users": [
        {"name": "plain", "accessKeys": [{"id": "AKIAPLAINPLAIN000001", "secret": "s"}]},
        {"name": "able", "accessKeys": [{"id": "AKIAABLEABLEABLE0001", "secret": "s"}],
         "policies": [{"Version": "2012-10-17", "Statement": [
           {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}]}]}],
      "rootAccessKeys": [{"id": "AKIAROOTROOTROOT0001", "secret": "s"}],
      "roles": [
        {"name": "named", "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
          "Principal": {"AWS": "arn:aws:iam::111111111111:user/plain"},
          "Action": "sts:AssumeRole"}]}},
        {"name": "one", "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
          "Principal": {"AWS": "arn:aws:iam::111111111111:user/able"},
          "Action": ["sts:AssumeRole", "sts:TagSession"]}]}},
        {"name": "two", "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
          "Principal": {"AWS": "arn:aws:iam::111111111111:role/one"},
          "Action": ["sts:AssumeRole", "sts:TagSession"],
          "Condition": {"ForAnyValue:StringEquals": {"sts:TransitiveTagKeys": "Team"},
                        "StringEquals": {"aws:RequestTag/Team": "keys"},
                        "ForAllValues:StringEquals": {"aws:TagKeys": ["Team", "Job"]}}}]}},
        {"name": "untagged", "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
          "Principal": {"AWS": "arn:aws:iam::111111111111:role/one"},
          "Action": "sts:AssumeRole"}]}},
        {"name": "careful", "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
          "Principal": {"AWS": "arn:aws:iam::111111111111:user/plain"},
          "Action": "sts:AssumeRole",
          "Condition": {"Bool": {"aws:SecureTransport": "true"},
                        "StringEquals": {"aws:RequestedRegion": "us-east-1"},
                        "StringLike": {"aws:UserAgent": "agent/*"},
                        "NumericGreaterThan": {"aws:EpochTime": "1600000000"}}}]}},
        {"name": "web", "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
          "Principal": {"Federated": "arn:aws:iam::111111111111:oidc-provider/id.example.com"},
          "Action": "sts:AssumeRoleWithWebIdentity",
          "Condition": {"StringEquals": {"id.example.com:sub": "pod-1"}}}]}}]
    },
    "222222222222": {"roles": [
        {"name": "cross", "trust": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
          "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "sts:AssumeRole",
          "Condition": {"StringEquals": {"sts:ExternalId": "xid"}}}]}}]}
  },
  "webIdentities": [
    {"token": "good", "subject": "pod-1",
     "provider": "arn:aws:iam::111111111111:oidc-provider/id.example.com"},
    {"token": "other", "subject": "pod-2",
     "provider": "arn:aws:iam::111111111111:oidc-provider/id.example.com"}]
})";

class StsTest : public ::testing::Test {
 protected:
  StsTest() {
    const Result<Seed> seed = ParseSeed(kStsSeed, "seed.json");
    EXPECT_TRUE(seed.ok()) << (seed.ok() ? "" : seed.error().message);
    if (seed.ok()) {
      EXPECT_TRUE(ApplySeed(*seed, *world).ok());
      sts.SetWebIdentities(seed->web_identities);
    }
  }
  // The XML, or the fault's code.
  std::string Ask(const std::string& access_key, StsForm form) {
    Call call;
    call.service = "sts";
    call.region = "us-east-1";
    call.operation = form["Action"];
    call.request_id = "r";
    call.time = world->Now();
    call.secure = secure;
    call.user_agent = "agent/1";
    if (!access_key.empty()) {
      world->Read([&](const Contents& contents) {
        call.caller = std::make_shared<const Caller>(contents.access_keys.at(access_key)->caller);
      });
    }
    note = TrailNote();
    const Reply reply = sts.Handle(call, form, note);
    if (reply.fault) message = reply.fault->message;
    return reply.fault ? reply.fault->code : std::string(reply.body.RevealText());
  }
  std::string Assume(const std::string& access_key, const std::string& role, StsForm more = {}) {
    StsForm form{{"Action", "AssumeRole"}, {"RoleArn", role}, {"RoleSessionName", "s1"}};
    for (const auto& [name, value] : more) form[name] = value;
    return Ask(access_key, form);
  }
  static std::string Part(const std::string& xml, const std::string& element) {
    const std::size_t at = xml.find("<" + element + ">");
    if (at == xml.npos) return "";
    const std::size_t begin = at + element.size() + 2;
    return xml.substr(begin, xml.find("</" + element, begin) - begin);
  }

  base::FakeClock clock;
  base::FakeRandom random{9};
  std::unique_ptr<World> world = std::move(*World::Open("", clock, random));
  StsService sts{*world};
  TrailNote note;
  std::string message;
  bool secure = true;
  const std::string named = "arn:aws:iam::111111111111:role/named";
  const std::string cross = "arn:aws:iam::222222222222:role/cross";
};

TEST_F(StsTest, ASessionIsAnAccessKeyInTheWorld) {
  const std::string xml = Assume("AKIAPLAINPLAIN000001", named, {{"DurationSeconds", "900"}});
  const std::string id = Part(xml, "AccessKeyId");
  ASSERT_THAT(id, ::testing::StartsWith("ASIA")) << xml << message;
  world->Read([&](const Contents& contents) {
    const AccessKey& key = *contents.access_keys.at(id);
    EXPECT_EQ(key.caller.identity.arn, "arn:aws:sts::111111111111:assumed-role/named/s1");
    EXPECT_EQ(key.caller.identity.role_arn, named);
    EXPECT_EQ(key.session_token, Part(xml, "SessionToken"));
    EXPECT_EQ(key.secret.RevealText(), Part(xml, "SecretAccessKey"));
    EXPECT_EQ(*key.expires, world->Now() + std::chrono::minutes(15));
  });
  EXPECT_EQ(note.key_arns, std::vector<std::string>{named});
  EXPECT_EQ(note.response_elements_json.find(Part(xml, "SecretAccessKey")), std::string::npos);
  EXPECT_EQ(note.response_elements_json.find(Part(xml, "SessionToken")), std::string::npos);
  const std::string me = Ask(id, {{"Action", "GetCallerIdentity"}});
  EXPECT_EQ(Part(me, "Arn"), "arn:aws:sts::111111111111:assumed-role/named/s1");
  EXPECT_EQ(Part(me, "Account"), "111111111111");
}

TEST_F(StsTest, TrustAndIdentityPolicyDecide) {
  EXPECT_EQ(Assume("AKIAABLEABLEABLE0001", named), "AccessDenied");  // Trust names another.
  EXPECT_EQ(Assume("AKIAPLAINPLAIN000001", cross, {{"ExternalId", "xid"}}), "AccessDenied");
  EXPECT_THAT(Assume("AKIAABLEABLEABLE0001", cross, {{"ExternalId", "xid"}}), HasSubstr("ASIA"));
  EXPECT_EQ(Assume("AKIAABLEABLEABLE0001", cross, {{"ExternalId", "no"}}), "AccessDenied");
  EXPECT_EQ(Assume("AKIAABLEABLEABLE0001", cross), "AccessDenied");
  EXPECT_EQ(Assume("AKIAROOTROOTROOT0001", named), "AccessDenied");
  EXPECT_EQ(Assume("AKIAPLAINPLAIN000001", "arn:aws:iam::111111111111:role/none"), "AccessDenied");
  // Tags need sts:TagSession in the trust policy too.
  EXPECT_EQ(Assume("AKIAPLAINPLAIN000001", named,
                   {{"Tags.member.1.Key", "k"}, {"Tags.member.1.Value", "v"}}),
            "AccessDenied");
}

TEST_F(StsTest, TransitiveTagsGoDownTheChain) {
  const std::string one = "arn:aws:iam::111111111111:role/one";
  const std::string two = "arn:aws:iam::111111111111:role/two";
  const std::string able = "AKIAABLEABLEABLE0001";
  const StsForm tags{{"Tags.member.1.Key", "Team"},
                     {"Tags.member.1.Value", "keys"},
                     {"Tags.member.2.Key", "Hat"},
                     {"Tags.member.2.Value", "red"}};
  StsForm transitive = tags;
  transitive["TransitiveTagKeys.member.1"] = "team";  // Names are compared without case.
  EXPECT_EQ(Assume(Part(Assume(able, one, tags), "AccessKeyId"), two), "AccessDenied");

  const std::string first = Part(Assume(able, one, transitive), "AccessKeyId");
  ASSERT_NE(first, "") << message;
  EXPECT_THAT(note.request_parameters_json, HasSubstr(R"("transitiveTagKeys":["Team"])"));
  EXPECT_THAT(note.request_parameters_json, HasSubstr(R"({"key":"Hat","value":"red"})"));
  const std::string second = Part(Assume(first, two), "AccessKeyId");
  ASSERT_NE(second, "") << message;
  EXPECT_THAT(note.request_parameters_json,
              HasSubstr(R"("incomingTransitiveTags":{"Team":"keys"})"));
  const std::map<std::string, std::string> inherited{{"Team", "keys"}};
  const auto kept = [&] {
    return world->Read(
        [&](const Contents& contents) { return contents.access_keys.at(second)->caller; });
  };
  EXPECT_EQ(kept().tags, inherited);
  EXPECT_EQ(kept().transitive_tags, std::set<std::string>{"Team"});
  const base::SecretBytes snapshot = world->Snapshot();
  ASSERT_TRUE(world->Restore(snapshot.RevealText()).ok());
  EXPECT_EQ(kept().transitive_tags, std::set<std::string>{"Team"});

  EXPECT_EQ(Assume(first, two, {{"Tags.member.1.Key", "TEAM"}, {"Tags.member.1.Value", "x"}}),
            "InvalidParameterValue");
  EXPECT_THAT(message, HasSubstr("conflicts with a transitive tag key"));
  EXPECT_THAT(Assume(first, two, {{"Tags.member.1.Key", "Job"}, {"Tags.member.1.Value", "x"}}),
              HasSubstr("ASIA"));
  // What is inherited is set anew, which needs sts:TagSession.
  EXPECT_EQ(Assume(first, "arn:aws:iam::111111111111:role/untagged"), "AccessDenied");
  EXPECT_THAT(message, HasSubstr("sts:TagSession"));
  EXPECT_EQ(Assume(able, one, {{"TransitiveTagKeys.member.1", "Team"}}), "InvalidParameterValue");
}

TEST_F(StsTest, TrustPoliciesSeeTheConditionsOfTheCall) {
  const std::string careful = "arn:aws:iam::111111111111:role/careful";
  EXPECT_THAT(Assume("AKIAPLAINPLAIN000001", careful), HasSubstr("ASIA")) << message;
  secure = false;
  EXPECT_EQ(Assume("AKIAPLAINPLAIN000001", careful), "AccessDenied");
}

// Nothing that was asked for is silently left out.
TEST_F(StsTest, RefusesParametersThatItDoesNotImplement) {
  for (const char* name : {"PolicyArns.member.1.arn", "SourceIdentity", "SerialNumber", "TokenCode",
                           "ProvidedContexts.member.1.ProviderArn", "WebIdentityToken"}) {
    EXPECT_EQ(Assume("AKIAPLAINPLAIN000001", named, {{name, "x"}}), "ValidationError");
    EXPECT_THAT(message, HasSubstr(name));
  }
  EXPECT_EQ(Assume("AKIAABLEABLEABLE0001", "arn:aws:iam::111111111111:role/one",
                   {{"Tags.member.2.Key", "k"}, {"Tags.member.2.Value", "v"}}),
            "ValidationError");
  EXPECT_EQ(Ask("", {{"Action", "AssumeRoleWithWebIdentity"},
                     {"RoleArn", "arn:aws:iam::111111111111:role/web"},
                     {"RoleSessionName", "s1"},
                     {"ProviderId", "www.amazon.com"},
                     {"WebIdentityToken", "good"}}),
            "ValidationError");
}

TEST_F(StsTest, ParametersAreBounded) {
  const auto with = [&](const std::string& name, const std::string& value) {
    return Assume("AKIAPLAINPLAIN000001", named, {{name, value}});
  };
  EXPECT_EQ(with("DurationSeconds", "899"), "ValidationError");
  EXPECT_EQ(with("DurationSeconds", "43201"), "ValidationError");
  EXPECT_EQ(with("DurationSeconds", "3601"), "ValidationError");  // The role's own limit.
  EXPECT_EQ(with("DurationSeconds", "1h"), "MalformedInput");
  EXPECT_EQ(with("RoleSessionName", "x"), "ValidationError");
  EXPECT_EQ(with("RoleSessionName", "a b"), "ValidationError");
  EXPECT_EQ(with("RoleSessionName", std::string(65, 'a')), "ValidationError");
  EXPECT_EQ(with("ExternalId", "x"), "ValidationError");
  EXPECT_EQ(with("RoleArn", "arn:aws:iam::111111111111:user/named"), "ValidationError");
  EXPECT_EQ(with("Policy", "{"), "MalformedPolicyDocument");
  EXPECT_EQ(with("Policy", std::string(2049, ' ')), "PackedPolicyTooLarge");
  EXPECT_EQ(Ask("AKIAPLAINPLAIN000001", {{"Action", "Nope"}}), "InvalidAction");
}

TEST_F(StsTest, WebIdentitiesAreThoseOfTheSeed) {
  const auto with = [&](const std::string& token) {
    return Ask("", {{"Action", "AssumeRoleWithWebIdentity"},
                    {"RoleArn", "arn:aws:iam::111111111111:role/web"},
                    {"RoleSessionName", "s1"},
                    {"WebIdentityToken", token}});
  };
  EXPECT_THAT(with("good"), HasSubstr("<SubjectFromWebIdentityToken>pod-1<"));
  EXPECT_EQ(with("other"), "AccessDenied");
  EXPECT_EQ(with("forged"), "InvalidIdentityToken");
  // Such a role is not for AssumeRole, and no other role for a token.
  EXPECT_EQ(Assume("AKIAABLEABLEABLE0001", "arn:aws:iam::111111111111:role/web"), "AccessDenied");
}

TEST(StsForms, AreReadStrictly) {
  const auto form = ParseStsForm("Action=A&RoleArn=arn%3Aaws&Empty=&Plus=a+b");
  ASSERT_TRUE(form.has_value());
  EXPECT_EQ(form->at("RoleArn"), "arn:aws");
  EXPECT_EQ(form->at("Plus"), "a b");
  EXPECT_EQ(form->at("Empty"), "");
  for (const char* bad : {"a=%", "a=%2", "a=%zz", "a=1&a=2"})
    EXPECT_FALSE(ParseStsForm(bad).has_value()) << bad;
  std::string many;
  for (int i = 0; i < 501; ++i) many += "p" + std::to_string(i) + "=x&";
  EXPECT_FALSE(ParseStsForm(many).has_value());
}

TEST(StsErrors, AreXmlThatCannotBeBroken) {
  const Fault fault = StsFault({400, "AccessDeniedException", "<a & b>"});
  EXPECT_EQ(fault.status, 403);
  EXPECT_THAT(StsErrorXml(fault, "r"), HasSubstr("<Code>AccessDenied</Code><Message>&lt;a &amp; "));
}

}  // namespace
}  // namespace tenantseal::emulator
