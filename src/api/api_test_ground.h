// For tests of the API without sockets: requests made by hand, the fake KMS, keys in memory and the
// store in memory.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/handler.h"
#include "api/live_streams.h"
#include "api/sign_in.h"
#include "base/encoding.h"
#include "kms/fake_inspector.h"
#include "kms/fake_kms.h"
#include "migration/runner.h"
#include "store/memory/memory_store.h"

namespace tenantseal::api {

using net::Method;
using nlohmann::json;

struct Answer {
  int status = 0;
  json body;
  std::vector<net::ResponseHeader> headers;
  std::shared_ptr<net::Stream> stream = {};

  std::string code() const { return body.value("/errors/0/code"_json_pointer, ""); }
  std::string field() const { return body.value("/errors/0/meta/field"_json_pointer, ""); }
};

class ApiTest : public testing::Test {
 protected:
  explicit ApiTest(LimitOptions limits = {})
      : handler_({keyring_, lease_, values_, data_keys_, rotation_, tenants_, providers_,
                  migrations_, api_keys_, authenticator_, sign_in_, usage_, store_, clock_,
                  "us-east-1",
                  [](const model::TenantId& tenant) -> Result<std::string> {
                    return "[\"statements for " + tenant.text() + "\"]";
                  },
                  &store_, std::chrono::hours(24 * 90), {"arn:aws:iam::338144066592:role/proxy"},
                  &live_, &webhooks_},
                 limits) {
    EXPECT_TRUE(lease_.Refresh());
    EXPECT_TRUE(api_keys_.EnsureOperator("operator-secret").value());
    tenant_ = NewTenant();
    content_ = NewKey("ContentService", tenant_);
    admin_ = NewKey("TenantAdmin", tenant_);
  }

  Answer Call(Method method, std::string_view target, const std::string& token,
              std::string_view body = "", std::vector<net::HeaderField> more = {}) {
    const std::string authorization = "Bearer " + token;
    std::vector<net::HeaderField> headers = {{"Host", "example.test"}};
    if (!token.empty()) headers.push_back({"Authorization", authorization});
    headers.insert(headers.end(), more.begin(), more.end());
    net::Request request;
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    if (target.size() > request.path.size()) request.query = target.substr(request.path.size() + 1);
    request.headers = headers;
    request.body = base::AsBytes(body);
    request.request_id = "request-id-12345";
    request.deadline = clock_.Boot() + std::chrono::seconds(30);
    auto response = handler_.HandleNow(request);
    answered_inline_ = response.has_value();
    if (!response) response = handler_.HandleBlocking(request);
    const std::string text(base::AsText(response->BodyBytes()));
    return {response->status, json::parse(text, nullptr, false), response->headers,
            response->stream};
  }
  Answer Post(std::string_view target, const std::string& token, const json& body) {
    return Call(Method::kPost, target, token, body.dump());
  }
  std::string NewTenant() {
    return Post("/api/v1/tenants", "operator-secret", {{"name", "acme"}, {"region", "us-east-1"}})
        .body["id"];
  }
  std::string NewKey(const std::string& role, const std::string& tenant) {
    json request = {{"description", "d"}, {"role", role}};
    if (!tenant.empty()) request["tenantId"] = tenant;
    return Post("/api/v1/api-keys", "operator-secret", request).body["token"];
  }
  std::string Seal(const std::string& token, const std::string& text,
                   const json& context = json::object()) {
    return Post(kSeal, token,
                {{"plaintext", base::Base64Encode(base::AsBytes(text))},
                 {"encryptionContext", context}})
        .body["ciphertext"];
  }

  static constexpr const char* kSeal = "/api/v1/encryption/values/actions/seal";
  static constexpr const char* kOpen = "/api/v1/encryption/values/actions/open";
  static constexpr const char* kReseal = "/api/v1/encryption/values/actions/reseal";
  static constexpr const char* kDataKeys = "/api/v1/encryption/data-keys";
  static constexpr const char* kUnwrap = "/api/v1/encryption/data-keys/actions/unwrap";

  base::FakeClock clock_;
  base::SystemRandom random_;
  store::MemoryStore store_;
  kms::FakeKms kms_{random_};
  base::Secret256 pepper_ = random_.Key();
  keyring::StoreLease lease_{store_, clock_, model::ProcessId::New(random_)};
  keyring::Keyring keyring_{store_, kms_, lease_, clock_, random_, {}};
  keyring::Values values_{keyring_, random_};
  keyring::DataKeys data_keys_{keyring_, store_, clock_, random_};
  keyring::Rotation rotation_{keyring_, store_, lease_, clock_, random_};
  keyring::Tenants tenants_{keyring_, store_, lease_, kms_, clock_, random_, std::chrono::hours(1)};
  kms::FakeInspector inspector_{random_};
  providers::Validator validator_{inspector_, clock_, random_, {}};
  providers::KeyProviders providers_{store_, lease_,  validator_,
                                     clock_, random_, std::chrono::hours(24 * 35)};
  migration::Migrations migrations_{store_,     keyring_, lease_,  rotation_,
                                    providers_, clock_,   random_, 0};
  migration::Runner runner_{store_, keyring_, lease_, clock_, random_};
  identity::Sessions sessions_{store_, store_, lease_, clock_, random_, pepper_, {}};
  identity::Authenticator authenticator_{store_,  lease_,         clock_,
                                         random_, pepper_.Copy(), {&sessions_, nullptr}};
  SignIn sign_in_{sessions_, clock_, {}};
  identity::ApiKeys api_keys_{store_, lease_, clock_, random_, pepper_};
  events::UsageCounter usage_{store_, clock_};
  LiveStreams live_{authenticator_, clock_};
  events::WebhookSecrets webhook_secrets_{random_.Key(), random_};
  events::Webhooks webhooks_{store_, store_, webhook_secrets_, {}, clock_, random_};
  ApiHandler handler_;
  bool answered_inline_ = false;
  std::string tenant_, content_, admin_;
};

}  // namespace tenantseal::api
