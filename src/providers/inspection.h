// One validation under way: asks the key, check by check, and writes the report. Private to
// providers/.
#pragma once

#include <optional>
#include <string>

#include "aws/arn.h"
#include "providers/validator.h"

namespace tenantseal::providers {

// What came back, told apart by what it means for a check.
enum class Word : std::uint8_t {
  kYes,
  kDenied,   // The policy.
  kRefused,  // Something else of the key; `reason` is AWS's code.
  kGarbled,  // No answer to what was asked; `reason` is for the log.
  kSilent,   // No answer.
};
template <typename T>
struct Heard {
  Word word = Word::kYes;
  std::string reason = {};
  std::optional<T> value = {};
};
// The error is our own, never the key's.
template <typename T>
Result<Heard<T>> Hear(Result<kms::Answered<T>> answer) {
  if (answer && answer->value) return Heard<T>{Word::kYes, {}, std::move(answer->value)};
  if (answer) {
    const bool denied = answer->refusal.starts_with("AccessDenied");
    return Heard<T>{denied ? Word::kDenied : Word::kRefused, std::move(answer->refusal), {}};
  }
  switch (answer.error().code) {
    case ErrorCode::kKeyUnavailable:
    case ErrorCode::kDeadlineExceeded:
      return Heard<T>{Word::kSilent, std::move(answer.error().message), {}};
    case ErrorCode::kIntegrity:
      return Heard<T>{Word::kGarbled, std::move(answer.error().message), {}};
    default:
      return std::move(answer.error());
  }
}

// Whether `key` is what was asked for, or a key that the alias which was asked for may name.
bool IsKeyBehind(const std::string& key, const std::string& asked);

class Inspection {
 public:
  struct Parts {
    const kms::KeyInspector& inspector;
    const base::Random& random;
    const ValidatorOptions& options;
  };
  Inspection(const Parts& parts, const Validator::Ask& ask, base::Deadline deadline, Report& report)
      : parts_(parts), ask_(ask), limits_(deadline), report_(report) {}

  // Fills the report's checks. Errors as of Validator::Validate().
  Result<void> Run();

 private:
  // A key of the pair, in its region.
  struct Side {
    std::string arn, region;
    bool primary = true;  // Of the pair as we use it: the one in the tenant's region.
    std::optional<kms::KmsGenerated> generated = {};
  };
  // An action that is asked for a check.
  struct Asked {
    const char* check;
    const char* action;
  };

  // The steps. False: the rest would be meaningless.
  bool CheckName();
  bool CheckRegion();
  Result<bool> CheckAuthorised();
  Result<bool> CheckDescription();
  Result<bool> CheckRoundTrip();
  Result<void> CheckReplica();
  Result<void> CheckIsolation(const Side& side);
  Result<void> CheckShared();
  Result<void> CheckAlias();

  // Parts of CheckDescription().
  void CheckEnabled();
  void CheckKind();
  void CheckMultiRegion();
  std::string HowToReplicate(const std::string& from, const std::string& backup) const;
  // Parts of CheckReplica(). False: the replica is not asked any more.
  Result<bool> ReplicaAuthorised();
  Result<bool> ReplicaRoundTrip();
  Result<void> ReplicaAgrees();

  // Whether `by` unwraps the blob to `expected`; writes what is wrong.
  Result<bool> Opens(const char* check, const Side& by, base::ByteSpan blob,
                     base::ByteSpan expected);
  // A random secret as `by` wraps it; nothing when it does not, and writes why.
  struct Wrapped {
    base::SecretBytes secret;
    base::Bytes blob;
  };
  Result<std::optional<Wrapped>> Wraps(const char* check, const Side& by);
  // Writes what a word that is not kYes means for a check. An error when the primary is silent.
  Result<void> Note(const Asked& asked, const Side& side, Word word, const std::string& reason);

  void Pass(const std::string& check, const std::string& region, const std::string& detail);
  void Warn(const std::string& check, const std::string& region, const std::string& detail,
            const std::string& fix, model::EncryptionCode code);
  void Fail(const std::string& check, const std::string& region, const std::string& detail,
            const std::string& fix, model::EncryptionCode code);
  void Deny(const Asked& asked, const Side& side);
  void MendPolicy();
  bool failed() const { return report_.outcome() == model::CheckOutcome::kFail; }
  const std::string& tenant() const { return ask_.tenant.id.text(); }

  const Parts parts_;
  const Validator::Ask& ask_;
  const kms::CallLimits limits_;
  Report& report_;
  aws::KmsArn given_;
  std::string refusal_;  // Of an admitted GenerateDataKey: the key cannot do it.
  Side primary_;
  Side replica_;  // `arn` is empty: none is needed, or it is missing.
  bool replica_silent_ = false;
  kms::KeyDescription description_;
};

}  // namespace tenantseal::providers
