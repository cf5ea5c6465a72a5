// A KMS in memory for tests: real wrapping, and any fault on command.
//
// Faults are set for one tenant or for all, for a number of calls or until cleared. Thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "kms/kms_client.h"
#include "kms/sealed_box.h"

namespace tenantseal::kms {

class FakeKms final : public KmsClient, public InternalKeys {
 public:
  enum class Fault : std::uint8_t {
    kRevoked,            // The owner refuses.
    kUnavailable,        // No answer.
    kServiceFault,       // Our credentials fail.
    kIntegrity,          // The ciphertext is not the key's.
    kWrongLength,        // A plaintext of 31 bytes.
    kWrongArn,           // Another key's name in the reply.
    kSwappedCiphertext,  // GenerateDataKey and Encrypt return another secret's ciphertext.
    kPrimaryAway,        // No answer by the key; its replica answers where it may stand in.
  };
  static constexpr int kForever = -1;

  // `clock` is advanced by the time that slow calls take; may be nullptr.
  explicit FakeKms(const base::Random& random, base::FakeClock* clock = nullptr)
      : random_(random), clock_(clock) {}

  void Fail(const model::TenantId& tenant, Fault fault, int calls = kForever) {
    Set(tenant.text(), {fault, calls});
  }
  void FailAll(Fault fault, int calls = kForever) { Set("", {fault, calls}); }
  // The call after `calls` more of whatever kind fails once, as unavailable.
  void FailAfter(int calls) {
    base::MutexLock lock(mutex_);
    fail_after_ = calls;
  }
  void Mend() {
    base::MutexLock lock(mutex_);
    faults_.clear();
    fail_after_.reset();
    slow_ = {};
  }
  // Each call takes this long on the fake clock, before it is answered.
  void Slow(base::Duration each) {
    base::MutexLock lock(mutex_);
    slow_ = each;
  }
  std::uint64_t calls() const { return Count(&Counts::all); }
  std::uint64_t decrypts() const { return Count(&Counts::decrypts); }
  bool HasKey(const model::TenantId& tenant) const {
    base::MutexLock lock(mutex_);
    const auto found = keys_.find("internal:" + tenant.text());
    return found != keys_.end() && found->second.has_value();
  }
  // Registers a key of the other kind, as a customer's in AWS KMS, perhaps with a replica.
  void AddCustomerKey(const std::string& arn, const std::string& replica_arn = "") {
    base::MutexLock lock(mutex_);
    keys_[arn] = random_.Key();
    if (!replica_arn.empty()) primaries_[replica_arn] = arn;
  }
  // Of the last call.
  KmsKey last_key() const {
    base::MutexLock lock(mutex_);
    return last_key_;
  }
  CallLimits last_limits() const {
    base::MutexLock lock(mutex_);
    return last_limits_;
  }

  Result<KmsGenerated> GenerateDataKey(const KmsKey& key, const model::TenantId& tenant,
                                       CallLimits limits) const override {
    base::SecretBytes plaintext(32);
    random_.Fill(plaintext.RevealMutable());
    TS_ASSIGN_OR_RETURN(KmsCiphertext wrapped, Encrypt(key, tenant, plaintext.Reveal(), limits));
    return KmsGenerated{std::move(plaintext), std::move(wrapped)};
  }

  Result<KmsCiphertext> Encrypt(const KmsKey& key, const model::TenantId& tenant,
                                base::ByteSpan plaintext, CallLimits limits) const override {
    TS_ASSIGN_OR_RETURN(const std::optional<Fault> fault, Enter(tenant, false));
    TS_ASSIGN_OR_RETURN(const Answering by, AnswersFor(key, tenant, fault, limits));
    TS_ASSIGN_OR_RETURN(const base::Secret256 provider_key, Key(by.key));
    base::Bytes other(plaintext.size(), 7);
    const bool swapped = fault == Fault::kSwappedCiphertext;
    return KmsCiphertext{SealBox(provider_key, kLabel, base::AsBytes(by.key + " " + tenant.text()),
                                 swapped ? base::ByteSpan(other) : plaintext, random_),
                         by.name};
  }

  Result<KmsPlaintext> Decrypt(const KmsKey& key, const model::TenantId& tenant,
                               base::ByteSpan ciphertext, CallLimits limits) const override {
    TS_ASSIGN_OR_RETURN(const std::optional<Fault> fault, Enter(tenant, true));
    TS_ASSIGN_OR_RETURN(const Answering by, AnswersFor(key, tenant, fault, limits));
    TS_ASSIGN_OR_RETURN(const base::Secret256 provider_key, Key(by.key));
    TS_ASSIGN_OR_RETURN(
        base::SecretBytes plaintext,
        OpenBox(provider_key, kLabel, base::AsBytes(by.key + " " + tenant.text()), ciphertext));
    if (fault == Fault::kWrongLength) plaintext.Truncate(plaintext.size() - 1);
    return KmsPlaintext{std::move(plaintext), by.name};
  }

  Result<void> CreateKey(const model::TenantId& tenant) override {
    TS_RETURN_IF_ERROR(Enter(tenant, false));
    base::MutexLock lock(mutex_);
    const auto [at, fresh] = keys_.try_emplace("internal:" + tenant.text());
    if (fresh) at->second = random_.Key();
    if (!at->second) return Error{ErrorCode::kConflict, "the key was destroyed"};
    return {};
  }
  Result<void> DestroyKey(const model::TenantId& tenant) override {
    TS_RETURN_IF_ERROR(Enter(tenant, false));
    base::MutexLock lock(mutex_);
    const auto found = keys_.find("internal:" + tenant.text());
    if (found != keys_.end()) found->second.reset();
    return {};
  }

 private:
  static constexpr std::string_view kLabel = "tenantseal fake kms";
  struct Order {
    Fault fault;
    int calls;
  };
  struct Counts {
    std::uint64_t all = 0;
    std::uint64_t decrypts = 0;
  };

  struct Answering {
    std::string name;  // The key or replica that answers.
    std::string key;   // The key whose material it has.
  };

  // Remembers the call and says who answers it.
  Result<Answering> AnswersFor(const KmsKey& key, const model::TenantId& tenant,
                               const std::optional<Fault>& fault, CallLimits limits) const {
    base::MutexLock lock(mutex_);
    last_key_ = key;
    last_limits_ = limits;
    std::string arn = ArnOf(key, tenant);
    // A replica that is called itself is not the one that is away.
    if (fault == Fault::kPrimaryAway && !primaries_.contains(arn)) {
      if (key.replica_arn.empty() || key.primary_refuses)
        return Error{ErrorCode::kKeyUnavailable, "no answer"};
      arn = key.replica_arn;
    }
    const auto primary = primaries_.find(arn);
    return Answering{fault == Fault::kWrongArn ? arn + "-other" : arn,
                     primary == primaries_.end() ? arn : primary->second};
  }
  static std::string ArnOf(const KmsKey& key, const model::TenantId& tenant) {
    return key.kind == model::ProviderKind::kInternal ? "internal:" + tenant.text() : key.arn;
  }
  void Set(const std::string& whom, Order order) {
    base::MutexLock lock(mutex_);
    faults_.insert_or_assign(whom, order);
  }
  std::uint64_t Count(std::uint64_t Counts::*which) const {
    base::MutexLock lock(mutex_);
    return counts_.*which;
  }
  Result<base::Secret256> Key(const std::string& arn) const {
    base::MutexLock lock(mutex_);
    const auto found = keys_.find(arn);
    if (found == keys_.end()) return IntegrityError("no such key: " + arn);
    if (!found->second) return Error{ErrorCode::kKeyRevoked, "the key was destroyed: " + arn};
    return found->second->Copy();
  }
  // Counts the call, takes its time, and fails it if so ordered. Returns a fault of the reply.
  Result<std::optional<Fault>> Enter(const model::TenantId& tenant, bool decrypt) const {
    base::MutexLock lock(mutex_);
    ++counts_.all;
    counts_.decrypts += decrypt ? 1 : 0;
    if (clock_ != nullptr && slow_ > base::Duration::zero()) clock_->Advance(slow_);
    if (fail_after_ && (*fail_after_)-- <= 0) {
      fail_after_.reset();
      return Error{ErrorCode::kKeyUnavailable, "fault"};
    }
    for (const std::string& whom : {tenant.text(), std::string()}) {
      const auto found = faults_.find(whom);
      if (found == faults_.end() || found->second.calls == 0) continue;
      if (found->second.calls > 0) --found->second.calls;
      switch (found->second.fault) {
        case Fault::kRevoked:
          return Error{ErrorCode::kKeyRevoked, "AccessDenied"};
        case Fault::kUnavailable:
          return Error{ErrorCode::kKeyUnavailable, "no answer"};
        case Fault::kServiceFault:
          return Error{ErrorCode::kServiceFault, "ExpiredToken"};
        case Fault::kIntegrity:
          return IntegrityError("InvalidCiphertext");
        default:
          return std::optional<Fault>(found->second.fault);
      }
    }
    return std::optional<Fault>();
  }

  const base::Random& random_;
  base::FakeClock* const clock_;
  mutable base::Mutex mutex_;
  mutable std::map<std::string, Order> faults_ TS_GUARDED_BY(mutex_);
  mutable std::optional<int> fail_after_ TS_GUARDED_BY(mutex_);
  base::Duration slow_ TS_GUARDED_BY(mutex_){};
  mutable Counts counts_ TS_GUARDED_BY(mutex_);
  std::map<std::string, std::optional<base::Secret256>> keys_ TS_GUARDED_BY(mutex_);
  std::map<std::string, std::string> primaries_ TS_GUARDED_BY(mutex_);  // By their replicas.
  mutable KmsKey last_key_ TS_GUARDED_BY(mutex_);
  mutable CallLimits last_limits_ TS_GUARDED_BY(mutex_){base::Deadline()};
};

}  // namespace tenantseal::kms
