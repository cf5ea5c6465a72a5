// libcurl's signer, which is not ours, against our verifier.
#include <curl/curl.h>
#include <gtest/gtest.h>

#include "aws/sigv4.h"
#include "net/testing.h"

namespace tenantseal::aws {
namespace {

TEST(SigV4CurlTest, VerifiesWhatLibcurlSigns) {
  const base::SystemClock clock;
  const base::SystemRandom random;
  const base::SecretBytes secret =
      base::SecretBytes::CopyOf(base::AsBytes("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"));
  std::vector<std::string> verdicts;
  net::testing::TestHandler handler;
  handler.now = [&](net::Request& request) -> std::optional<net::Response> {
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    for (const auto& field : request.headers) headers.emplace_back(field.name, field.value);
    const SignableRequest signable{net::MethodName(request.method), request.path, request.query,
                                   headers, request.body};
    const auto authorization = ParseAuthorization(request.Header("authorization").value_or(""));
    if (!authorization) {
      verdicts.push_back(authorization.error().message);
      return net::Response();
    }
    verdicts.push_back(VerifySignature(signable, *authorization,
                                       SigningKey(secret, authorization->scope), "kms", clock.Utc(),
                                       "eu-west-1")
                           .message);
    return net::Response();
  };
  net::WorkerPool workers{{.threads = 1}};
  net::HttpServer server{{}, handler, workers, clock, random};
  ASSERT_TRUE(server.Start());

  const std::string url = "http://127.0.0.1:" + std::to_string(server.Port()) + "/";
  const std::string body = R"({"KeyId":"alias/x","Plaintext":"AAAA"})";
  CURL* curl = curl_easy_init();
  curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/x-amz-json-1.1");
  headers = curl_slist_append(headers, "X-Amz-Target: TrentService.Encrypt");
  headers = curl_slist_append(headers, "X-Amz-Security-Token: a/token+=");
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, "aws:amz:eu-west-1:kms");
  curl_easy_setopt(curl, CURLOPT_USERNAME, "AKIDEXAMPLE");
  curl_easy_setopt(curl, CURLOPT_PASSWORD, std::string(secret.RevealText()).c_str());
  EXPECT_EQ(curl_easy_perform(curl), CURLE_OK);
  curl_easy_setopt(curl, CURLOPT_PASSWORD, "another-secret");
  EXPECT_EQ(curl_easy_perform(curl), CURLE_OK);
  curl_easy_cleanup(curl);
  curl_slist_free_all(headers);
  server.Drain(base::Duration::zero());
  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_EQ(verdicts[0], "");
  EXPECT_NE(verdicts[1].find("does not match"), std::string::npos) << verdicts[1];
}

}  // namespace
}  // namespace tenantseal::aws
