#include "aws/sts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "aws/sigv4.h"
#include "aws/testing.h"
#include "aws/xml.h"

namespace tenantseal::aws {
namespace {

using testing::ErrorXml;
using testing::FakeHttp;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Reply;
using testing::SessionXml;

std::string Leaves(std::string_view document) {
  std::string out;
  const auto read = ReadXml(document, [&](std::string_view path, std::string_view text) {
    out.append(path).append("=").append(text) += ';';
  });
  return read ? out : "malformed";
}

TEST(XmlTest, ReadsLeaves) {
  EXPECT_EQ(Leaves("<?xml version=\"1.0\"?>\n<a x='1' y=\"&gt;\">\n <b>1 &lt;&#x20AC;&#65;</b>"
                   "<c/><d></d></a>\n"),
            "a/b=1 <\u20ac"
            "A;a/c=;a/d=;");
  EXPECT_EQ(Leaves("<a>&#x1F600;</a>"), "a=\U0001F600;");
  for (const std::string_view bad : {"",
                                     "x",
                                     "<a>",
                                     "<a></b>",
                                     "<a>text<b/></a>",
                                     "<a><b/>text</a>",
                                     "<a/><b/>",
                                     "<a/>x",
                                     "<!DOCTYPE a><a/>",
                                     "<a><!-- --></a>",
                                     "<a><![CDATA[x]]></a>",
                                     "<a><?p?></a>",
                                     "<a b></a>",
                                     "<a b=c></a>",
                                     "<a b='<'></a>",
                                     "<a b='1'c='2'/>",
                                     "<a>&nbsp;</a>",
                                     "<a>&</a>",
                                     "<a>&#0;</a>",
                                     "<a>&#xD800;</a>",
                                     "<a>&#x110000;</a>",
                                     "<a>&#;</a>",
                                     "<a>\x01</a>",
                                     "<a>\xff</a>",
                                     "< a/>",
                                     "</a>",
                                     "<a></a x>"}) {
    EXPECT_EQ(Leaves(bad), "malformed") << bad;
  }
  std::string deep, wide = "<a>";
  for (int i = 0; i < 17; ++i) deep += "<a>";
  for (int i = 0; i < 17; ++i) deep += "</a>";
  for (int i = 0; i < 4096; ++i) wide += "<b/>";
  EXPECT_EQ(Leaves(deep), "malformed");
  EXPECT_EQ(Leaves(wide + "</a>"), "malformed");
}

TEST(StsReplyTest, NeedsEveryPart) {
  const std::string good = SessionXml("AssumeRole", "ASIA1", "2026-11-24T13:00:00Z");
  const auto reply = ParseStsReply("AssumeRole", good);
  ASSERT_TRUE(reply) << reply.error().message;
  EXPECT_EQ(reply->credentials.access_key_id, "ASIA1");
  EXPECT_EQ(reply->credentials.secret_access_key.RevealText(), "session/secret+1");
  EXPECT_EQ(reply->request_id, "req-1");
  EXPECT_FALSE(ParseStsReply("AssumeRoleWithWebIdentity", good));
  EXPECT_FALSE(ParseStsReply("GetCallerIdentity", good));
  for (std::size_t i = 0; i < good.size(); ++i) {
    const auto cut = ParseStsReply("AssumeRole", std::string_view(good).substr(0, i));
    ASSERT_FALSE(cut) << i;
    EXPECT_THAT(cut.error().message, Not(HasSubstr("session/secret")));
  }
  for (const std::string_view part :
       {"<AccessKeyId>ASIA1</AccessKeyId>", "<SecretAccessKey>session/secret+1</SecretAccessKey>",
        "<SessionToken>token-of-ASIA1</SessionToken>",
        "<Expiration>2026-11-24T13:00:00Z</Expiration>"}) {
    std::string without = good, twice = good;
    without.erase(without.find(part), part.size());
    EXPECT_FALSE(ParseStsReply("AssumeRole", without)) << part;
    twice.insert(twice.find(part), part);
    EXPECT_FALSE(ParseStsReply("AssumeRole", twice)) << part;
  }
}

class StsClientTest : public ::testing::Test {
 protected:
  Result<Credentials> Assume(base::Duration within = std::chrono::seconds(10)) {
    return client.AssumeRole(request, caller, "eu-west-1", clock.Boot() + within);
  }
  base::FakeClock clock;
  base::FakeRandom random{1};
  AssumeRoleRequest request{.role_arn = "arn:aws:iam::111122223333:role/r",
                            .session_name = "tenantseal",
                            .external_id = "ext/1",
                            .tags = {{"Tenant", "a b", true}, {"x", ""}}};
  Credentials caller{
      "AKIDEXAMPLE", base::SecretBytes::CopyOf(base::AsBytes("secret")), "tok", {}, {}};
  FakeHttp http{[](const testing::Sent&) {
    return Reply(200, SessionXml("AssumeRole", "ASIA1", "2026-11-24T13:00:00Z"));
  }};
  StsClient client{
      http, clock, random, {}, {.sleep = [this](base::Duration d) { clock.Advance(d); }}};
};

TEST_F(StsClientTest, SignsAssumeRole) {
  const auto session = Assume();
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_EQ(session->session_token, "token-of-ASIA1");
  EXPECT_EQ(base::FormatUtcSeconds(*session->expires), "2026-11-24T13:00:00Z");
  ASSERT_EQ(http.sent().size(), 1u);
  const testing::Sent sent = http.sent()[0];
  EXPECT_EQ(sent.url, "https://sts.eu-west-1.amazonaws.com");
  EXPECT_EQ(sent.body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3A"
            "role%2Fr&RoleSessionName=tenantseal&DurationSeconds=3600&ExternalId=ext%2F1&"
            "Tags.member.1.Key=Tenant&Tags.member.1.Value=a%20b&"
            "TransitiveTagKeys.member.1=Tenant&Tags.member.2.Key=x&Tags.member.2.Value=");
  std::vector<std::pair<std::string_view, std::string_view>> headers = {
      {"Host", "sts.eu-west-1.amazonaws.com"}};
  for (const auto& [name, value] : sent.headers) headers.emplace_back(name, value);
  const auto authorization = ParseAuthorization(sent.headers.at("Authorization"));
  ASSERT_TRUE(authorization);
  EXPECT_EQ(sent.headers.at("X-Amz-Security-Token"), "tok");
  const auto verdict = VerifySignature(
      {"POST", "/", "", headers, base::AsBytes(sent.body)}, *authorization,
      SigningKey(caller.secret_access_key, authorization->scope), "sts", clock.Utc(), "eu-west-1");
  EXPECT_EQ(verdict.fault, SignatureFault::kNone) << verdict.message;
}

TEST_F(StsClientTest, WebIdentityIsUnsigned) {
  http.answer = [](const testing::Sent&) {
    return Reply(200, SessionXml("AssumeRoleWithWebIdentity", "ASIA2", "2026-11-24T13:00:00Z"));
  };
  const auto session =
      client.AssumeRoleWithWebIdentity(request, base::SecretBytes::CopyOf(base::AsBytes("ey.J")),
                                       "eu-west-1", clock.Boot() + std::chrono::seconds(5));
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_FALSE(http.sent()[0].headers.contains("Authorization"));
  EXPECT_THAT(http.sent()[0].body, HasSubstr("&WebIdentityToken=ey.J"));
}

TEST_F(StsClientTest, TellsWhoCalls) {
  http.answer = [](const testing::Sent&) {
    return Reply(200,
                 "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::"
                 "111122223333:user/u</Arn><UserId>AIDA</UserId><Account>111122223333"
                 "</Account></GetCallerIdentityResult></GetCallerIdentityResponse>");
  };
  const auto who =
      client.GetCallerIdentity(caller, "eu-west-1", clock.Boot() + std::chrono::seconds(5));
  ASSERT_TRUE(who) << who.error().message;
  EXPECT_EQ(who->account, "111122223333");
  EXPECT_EQ(who->arn, "arn:aws:iam::111122223333:user/u");
}

TEST_F(StsClientTest, ClassesFailures) {
  struct Case {
    int status;
    std::string body;
    ErrorCode code;
    std::size_t attempts;
  };
  const std::vector<Case> cases = {
      {403, ErrorXml("AccessDenied", "User: x is not authorized"), ErrorCode::kServiceFault, 1},
      {400, ErrorXml("ExpiredTokenException", "expired"), ErrorCode::kServiceFault, 1},
      {403, ErrorXml("InvalidClientTokenId", "invalid"), ErrorCode::kServiceFault, 1},
      {403, ErrorXml("SignatureDoesNotMatch", "no match"), ErrorCode::kServiceFault, 1},
      {400, ErrorXml("Throttling", "Rate exceeded"), ErrorCode::kKeyUnavailable, 3},
      {400, ErrorXml("IDPCommunicationError", "x"), ErrorCode::kKeyUnavailable, 3},
      {500, ErrorXml("InternalFailure", "x"), ErrorCode::kKeyUnavailable, 3},
      {503, "<html>", ErrorCode::kKeyUnavailable, 3},
      {200, "{}", ErrorCode::kKeyUnavailable, 3},
      {404, "not here", ErrorCode::kServiceFault, 1},
  };
  for (const Case& one : cases) {
    http.answer = [&](const testing::Sent&) { return Reply(one.status, one.body); };
    const std::size_t before = http.sent().size();
    const auto refused = Assume();
    ASSERT_FALSE(refused) << one.body;
    EXPECT_EQ(refused.error().code, one.code) << one.body;
    EXPECT_EQ(http.sent().size() - before, one.attempts) << one.body;
    EXPECT_THAT(refused.error().message, HasSubstr("STS AssumeRole in eu-west-1"));
  }
  http.answer = [](const testing::Sent&) { return testing::NoConnection(); };
  EXPECT_EQ(Assume().error().code, ErrorCode::kKeyUnavailable);
  const std::size_t before = http.sent().size();
  EXPECT_EQ(Assume(base::Duration::zero()).error().code, ErrorCode::kKeyUnavailable);
  EXPECT_EQ(http.sent().size(), before) << "nothing is sent after the deadline";
}

TEST_F(StsClientTest, LearnsTheServersTimeOnce) {
  http.answer = [&](const testing::Sent& sent) {
    if (sent.headers.at("X-Amz-Date") == "20261124T120000Z") {
      return Reply(200, SessionXml("AssumeRole", "ASIA1", "2026-11-24T13:00:00Z"));
    }
    auto response = Reply(403, ErrorXml("SignatureDoesNotMatch", "Signature expired: x"));
    response.headers.push_back({"Date", "Tue, 24 Nov 2026 12:00:00 GMT"});
    return response;
  };
  EXPECT_TRUE(Assume());
  EXPECT_EQ(http.sent().size(), 2u);
  http.answer = [&](const testing::Sent&) {
    auto response = Reply(403, ErrorXml("SignatureDoesNotMatch", "Signature expired: x"));
    response.headers.push_back({"Date", "Tue, 24 Nov 2026 12:00:00 GMT"});
    return response;
  };
  EXPECT_EQ(Assume().error().code, ErrorCode::kServiceFault);
  EXPECT_EQ(http.sent().size(), 3u);
}

TEST(CheckAssumeRoleTest, NamesTheField) {
  const AssumeRoleRequest good{.role_arn = "arn:aws:iam::111122223333:role/p/r",
                               .session_name = "me@x"};
  EXPECT_TRUE(CheckAssumeRole(good));
  const auto field = [&](auto change) {
    AssumeRoleRequest bad = good;
    change(bad);
    const auto checked = CheckAssumeRole(bad);
    return checked ? std::string("none") : checked.error().field;
  };
  EXPECT_EQ(field([](auto& r) { r.role_arn = "arn:aws:iam::111122223333:user/u"; }), "roleArn");
  EXPECT_EQ(field([](auto& r) { r.role_arn = "role/r"; }), "roleArn");
  EXPECT_EQ(field([](auto& r) { r.session_name = "x"; }), "roleSessionName");
  EXPECT_EQ(field([](auto& r) { r.session_name = "a b"; }), "roleSessionName");
  EXPECT_EQ(field([](auto& r) { r.external_id = "x"; }), "externalId");
  EXPECT_EQ(field([](auto& r) { r.duration = std::chrono::seconds(899); }), "durationSeconds");
  EXPECT_EQ(field([](auto& r) { r.duration = std::chrono::seconds(43201); }), "durationSeconds");
  EXPECT_EQ(field([](auto& r) { r.tags.assign(51, {"k", "v"}); }), "tags");
  EXPECT_EQ(field([](auto& r) { r.tags = {{"", "v"}}; }), "tags");
}

}  // namespace
}  // namespace tenantseal::aws
