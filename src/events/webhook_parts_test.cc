// Filters, secrets and bodies of webhooks.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "events/cloud_event.h"
#include "events/event.h"
#include "events/webhook_filter.h"
#include "events/webhook_input.h"
#include "events/webhook_secrets.h"
#include "store/row_mac.h"
#include "store/webhook_samples.h"

namespace tenantseal::events {
namespace {

using nlohmann::json;

bool Passes(const std::string& filter, const json& data) {
  const auto parsed = WebhookFilter::Parse(filter);
  EXPECT_TRUE(parsed.ok()) << filter << (parsed ? "" : parsed.error().message);
  return parsed && parsed->Matches(data);
}

TEST(WebhookFilter, ComparesTheDataOfTheEvent) {
  const json data = {{"id", "one"}, {"spaceId", "s"}, {"n", 1}};
  EXPECT_TRUE(Passes("", data));
  EXPECT_TRUE(Passes("  ", json()));
  EXPECT_TRUE(Passes(R"(id eq "one")", data));
  EXPECT_FALSE(Passes(R"(id eq "two")", data));
  EXPECT_FALSE(Passes(R"(id ne "one")", data));
  EXPECT_TRUE(Passes(R"(id ne "two")", data));
  EXPECT_TRUE(Passes(R"(ID EQ "one")", data));
  EXPECT_FALSE(Passes(R"(topLevelResourceId eq "x")", data)) << "what is not there equals nothing";
  EXPECT_TRUE(Passes(R"(topLevelResourceId ne "x")", data));
  EXPECT_TRUE(Passes(R"(id eq "\u006fne")", data)) << "values are JSON strings";
  EXPECT_TRUE(Passes(R"(id eq "a\"b")", {{"id", "a\"b"}}));
  EXPECT_FALSE(Passes(R"(id eq "1")", {{"id", 1}}));
  EXPECT_FALSE(Passes(R"(id eq "one")", json::array()));
}

TEST(WebhookFilter, AndBindsTighterThanOr) {
  const json data = {{"id", "one"}, {"spaceId", "s"}};
  EXPECT_TRUE(Passes(R"(id eq "one" or id eq "two" and spaceId eq "x")", data));
  EXPECT_FALSE(Passes(R"(id eq "two" and spaceId eq "s" or spaceId eq "x")", data));
  EXPECT_TRUE(Passes(R"(id eq "two" and spaceId eq "x" or spaceId eq "s")", data));
  EXPECT_TRUE(Passes(R"(id eq "one" AND spaceId eq "s")", data));
}

TEST(WebhookFilter, RefusesWhatItDoesNotKnow) {
  std::string many = R"(id eq "1")";
  for (std::size_t i = 0; i < WebhookFilter::kComparisonsMax; ++i) many += R"( or id eq "1")";
  for (const std::string& bad :
       {std::string("id"), std::string("id eq"), std::string("id eq one"),
        std::string(R"(id eq "one)"), std::string(R"(id eq "\x")"), std::string(R"(id gt "1")"),
        std::string(R"(data.status eq "ok")"), std::string(R"((id eq "1"))"),
        std::string(R"(id eq "1" id eq "2")"), std::string(R"(id eq "1" or)"),
        std::string(R"(id eq "1" xor id eq "2")"), std::string(R"(id eq "\)"), many}) {
    const auto parsed = WebhookFilter::Parse(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().field, "filter");
  }
}

class WebhookSecretsTest : public testing::Test {
 protected:
  WebhookSecretsTest() {
    webhook_ = store::samples::WebhookOf(model::Scope::Deployment());
    secrets_.SealSecret(base::SecretBytes::CopyOf(base::AsBytes("signing")), webhook_);
    std::vector<SecretHeader> headers;
    headers.push_back({"X-A", base::SecretBytes::CopyOf(base::AsBytes("first"))});
    headers.push_back({"X-B", base::SecretBytes()});
    secrets_.SealHeaders(headers, webhook_);
  }
  void ExpectClosed(const model::Webhook& webhook, bool secret, const std::string& what) {
    const auto opened = secrets_.OpenSecret(webhook);
    EXPECT_EQ(opened.ok(), !secret) << what;
    const auto headers = secrets_.OpenHeaders(webhook);
    ASSERT_FALSE(headers.ok()) << what;
    EXPECT_EQ(headers.error().code, ErrorCode::kIntegrity) << what;
  }
  base::SystemRandom random_;
  WebhookSecrets secrets_{random_.Key(), random_};
  model::Webhook webhook_;
};

TEST_F(WebhookSecretsTest, OpenWhatWasSealed) {
  EXPECT_EQ(secrets_.OpenSecret(webhook_)->RevealText(), "signing");
  const auto headers = secrets_.OpenHeaders(webhook_);
  ASSERT_EQ(headers->size(), 2U);
  EXPECT_EQ(headers->at(0).name, "X-A");
  EXPECT_EQ(headers->at(0).value.RevealText(), "first");
  EXPECT_EQ(headers->at(1).value.RevealText(), "");
  secrets_.SealSecret({}, webhook_);
  secrets_.SealHeaders({}, webhook_);
  EXPECT_TRUE(webhook_.sealed_secret.empty());
  EXPECT_TRUE(webhook_.sealed_headers.empty());
  EXPECT_TRUE(secrets_.OpenSecret(webhook_)->empty());
  EXPECT_TRUE(secrets_.OpenHeaders(webhook_)->empty());
}

TEST_F(WebhookSecretsTest, AreBoundToTheirWebhook) {
  model::Webhook other = webhook_;
  other.id = model::WebhookId::New(random_);
  ExpectClosed(other, true, "id");
  other = webhook_;
  other.scope = model::Scope::Of(model::TenantId::New(random_));
  ExpectClosed(other, true, "scope");
  other = webhook_;
  other.url = "https://evil.example/";
  ExpectClosed(other, false, "url");
  EXPECT_EQ(secrets_.OpenSecret(other)->RevealText(), "signing");
  other = webhook_;
  std::swap(other.sealed_secret, other.sealed_headers);
  ExpectClosed(other, true, "swapped");
  other = webhook_;
  other.encrypted_headers.pop_back();
  ExpectClosed(other, false, "one name less");
}

TEST_F(WebhookSecretsTest, EveryFlippedByteIsNoticed) {
  for (std::size_t i = 0; i < webhook_.sealed_headers.size(); ++i) {
    model::Webhook other = webhook_;
    other.sealed_headers[i] ^= 1;
    ExpectClosed(other, false, std::to_string(i));
  }
}

TEST(CloudEvent, IsWhatReceiversExpect) {
  const auto tenant = model::TenantId::Parse(std::string(32, 't')).value();
  model::Event event;
  event.content = {model::Scope::Of(tenant),
                   "c75088bc-cfba-410a-aeda-2a5dd797f528",
                   store::samples::kNow,
                   std::string(kTenantCreated),
                   std::string(kEventSource),
                   "api-key:abc",
                   R"({"id":"x","nested":{"b":[1,2]}})"};
  event.sequence = 7;
  const std::string body = CloudEventJson(event);
  EXPECT_EQ(json::parse(body),
            json::parse(R"({"specversion":"1.0","id":"c75088bc-cfba-410a-aeda-2a5dd797f528",
            "source":"com.tenantseal/encryption","type":"com.tenantseal.v1.tenant.created",
            "time":"2026-09-21T14:13:20.123Z","datacontenttype":"application/json",
            "tenantid":"tttttttttttttttttttttttttttttttt","userid":"api-key:abc","sequence":"7",
            "data":{"id":"x","nested":{"b":[1,2]}}})"))
      << body;
  EXPECT_EQ(body, CloudEventJson(event));
  event.content.scope = model::Scope::Deployment();
  EXPECT_EQ(json::parse(CloudEventJson(event))["tenantid"], "-");
  event.content.data = "\xff not JSON";
  EXPECT_EQ(json::parse(CloudEventJson(event))["data"], json::object());
}

TEST(CloudEvent, IsSignedAsReceiversCheck) {
  const auto secret = base::SecretBytes::CopyOf(base::AsBytes("0123456789abcdef0123456789abcdef"));
  EXPECT_EQ(WebhookSignature(secret, R"({"a":1})"),
            "f0546246da9e2349100c845a8561214788d75d900f3c086a72fcfa03bb1f42ab");
}

TEST(CheckWebhookUrl, HttpIsForAllowedLoopbackAlone) {
  net::Egress loopback, lan;
  ASSERT_TRUE(loopback.Allow("127.0.0.0/8").ok());
  ASSERT_TRUE(lan.Allow("10.0.0.0/8").ok());
  for (const std::string url : {"http://127.0.0.1:8080/", "http://localhost/", "https://localhost/",
                                "https://127.0.0.1/", "https://a.example/"})
    EXPECT_TRUE(CheckWebhookUrl(url, loopback).ok()) << url;
  for (const std::string url : {"http://a.example/", "http://10.0.0.1/", "https://10.0.0.1/",
                                "http://[::1]/", "http://8.8.8.8/"})
    EXPECT_FALSE(CheckWebhookUrl(url, loopback).ok()) << url;
  EXPECT_TRUE(CheckWebhookUrl("https://10.0.0.1/", lan).ok());
  EXPECT_FALSE(CheckWebhookUrl("http://10.0.0.1/", lan).ok());
  EXPECT_FALSE(CheckWebhookUrl("http://127.0.0.1/", lan).ok());
}

}  // namespace
}  // namespace tenantseal::events
