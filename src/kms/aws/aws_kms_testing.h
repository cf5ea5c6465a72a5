// For the tests of kms/aws: two regions of AWS KMS, each of which does what a test says.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "aws/testing.h"
#include "base/encoding.h"
#include "kms/aws/aws_kms.h"

namespace tenantseal::kms {

inline const std::string kEast = "us-east-1";
inline const std::string kBackup = "us-east-2";
inline const std::string kMrk = "key/mrk-" + std::string(32, 'a');
inline const std::string kPrimary = "arn:aws:kms:us-east-1:111122223333:" + kMrk;
inline const std::string kReplica = "arn:aws:kms:us-east-2:111122223333:" + kMrk;
inline const std::string kControl =
    "arn:aws:kms:us-west-2:338144066592:key/mrk-" + std::string(32, 'c');

class AwsKmsGround : public ::testing::Test {
 protected:
  using Answer = std::function<Result<net::HttpResponse>(const aws::testing::Sent&)>;

  static std::string RegionOf(const aws::testing::Sent& sent) {
    constexpr std::size_t kStart = std::string_view("https://kms.").size();
    return sent.url.substr(kStart, sent.url.find('.', kStart) - kStart);
  }
  // The value of a string member of the request.
  static std::string Member(const aws::testing::Sent& sent, const std::string& name) {
    const std::string start = "\"" + name + "\":\"";
    const std::size_t at = sent.body.find(start);
    if (at == sent.body.npos) return {};
    return sent.body.substr(at + start.size(),
                            sent.body.find('"', at + start.size()) - at - start.size());
  }
  static Result<net::HttpResponse> Works(const aws::testing::Sent& sent) {
    const std::string arn = Member(sent, "KeyId");
    auto response = aws::testing::Reply(
        200, R"({"KeyId":")" + arn + R"(","CiphertextBlob":"AQID","Plaintext":")" +
                 base::Base64Encode(base::Bytes(32, 0xa5)) + R"(","KeyMetadata":{"Arn":")" + arn +
                 R"(","KeyState":"Enabled"}})");
    response.headers.push_back({"x-amzn-RequestId", "req-" + RegionOf(sent)});
    return response;
  }
  static Answer Fails(int status, const std::string& code, const std::string& message = "") {
    return [=](const aws::testing::Sent&) {
      return Result<net::HttpResponse>(aws::testing::Reply(
          status, R"({"__type":")" + code + R"(","message":")" + message + R"("})"));
    };
  }
  static Answer Denies() { return Fails(400, "AccessDeniedException", "User is not authorized"); }
  static Answer Refuses() {
    return [](const aws::testing::Sent&) {
      return Result<net::HttpResponse>(aws::testing::NoConnection());
    };
  }
  // Takes the request and never answers.
  Answer Swallows() {
    return [this](const aws::testing::Sent&) {
      clock_.Advance(std::chrono::milliseconds(1500));
      return Result<net::HttpResponse>(Error{ErrorCode::kDeadlineExceeded, "timeout"});
    };
  }

  AwsKmsGround() {
    options_.sleep = [this](base::Duration d) {
      slept_ += d;
      clock_.Advance(d);
    };
    options_.run_aside = [this](std::function<void()> job) { aside_.push_back(std::move(job)); };
  }
  AwsKms& Kms() {
    if (!kms_) {
      kms_ = std::make_unique<AwsKms>(http_, credentials_, clock_, random_, options_,
                                      [this](const AwsCall& call) { calls_.push_back(call); });
    }
    return *kms_;
  }
  static model::TenantId Tenant(char c = 't') {
    return *model::TenantId::Parse(std::string(32, c));
  }
  CallLimits Soon() const { return {clock_.Boot() + std::chrono::seconds(8)}; }
  KmsKey Key() const { return {model::ProviderKind::kAwsKms, kPrimary, kReplica}; }
  KmsKey LoneKey() const { return {model::ProviderKind::kAwsKms, kPrimary}; }

  // "ok", or the error's code.
  std::string Decrypt(const KmsKey& key, char tenant = 't') {
    const auto opened = Kms().Decrypt(key, Tenant(tenant), base::AsBytes("blob"), Soon());
    return opened ? "ok" : std::string(ErrorCodeName(opened.error().code));
  }
  std::string Encrypt(const KmsKey& key, char tenant = 't') {
    const auto made = Kms().Encrypt(key, Tenant(tenant), base::AsBytes("key"), Soon());
    return made ? "ok" : std::string(ErrorCodeName(made.error().code));
  }
  // Requests so far, to one region.
  std::size_t Asked(const std::string& region) const {
    std::size_t count = 0;
    for (const auto& sent : http_.sent()) count += RegionOf(sent) == region ? 1 : 0;
    return count;
  }
  void RunAside() {
    for (auto& job : std::exchange(aside_, {})) job();
  }

  base::FakeClock clock_;
  base::FakeRandom random_{7};
  std::map<std::string, Answer> regions_;  // Works where none is set.
  aws::testing::FakeHttp http_{[this](const aws::testing::Sent& sent) {
    const auto found = regions_.find(RegionOf(sent));
    return found == regions_.end() ? Works(sent) : found->second(sent);
  }};
  aws::StaticCredentials credentials_{"AKIAEXAMPLE", "secret", "token"};
  AwsKmsOptions options_;
  std::vector<AwsCall> calls_;
  std::vector<std::function<void()>> aside_;
  base::Duration slept_{};
  std::unique_ptr<AwsKms> kms_;
};

}  // namespace tenantseal::kms
