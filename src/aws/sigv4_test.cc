#include "aws/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/encoding.h"
#include "crypto/digest.h"

namespace tenantseal::aws {
namespace {

using ::testing::HasSubstr;
using Headers = std::vector<std::pair<std::string, std::string>>;

base::SecretBytes Secret(std::string_view text) {
  return base::SecretBytes::CopyOf(base::AsBytes(text));
}

constexpr std::string_view kAccessKeyId = "AKIDEXAMPLE";
constexpr std::string_view kSecretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

// A request that owns its parts.
struct Owned {
  std::string method = "GET", path = "/", query = {};
  Headers headers = {};
  std::string body = {};
  std::vector<std::pair<std::string_view, std::string_view>> views = {};

  SignableRequest Request() {
    views.assign(headers.begin(), headers.end());
    return {method, path, query, views, base::AsBytes(body)};
  }
  // Signs and adds the headers; returns the signature.
  std::string SignWith(std::string_view region, std::string_view service, base::UtcTime now,
                       std::string_view token = {}) {
    for (auto& header :
         Sign(Request(), kAccessKeyId, Secret(kSecretKey), token, region, service, now)) {
      headers.push_back(std::move(header));
    }
    return headers.back().second.substr(headers.back().second.size() - 64);
  }
};

base::UtcTime At(std::string_view amz_date) { return *ParseAmzDate(amz_date); }

// AWS General Reference, "Examples of the complete Signature Version 4 signing process".
TEST(SigV4Test, SignsAwsListUsersExample) {
  Owned request{.query = "Action=ListUsers&Version=2010-05-08",
                .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
                            {"Host", "iam.amazonaws.com"}}};
  const auto signable = [&] {
    request.headers.emplace_back("X-Amz-Date", "20150830T123600Z");
    const auto out = request.Request();
    return out;
  }();
  const std::vector<std::string> names = {"content-type", "host", "x-amz-date"};
  const std::string canonical =
      CanonicalRequest(signable, names, base::HexEncode(crypto::Sha256(base::ByteSpan())));
  EXPECT_EQ(base::HexEncode(crypto::Sha256(base::AsBytes(canonical))),
            "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
  const Scope scope{"20150830", "us-east-1", "iam"};
  const auto key = SigningKey(Secret(kSecretKey), scope);
  EXPECT_EQ(base::HexEncode(key.Reveal()),
            "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
  EXPECT_EQ(Signature(key, StringToSign("20150830T123600Z", scope, canonical)),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}

// The aws-sig-v4-test-suite: service "service", 20150830T123600Z.
TEST(SigV4Test, SignsTheTestSuite) {
  const auto sign = [](Owned request) {
    request.headers.emplace_back("Host", "example.amazonaws.com");
    return request.SignWith("us-east-1", "service", At("20150830T123600Z"));
  };
  EXPECT_EQ(sign({}), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  EXPECT_EQ(sign({.query = "Param2=value2&Param1=value1"}),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  EXPECT_EQ(sign({.path = "/%E1%88%B4"}).size(), 64u);
  EXPECT_EQ(sign({.path = "/\u1234"}),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
  EXPECT_EQ(sign({.method = "POST"}),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  EXPECT_EQ(sign({.method = "POST",
                  .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                  .body = "Param1=value1"}),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
  EXPECT_EQ(sign({.headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}}),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
  // normalize-path: relative, slashes, dot segments.
  const std::string root = sign({});
  for (const std::string path : {"/example/..", "/example1/example2/../..", "/./", "//"}) {
    EXPECT_EQ(sign({.path = path}), root) << path;
  }
}

TEST(SigV4Test, DatesGoThereAndBack) {
  EXPECT_EQ(AmzDate(At("20240229T235959Z")), "20240229T235959Z");
  for (const std::string_view wrong :
       {"", "20240229T235959", "20230229T000000Z", "20240229T240000Z", "20240229T006000Z",
        "20240229T000060Z", "2024022XT000000Z", "20240229t000000Z", "20240229T000000ZZ",
        "-0240229T000000Z", "20241301T000000Z"}) {
    EXPECT_FALSE(ParseAmzDate(wrong)) << wrong;
  }
}

TEST(SigV4Test, CanonicalRequestEncodesOnceMore) {
  Owned request{.path = "/a%20b/c", .query = "b=%7e&a=x%2Fy&a=&c", .headers = {{"HOST", "  h  "}}};
  EXPECT_EQ(CanonicalRequest(request.Request(), std::vector<std::string>{"host"}, "HASH"),
            "GET\n/a%2520b/c\na=&a=x%2Fy&b=~&c=\nhost:h\n\nhost\nHASH");
}

// A signed KMS request, and what it takes to verify it.
struct Signed : Owned {
  std::string region = "eu-west-1";
  base::UtcTime time = At("20261124T120000Z");
  explicit Signed(std::string_view token = "TOKEN") {
    method = "POST";
    headers = {{"Host", "kms.eu-west-1.amazonaws.com"},
               {"Content-Type", "application/x-amz-json-1.1"},
               {"X-Amz-Target", "TrentService.Encrypt"}};
    body = R"({"KeyId":"alias/x","Plaintext":"AAAA"})";
    SignWith(region, "kms", time, token);
  }
  SignatureVerdict Verify(std::string_view service = "kms", std::string_view called = {},
                          base::Duration later = {}) {
    std::string header;
    for (const auto& [name, value] : headers) {
      if (name == "Authorization") header = value;
    }
    const auto parsed = ParseAuthorization(header);
    if (!parsed) return {SignatureFault::kIncomplete, parsed.error().message};
    if (parsed->access_key_id != kAccessKeyId) return {SignatureFault::kInvalid, "another's key"};
    const auto now = time + std::chrono::duration_cast<std::chrono::milliseconds>(later);
    return VerifySignature(Request(), *parsed, SigningKey(Secret(kSecretKey), parsed->scope),
                           service, now, called);
  }
  SignatureFault Fault() { return Verify().fault; }
};

TEST(VerifySignatureTest, AcceptsWhatWasSigned) {
  EXPECT_EQ(Signed().Fault(), SignatureFault::kNone);
  EXPECT_EQ(Signed("").Fault(), SignatureFault::kNone);
  EXPECT_EQ(Signed().Verify("kms", "eu-west-1").fault, SignatureFault::kNone);
  Signed proxied;  // What a proxy may add.
  proxied.headers.emplace_back("User-Agent", "x");
  proxied.headers.emplace_back("X-Amzn-Trace-Id", "x");
  EXPECT_EQ(proxied.Fault(), SignatureFault::kNone);
}

TEST(VerifySignatureTest, RefusesEveryFlippedByte) {
  const Signed good;
  for (std::size_t h = 0; h < good.headers.size(); ++h) {
    const std::size_t chars = good.headers[h].second.size();
    for (std::size_t i = 0; i < chars; ++i) {
      Signed bad;
      bad.headers[h].second[i] ^= 1;
      EXPECT_NE(bad.Fault(), SignatureFault::kNone) << bad.headers[h].first << " at " << i;
    }
  }
  for (std::size_t i = 0; i < good.body.size(); ++i) {
    Signed bad;
    bad.body[i] ^= 1;
    EXPECT_EQ(bad.Fault(), SignatureFault::kInvalid) << i;
  }
  for (const auto change : {+[](Signed& s) { s.method = "PUT"; }, +[](Signed& s) { s.path = "/x"; },
                            +[](Signed& s) { s.query = "a=b"; }, +[](Signed& s) { s.body += ' '; },
                            +[](Signed& s) { s.body.clear(); }}) {
    Signed bad;
    change(bad);
    EXPECT_EQ(bad.Fault(), SignatureFault::kInvalid);
  }
}

TEST(VerifySignatureTest, RefusesUnsignedHeaders) {
  Signed added;
  added.headers.emplace_back("x-amz-meta", "1");
  const auto verdict = added.Verify();
  EXPECT_EQ(verdict.fault, SignatureFault::kIncomplete);
  EXPECT_THAT(verdict.message, HasSubstr("'x-amz-meta' must be a 'SignedHeader'"));
  for (const std::string dropped :
       {"Host", "Content-Type", "X-Amz-Target", "X-Amz-Security-Token", "X-Amz-Date"}) {
    Signed bad;
    std::erase_if(bad.headers, [&](const auto& header) { return header.first == dropped; });
    EXPECT_NE(bad.Fault(), SignatureFault::kNone) << dropped;
    Signed twice;
    twice.headers.emplace_back(dropped, "x");
    EXPECT_NE(twice.Fault(), SignatureFault::kNone) << dropped;
  }
  for (const std::string unsigned_name : {"host;", "content-type;", "x-amz-target"}) {
    Signed bad;
    std::string& header = bad.headers.back().second;
    const std::size_t at = header.find(unsigned_name);
    header.erase(at, unsigned_name.size());
    if (header[at - 1] == ';') header.erase(at - 1, 1);
    EXPECT_EQ(bad.Fault(), SignatureFault::kIncomplete) << header;
  }
}

TEST(VerifySignatureTest, RefusesOtherScopesAndTimes) {
  Signed request;
  EXPECT_EQ(request.Verify("sts").fault, SignatureFault::kInvalid);
  EXPECT_THAT(request.Verify("sts").message, HasSubstr("correct service: 'sts'"));
  EXPECT_EQ(request.Verify("kms", "eu-west-3").fault, SignatureFault::kInvalid);
  const base::Duration quarter = std::chrono::minutes(15), second = std::chrono::seconds(1);
  EXPECT_EQ(request.Verify("kms", {}, quarter).fault, SignatureFault::kNone);
  EXPECT_EQ(request.Verify("kms", {}, -quarter).fault, SignatureFault::kNone);
  const auto expired = request.Verify("kms", {}, quarter + second);
  EXPECT_EQ(expired.fault, SignatureFault::kExpired);
  EXPECT_EQ(expired.message,
            "Signature expired: 20261124T120000Z is now earlier than 20261124T120001Z "
            "(20261124T121501Z - 15 min.)");
  EXPECT_EQ(request.Verify("kms", {}, -quarter - second).fault, SignatureFault::kNotYetCurrent);
  Signed other_day;
  std::string& header = other_day.headers.back().second;
  header.replace(header.find("20261124"), 8, "20261123");
  EXPECT_THAT(other_day.Verify().message, HasSubstr("'20261123' != '20261124'"));
}

TEST(ParseAuthorizationTest, TakesItApart) {
  const std::string signature(64, 'a');
  const std::string good =
      "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/kms/aws4_request, "
      "SignedHeaders=host;x-amz-date, Signature=" +
      signature;
  const auto parsed = ParseAuthorization(good);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->access_key_id, "AKID");
  EXPECT_EQ(parsed->scope.text(), "20150830/us-east-1/kms/aws4_request");
  EXPECT_THAT(parsed->signed_headers, ::testing::ElementsAre("host", "x-amz-date"));
  EXPECT_EQ(parsed->signature, signature);
  for (std::size_t i = 0; i < good.size(); ++i) {
    EXPECT_FALSE(ParseAuthorization(std::string_view(good).substr(0, i))) << i;
  }
  EXPECT_THAT(ParseAuthorization("AWS4-HMAC-SHA256").error().message,
              HasSubstr("requires 'Credential' parameter. Authorization header requires "
                        "'Signature' parameter."));
  EXPECT_THAT(ParseAuthorization("Bearer SECRETTOKEN").error().message,
              ::testing::Not(HasSubstr("SECRETTOKEN")));
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& bad :
       {with("AKID/", ""), with("AKID", ""), with("AKID", "A-B"), with("2015083", "2015"),
        with("us-east-1", ""), with("us-east-1", "US"), with("/kms", "/"),
        with("aws4_request", "aws4"), with("host;", "x-b;"), with("host;", "Host;"),
        with("host;", "x-amz-date;"), with("host;", ";"), with(signature, std::string(63, 'a')),
        with(signature, std::string(64, 'A')), with("Signature=", "Signature=,Signature="),
        with("Signed", "signed"), good + ", X=1", good + std::string(5000, ' ')}) {
    EXPECT_FALSE(ParseAuthorization(bad)) << bad;
  }
}

}  // namespace
}  // namespace tenantseal::aws
