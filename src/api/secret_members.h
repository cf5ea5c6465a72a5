// Takes JSON whose members are partly secret apart, so that each goes its own way: the secrets
// straight into memory that is wiped, the others through a general tree.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::api {

// Members or elements of one text; more are refused.
inline constexpr std::size_t kSecretMembersMax = 256;

struct SecretMember {
  std::string name;
  base::SecretBytes text;  // The value, as JSON; only its brackets and quotes have been looked at.
};

// The members of a JSON object in their order; a name may stand twice. kInvalidArgument (field
// "body").
Result<std::vector<SecretMember>> SplitObject(base::ByteSpan object);
// The elements of a JSON array. The same.
Result<std::vector<base::SecretBytes>> SplitArray(base::ByteSpan array);
// The string that a member's text is. kInvalidArgument with `field`: it is no string, or holds an
// escape that is not one of ASCII.
Result<base::SecretBytes> SecretString(const base::SecretBytes& text, std::string_view field);

}  // namespace tenantseal::api
