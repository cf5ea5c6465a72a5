// A KMS for the tests of migrations, whose keys and calls fail when told to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "kms/fake_kms.h"

namespace tenantseal::migration {

// Thread-safe. Passes calls on to a FakeKms unless their key, or the call itself, is to fail.
class GateKms final : public kms::KmsClient {
 public:
  explicit GateKms(const kms::KmsClient& inner) : inner_(inner) {}

  // Every call of the key fails so; kms::KmsKey::arn names it, "" is the internal KMS.
  void Fail(const std::string& arn, ErrorCode code) {
    base::MutexLock lock(mutex_);
    failing_.insert_or_assign(arn, code);
  }
  void Mend(const std::string& arn) {
    base::MutexLock lock(mutex_);
    failing_.erase(arn);
  }
  // The call number `nth` from now (1 is the next) fails.
  void FailCall(std::uint64_t nth, ErrorCode code = ErrorCode::kKeyUnavailable) {
    base::MutexLock lock(mutex_);
    fail_at_ = calls_ + nth;
    fail_code_ = code;
  }
  void FailNoCall() {
    base::MutexLock lock(mutex_);
    fail_at_ = 0;
  }
  // Just before the call number `nth` from now, whoever makes it, or between its answer and the
  // caller.
  void BeforeCall(std::uint64_t nth, std::function<void()> act) {
    base::MutexLock lock(mutex_);
    before_ = {calls_ + nth, std::move(act)};
  }
  void AfterCall(std::uint64_t nth, std::function<void()> act) {
    base::MutexLock lock(mutex_);
    after_ = {calls_ + nth, std::move(act)};
  }
  // Lets a test act in the midst of another's work. Not for the calls that `act` makes itself.
  void BeforeEncrypt(std::function<void()> act) { before_encrypt_ = std::move(act); }
  std::uint64_t calls() const {
    base::MutexLock lock(mutex_);
    return calls_;
  }
  // Calls of one key.
  std::uint64_t calls(const std::string& arn) const {
    base::MutexLock lock(mutex_);
    const auto found = calls_of_.find(arn);
    return found == calls_of_.end() ? 0 : found->second;
  }

  Result<kms::KmsGenerated> GenerateDataKey(const kms::KmsKey& key, const model::TenantId& tenant,
                                            kms::CallLimits limits) const override {
    return Pass(key, [&] { return inner_.GenerateDataKey(key, tenant, limits); });
  }
  Result<kms::KmsCiphertext> Encrypt(const kms::KmsKey& key, const model::TenantId& tenant,
                                     base::ByteSpan plaintext,
                                     kms::CallLimits limits) const override {
    if (before_encrypt_ && !std::exchange(acting_, true)) {
      before_encrypt_();
      acting_ = false;
    }
    return Pass(key, [&] { return inner_.Encrypt(key, tenant, plaintext, limits); });
  }
  Result<kms::KmsPlaintext> Decrypt(const kms::KmsKey& key, const model::TenantId& tenant,
                                    base::ByteSpan ciphertext,
                                    kms::CallLimits limits) const override {
    return Pass(key, [&] { return inner_.Decrypt(key, tenant, ciphertext, limits); });
  }

 private:
  struct ToDo {
    std::uint64_t at = 0;  // The number of the call.
    std::function<void()> act = {};
  };

  template <typename Call>
  auto Pass(const kms::KmsKey& key, Call call) const -> decltype(call()) {
    std::uint64_t number = 0;
    {
      base::MutexLock lock(mutex_);
      number = ++calls_;
      ++calls_of_[key.arn];
    }
    Do(before_, number);
    auto result = [&]() -> decltype(call()) {
      TS_RETURN_IF_ERROR(Enter(key, number));
      return call();
    }();
    Do(after_, number);
    return result;
  }
  void Do(ToDo& todo, std::uint64_t number) const {
    std::function<void()> act;
    {
      base::MutexLock lock(mutex_);
      if (todo.at == number) act = std::exchange(todo.act, {});
    }
    if (act) act();
  }
  Result<void> Enter(const kms::KmsKey& key, std::uint64_t number) const {
    base::MutexLock lock(mutex_);
    if (number == fail_at_) return Error{fail_code_, "fault"};
    const auto found = failing_.find(key.arn);
    if (found != failing_.end()) return Error{found->second, "the key fails"};
    return {};
  }

  const kms::KmsClient& inner_;
  std::function<void()> before_encrypt_;
  mutable bool acting_ = false;  // Of one thread only.
  mutable base::Mutex mutex_;
  std::map<std::string, ErrorCode> failing_ TS_GUARDED_BY(mutex_);
  mutable ToDo before_, after_;  // Under the mutex.
  std::uint64_t fail_at_ TS_GUARDED_BY(mutex_) = 0;
  ErrorCode fail_code_ TS_GUARDED_BY(mutex_) = ErrorCode::kKeyUnavailable;
  mutable std::uint64_t calls_ TS_GUARDED_BY(mutex_) = 0;
  mutable std::map<std::string, std::uint64_t> calls_of_ TS_GUARDED_BY(mutex_);
};

}  // namespace tenantseal::migration
