// A JSON object that holds a secret, read without a copy of the secret anywhere.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::sdk {

struct JsonField {
  std::string_view name;
  std::string_view* value;  // Set to the string without quotes, or to the number or literal.
};

// Looks fields up in the object that `body` is. What is missing stays as it is. Views are into
// padded secret memory that the object owns. False when it is not an object of
// JSON, or one of the fields is an object, an array or a string with an escape (keys, texts and
// base64 need none).
class SecretJson {
 public:
  explicit SecretJson(base::SecretBytes body);
  bool Read(std::initializer_list<JsonField> fields) const;

 private:
  base::SecretBytes padded_;
  std::size_t size_;
};

}  // namespace tenantseal::sdk
