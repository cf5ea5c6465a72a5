// Finds strings in a JSON object where they stand, without a copy. Private to kms/aws.
#pragma once

#include <span>
#include <string_view>

namespace tenantseal::kms {

struct WantedString {
  std::string_view name;
  // What stands between the quotes, as it stands there; with a null pointer when the member is
  // missing or is no string.
  std::string_view raw = {};
};

// Whether `json` is one JSON object (RFC 8259), whole, in UTF-8, nested no deeper than 16, whose
// wanted members occur once each. Fills `wanted`. Makes no copy, so that no key material is left
// behind in memory that nobody wipes.
bool ScanObject(std::string_view json, std::span<WantedString> wanted);

}  // namespace tenantseal::kms
