#include "aws/local_aws.h"

#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "aws/sigv4.h"

namespace tenantseal {
namespace {

using Json = nlohmann::json;

constexpr const char* kAdminId = "AKIACUSTOMERADMIN001";
constexpr const char* kAdminSecret = "customer-admin-secret";
constexpr const char* kService = "arn:aws:iam::338144066592:user/tenantseal-service";

Json Allow(const Json& principal, const Json& action) {
  return {{"Effect", "Allow"},
          {"Principal", {{"AWS", principal}}},
          {"Action", action},
          {"Resource", "*"}};
}

Json KeyPolicy(const std::vector<model::TenantId>& tenants) {
  Json use = Allow(kService, {"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey"});
  for (const auto& tenant : tenants) {
    use["Condition"]["StringEquals"]["kms:EncryptionContext:TenantId"].push_back(tenant.text());
  }
  Json statements{Allow("arn:aws:iam::111122223333:root", "kms:*"),
                  Allow(kService, "kms:DescribeKey")};
  if (!tenants.empty()) statements.push_back(std::move(use));
  return {{"Version", "2012-10-17"}, {"Statement", std::move(statements)}};
}

Json User(const std::string& name, const std::string& id, const std::string& secret) {
  const Json all{{"Effect", "Allow"}, {"Action", "*"}, {"Resource", "*"}};
  const Json policy{{"Version", "2012-10-17"}, {"Statement", Json::array({all})}};
  const Json key{{"id", id}, {"secret", secret}};
  return {{"name", name}, {"accessKeys", Json::array({key})}, {"policies", Json::array({policy})}};
}

Json SeedOf(const std::vector<model::TenantId>& tenants) {
  const Json key{{"region", kEast},
                 {"id", "mrk-" + std::string(32, 'a')},
                 {"material", std::string(64, '5')},
                 {"multiRegion", true},
                 {"replicaRegions", Json::array({kBackup})},
                 {"policy", KeyPolicy(tenants)}};
  Json seed;
  seed["accounts"]["111122223333"]["users"] = Json::array({User("admin", kAdminId, kAdminSecret)});
  seed["accounts"]["111122223333"]["keys"] = Json::array({key});
  seed["accounts"]["338144066592"]["users"] = Json::array(
      {User("tenantseal-service", "AKIATENANTSEALSVC001", "tenantseal-service-secret")});
  return seed;
}

}  // namespace

LocalAws::LocalAws() {
  std::string pattern = std::filesystem::temp_directory_path() / "local_aws.XXXXXX";
  directory_ = ::mkdtemp(pattern.data());
}

LocalAws::~LocalAws() { std::filesystem::remove_all(directory_); }

bool LocalAws::Start(const std::vector<model::TenantId>& tenants) {
  const std::string seed = directory_ + "/seed.json";
  std::ofstream(seed) << SeedOf(tenants).dump();
  emulator::EmulatorOptions options;
  options.listeners = {{.address = "127.0.0.1", .port = 0, .region = ""}};
  options.seed_file = seed;
  return emulator_.Start(options).ok();
}

kms::AwsKmsOptions LocalAws::options() const {
  kms::AwsKmsOptions options;
  options.endpoints.custom[""] = emulator_.url();
  return options;
}

bool LocalAws::Admin(const std::string& what, const std::string& json) const {
  const auto reply = http->Send({.method = net::Method::kPost,
                                 .url = emulator_.url() + "/_emulator/" + what,
                                 .headers = {{"content-type", "application/json"}},
                                 .body = base::AsBytes(json)});
  return reply && reply->status == 200;
}

bool LocalAws::AsCustomer(const std::string& region, const std::string& operation,
                          const std::string& body) const {
  using Pair = std::pair<std::string_view, std::string_view>;
  const std::string url = emulator_.url();
  const std::string target = "TrentService." + operation;
  const std::vector<Pair> headers{{"content-type", "application/x-amz-json-1.1"},
                                  {"host", std::string_view(url).substr(sizeof("http://") - 1)},
                                  {"x-amz-target", target}};
  const aws::SignableRequest request{"POST", "/", "", headers, base::AsBytes(body)};
  const auto secret = base::SecretBytes::CopyOf(base::AsBytes(kAdminSecret));
  const auto signature = aws::Sign(request, kAdminId, secret, "", region, "kms", clock.Utc());
  net::HttpRequest http_request{
      .method = net::Method::kPost, .url = url + "/", .body = base::AsBytes(body)};
  for (const auto& [name, value] : headers) {
    if (name != "host") http_request.headers.push_back({std::string(name), std::string(value)});
  }
  for (const auto& [name, value] : signature) http_request.headers.push_back({name, value});
  const auto reply = http->Send(http_request);
  return reply && reply->status == 200;
}

bool LocalAws::Admit(const std::vector<model::TenantId>& tenants) const {
  const std::string policy = KeyPolicy(tenants).dump();
  for (const auto& [region, arn] : {std::pair(kEast, kPrimary), std::pair(kBackup, kReplica)}) {
    const Json body{{"KeyId", arn}, {"PolicyName", "default"}, {"Policy", policy}};
    if (!AsCustomer(region, "PutKeyPolicy", body.dump())) return false;
  }
  return true;
}

}  // namespace tenantseal
