// Keys in memory for tests of what inspects keys: each with a state, a policy and a region.
//
// Answers in AWS's order: not found, denied, disabled or pending, wrong usage. Set up by one
// thread; asked by any number.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "kms/key_inspector.h"
#include "kms/sealed_box.h"

namespace tenantseal::kms {

class FakeInspector final : public KeyInspector {
 public:
  using Tenant = std::optional<model::TenantId>;  // Of the encryption context; none: no context.
  // Whether a key's policy allows "DescribeKey", "GenerateDataKey", "Encrypt" or "Decrypt".
  using Policy = std::function<bool(std::string_view action, const Tenant& tenant)>;
  // The policy that isolates tenants: DescribeKey, and the rest with one of these tenants' context.
  static Policy Admits(std::set<std::string> tenants) {
    return [tenants = std::move(tenants)](std::string_view action, const Tenant& tenant) {
      return action == "DescribeKey" || (tenant && tenants.contains(tenant->text()));
    };
  }
  // The same without one action.
  static Policy Without(std::string_view denied, Policy policy) {
    return [=](std::string_view action, const Tenant& tenant) {
      return action != denied && policy(action, tenant);
    };
  }

  struct Key {
    KeyDescription description;
    Policy policy;
    std::string refusal = {};  // AWS's code that every admitted call meets; empty: none.
    std::string garbled = {};  // The action whose answers hold another plaintext or ciphertext.
    std::shared_ptr<base::Secret256> material = {};
  };
  struct Call {
    std::string action, arn;
    Tenant tenant;
    bool operator==(const Call&) const = default;
  };

  explicit FakeInspector(const base::Random& random) : random_(random) {}

  // An enabled, symmetric single-region key; change it at will.
  Key& Add(const std::string& arn, Policy policy) {
    Key& key = keys_[arn];
    key.description = {.arn = arn,
                       .account = "111122223333",
                       .key_state = "Enabled",
                       .key_usage = "ENCRYPT_DECRYPT",
                       .key_spec = "SYMMETRIC_DEFAULT",
                       .origin = "AWS_KMS",
                       .manager = "CUSTOMER",
                       .enabled = true,
                       .multi_region_type = {},
                       .primary_arn = {},
                       .replica_arns = {}};
    key.policy = std::move(policy);
    key.material = std::make_shared<base::Secret256>(random_.Key());
    return key;
  }
  // A replica of a key that was added, with the key's material and a policy and state of its own.
  Key& AddReplica(const std::string& arn, const std::string& primary_arn, Policy policy) {
    Key& primary = keys_.at(primary_arn);
    Key& replica = Add(arn, std::move(policy));
    replica.material = primary.material;
    primary.description.multi_region = true;
    primary.description.multi_region_type = "PRIMARY";
    primary.description.primary_arn = primary_arn;
    primary.description.replica_arns.push_back(arn);
    for (const std::string& each : primary.description.replica_arns) {
      KeyDescription& description = keys_.at(each).description;
      description.multi_region = true;
      description.multi_region_type = "REPLICA";
      description.primary_arn = primary_arn;
      description.replica_arns = primary.description.replica_arns;
    }
    return replica;
  }
  void SetState(const std::string& arn, const std::string& state) {
    keys_.at(arn).description.key_state = state;
    keys_.at(arn).description.enabled = state == "Enabled";
  }
  void Alias(const std::string& alias_arn, const std::string& key_arn) {
    aliases_[alias_arn] = key_arn;
  }
  Key& at(const std::string& arn) { return keys_.at(arn); }
  void Remove(const std::string& arn) { keys_.erase(arn); }
  // What every call to a region fails with from now on; nothing: it answers.
  void Fail(const std::string& region, std::optional<ErrorCode> error) { failing_[region] = error; }
  std::vector<Call> calls() const {
    base::MutexLock lock(mutex_);
    return calls_;
  }

  Result<Answered<KeyDescription>> Describe(const std::string& arn, CallLimits) const override {
    TS_ASSIGN_OR_RETURN(const Asked asked, Ask("DescribeKey", arn, {}));
    if (!asked.refusal.empty()) return Answered<KeyDescription>{asked.refusal, {}};
    return Answered<KeyDescription>{"", asked.key->description};
  }

  Result<Answered<KmsGenerated>> Generate(const std::string& arn, const Tenant& tenant,
                                          CallLimits) const override {
    TS_ASSIGN_OR_RETURN(const Asked asked, Ask("GenerateDataKey", arn, tenant));
    if (!asked.refusal.empty()) return Answered<KmsGenerated>{asked.refusal, {}};
    base::SecretBytes plaintext(32);
    {
      base::MutexLock lock(mutex_);  // A FakeRandom is not thread-safe.
      random_.Fill(plaintext.RevealMutable());
    }
    KmsCiphertext wrapped = Wrap(asked, tenant, plaintext.Reveal());
    Answered<KmsGenerated> answer;
    answer.value.emplace(std::move(plaintext), std::move(wrapped));
    return answer;
  }

  Result<Answered<KmsCiphertext>> Encrypt(const std::string& arn, const Tenant& tenant,
                                          base::ByteSpan plaintext, CallLimits) const override {
    TS_ASSIGN_OR_RETURN(const Asked asked, Ask("Encrypt", arn, tenant));
    if (!asked.refusal.empty()) return Answered<KmsCiphertext>{asked.refusal, {}};
    return Answered<KmsCiphertext>{"", Wrap(asked, tenant, plaintext)};
  }

  Result<Answered<KmsPlaintext>> Decrypt(const std::string& arn, const model::TenantId& tenant,
                                         base::ByteSpan ciphertext, CallLimits) const override {
    TS_ASSIGN_OR_RETURN(const Asked asked, Ask("Decrypt", arn, tenant));
    Answered<KmsPlaintext> answer{asked.refusal, {}};
    if (!asked.refusal.empty()) return answer;
    TS_ASSIGN_OR_RETURN(base::SecretBytes plaintext,
                        OpenBox(*asked.key->material, kLabel, Context(tenant), ciphertext));
    if (asked.key->garbled == "Decrypt") plaintext.RevealMutable()[0] ^= 1;
    answer.value.emplace(std::move(plaintext), asked.key->description.arn);
    return answer;
  }

 private:
  static constexpr std::string_view kLabel = "tenantseal fake inspector";
  struct Asked {
    std::string action;
    std::string refusal;
    const Key* key = nullptr;
  };

  static base::ByteSpan Context(const Tenant& tenant) {
    return tenant ? base::AsBytes(tenant->text()) : base::AsBytes("no context");
  }
  static std::string RegionOf(const std::string& arn) {
    std::size_t at = 0;
    for (int i = 0; i < 3; ++i) at = arn.find(':', at) + 1;
    return arn.substr(at, arn.find(':', at) - at);
  }

  Result<Asked> Ask(const std::string& action, const std::string& arn, const Tenant& tenant) const {
    base::MutexLock lock(mutex_);
    calls_.push_back({action, arn, tenant});
    const auto failing = failing_.find(RegionOf(arn));
    if (failing != failing_.end() && failing->second) {
      return Error{*failing->second, "KMS " + action + " in " + failing->first + ": as ordered."};
    }
    const auto alias = aliases_.find(arn);
    const auto found = keys_.find(alias == aliases_.end() ? arn : alias->second);
    if (found == keys_.end()) return Asked{action, "NotFoundException", nullptr};
    return Asked{action, RefusalOf(action, found->second, tenant), &found->second};
  }
  static std::string RefusalOf(const std::string& action, const Key& key, const Tenant& tenant) {
    if (!key.policy(action, tenant)) return "AccessDeniedException";
    if (!key.refusal.empty()) return key.refusal;
    if (action == "DescribeKey" || key.description.key_state == "Enabled") {
      const bool usable = key.description.key_usage == "ENCRYPT_DECRYPT" &&
                          key.description.key_spec == "SYMMETRIC_DEFAULT";
      return action == "DescribeKey" || usable ? "" : "InvalidKeyUsageException";
    }
    return key.description.key_state == "Disabled" ? "DisabledException"
                                                   : "KMSInvalidStateException";
  }
  KmsCiphertext Wrap(const Asked& asked, const Tenant& tenant, base::ByteSpan plaintext) const {
    base::Bytes wrapped(plaintext.begin(), plaintext.end());
    if (asked.key->garbled == asked.action) wrapped[0] ^= 1;
    base::MutexLock lock(mutex_);
    return {SealBox(*asked.key->material, kLabel, Context(tenant), wrapped, random_),
            asked.key->description.arn};
  }

  const base::Random& random_;
  std::map<std::string, Key> keys_;
  std::map<std::string, std::string> aliases_;
  std::map<std::string, std::optional<ErrorCode>> failing_;
  mutable base::Mutex mutex_;
  mutable std::vector<Call> calls_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::kms
