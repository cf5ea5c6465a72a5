// A World with two accounts, and calls of KmsService as the front makes them. For tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/encoding.h"
#include "base/random.h"
#include "emulator/kms_service.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

inline constexpr char kCustomer[] = "111122223333";
inline constexpr char kServiceAccount[] = "338144066592";
inline constexpr char kEast[] = "us-east-1";
inline constexpr char kWest[] = "us-west-2";

using nlohmann::json;

struct Answered {
  std::string code;  // Empty: it succeeded.
  std::string message;
  int status = 200;
  std::string text;
  json body;
  TrailNote note;
  bool ok() const { return code.empty(); }
};

class KmsGround : public testing::Test {
 protected:
  KmsGround() { Open(""); }

  // Opens the world anew, from the state file if there is one.
  void Open(const std::string& path) {
    kms_.reset();
    world_.reset();
    auto world = World::Open(path, clock_, random_);
    ASSERT_TRUE(world) << world.error().message;
    world_ = std::move(*world);
    world_->OnServiceEvent([this](const ServiceEvent& event) { events_.push_back(event); });
    kms_ = std::make_unique<KmsService>(*world_);
    const std::string all =
        R"({"Version":"2012-10-17",
            "Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]})";
    AddUser(kCustomer, "admin", all);
    AddUser(kCustomer, "nobody", "");
    AddUser(kServiceAccount, "service", all);
    Role role{std::string("arn:aws:iam::") + kServiceAccount + ":role/proxy",
              "proxy",
              "AROAPROXY",
              kServiceAccount,
              {},
              {*CompilePolicy(all, aws::PolicyKind::kIdentity)}};
    ASSERT_TRUE(world_->AddRole(role));
    AccessKey session;
    session.id = "ASIASESSION";
    session.secret = base::SecretBytes::CopyOf(base::AsBytes("secret"));
    session.caller.identity = {
        kServiceAccount, std::string("arn:aws:sts::") + kServiceAccount + ":assumed-role/proxy/s1",
        role.arn, "AROAPROXY:s1", ""};
    session.caller.session_name = "s1";
    session.caller.role_name = "proxy";
    ASSERT_TRUE(world_->AddAccessKey(std::move(session)));
  }

  void AddUser(const std::string& account, const std::string& name, const std::string& policy) {
    User user{"arn:aws:iam::" + account + ":user/" + name, name, "AIDA" + name, account, {}, {}};
    if (!policy.empty())
      user.policies.push_back(*CompilePolicy(policy, aws::PolicyKind::kIdentity));
    AccessKey key;
    key.id = "AKIA" + name;
    key.secret = base::SecretBytes::CopyOf(base::AsBytes("secret"));
    key.caller.identity = {account, user.arn, "", user.id, name};
    ASSERT_TRUE(world_->AddUser(std::move(user)));
    ASSERT_TRUE(world_->AddAccessKey(std::move(key)));
  }

  Caller Who(const std::string& access_key_id) {
    return world_->Read([&](const Contents& contents) {
      return contents.access_keys.find(access_key_id)->second->caller;
    });
  }
  Caller Admin() { return Who("AKIAadmin"); }
  Caller Nobody() { return Who("AKIAnobody"); }
  Caller Service() { return Who("AKIAservice"); }
  Caller Session() { return Who("ASIASESSION"); }

  Answered As(const Caller& caller, const std::string& region, const std::string& operation,
              const std::string& body) {
    Call call;
    call.region = region;
    call.service = "kms";
    call.operation = operation;
    call.request_id = "request";
    call.source_ip = "127.0.0.1";
    call.time = world_->Now();
    call.caller = std::make_shared<const Caller>(caller);
    Answered out;
    Reply reply = kms_->Handle(call, body, out.note);
    if (reply.fault) {
      out.code = reply.fault->code;
      out.message = reply.fault->message;
      out.status = reply.fault->status;
    } else {
      out.text = reply.body.RevealText();
      if (!out.text.empty()) out.body = json::parse(out.text);
    }
    return out;
  }
  Answered As(const Caller& caller, const std::string& region, const std::string& operation,
              const json& body) {
    return As(caller, region, operation, body.dump());
  }
  Answered Do(const std::string& operation, const json& body, const std::string& region = kEast) {
    return As(Admin(), region, operation, body.dump());
  }

  std::string NewKey(const json& body = json::object()) {
    const Answered made = Do("CreateKey", body);
    EXPECT_TRUE(made.ok()) << made.message;
    return made.body["KeyMetadata"]["Arn"].get<std::string>();
  }
  std::string Encrypted(const std::string& key, const json& context = json::object(),
                        const std::string& region = kEast) {
    const Answered made =
        Do("Encrypt", {{"KeyId", key}, {"Plaintext", "aGVsbG8="}, {"EncryptionContext", context}},
           region);
    EXPECT_TRUE(made.ok()) << made.code << made.message;
    return made.body.value("CiphertextBlob", "");
  }
  std::string State(const std::string& key, const std::string& region = kEast) {
    const Answered told = Do("DescribeKey", {{"KeyId", key}}, region);
    return told.ok() ? told.body["KeyMetadata"]["KeyState"].get<std::string>() : told.code;
  }
  // Brings a key into a state, whatever it takes.
  void Force(const std::string& arn, KeyState state) {
    Edit edit(*world_);
    Key key = *edit.contents().FindKey(arn);
    key.state = state;
    key.origin = state == KeyState::kPendingImport ? "EXTERNAL" : "AWS_KMS";
    edit.Put(std::move(key));
    ASSERT_TRUE(edit.Commit());
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  std::unique_ptr<World> world_;
  std::unique_ptr<KmsService> kms_;
  std::vector<ServiceEvent> events_;
};

// "arn:aws:kms:REGION:..." of the related key in another region.
inline std::string InRegion(const std::string& arn, const std::string& region) {
  std::string out = arn;
  const std::size_t from = std::string("arn:aws:kms:").size();
  out.replace(from, out.find(':', from) - from, region);
  return out;
}

}  // namespace tenantseal::emulator
