// The input of a KMS operation: members are read by name, and what is wrong is collected in AWS's
// words ("1 validation error detected: Value null at 'keyId' failed to satisfy constraint: ...").
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "emulator/kms_fault.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

// The encryption context, sorted by the bytes of the keys; no key twice.
using ContextPairs = std::vector<std::pair<std::string, std::string>>;

// Bounds of a string or blob, in bytes after decoding.
struct Length {
  std::size_t min = 1, max = 2048;
  bool required = false;
  bool secret = false;  // AWS does not echo the value of sensitive members.
};
inline constexpr Length kKeyIdLength{.min = 1, .max = 2048, .required = true};
inline constexpr Length kOptionalKeyIdLength{.min = 1, .max = 2048};

// One at a time on a thread: they share the thread's parser. Views live as long as the Input.
class Input {
 public:
  // An empty body is taken as {}. The body need not outlive the call.
  explicit Input(std::string_view body);
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  bool Has(std::string_view name) const;
  // Empty when the member is absent or wrong.
  std::string_view Text(std::string_view name, Length length);
  std::optional<std::int64_t> Integer(std::string_view name, std::int64_t min, std::int64_t max);
  bool Flag(std::string_view name);
  base::Bytes Blob(std::string_view name, Length length);
  base::SecretBytes SecretBlob(std::string_view name, Length length);
  std::string Enum(std::string_view name, std::string_view standard,
                   std::span<const std::string_view> values);
  std::vector<std::string> Texts(std::string_view name, std::size_t items_max, Length each,
                                 bool required = false);
  // A map of strings; of the member `name` of the member `parent` when that is not empty.
  ContextPairs Context(std::string_view name, std::string_view parent = "");
  bool Has(std::string_view name, std::string_view parent) const;
  std::vector<Tag> Tags(std::string_view name, bool required);

  // Records a violated constraint, for rules that the readers above do not know.
  void Violated(std::string_view name, std::string_view value, bool secret,
                const std::string& constraint);
  // All that was wrong so far; ask after the last member was read.
  std::optional<Fault> fault() const;

  // The input for CloudTrail: member names begin in lower case, secrets and ciphertexts are left
  // out. Empty for an empty input.
  std::string TrailParameters() const;

 private:
  struct Document;
  void Malformed(std::string message);  // SerializationException.
  void WrongType(std::string_view found, std::string_view wanted);

  std::unique_ptr<Document> document_;
  std::string malformed_;
  std::vector<std::string> violations_;
};

// "keyId" of "KeyId".
std::string LowerCamel(std::string_view name);

}  // namespace tenantseal::emulator
