// The shared credentials and config files of AWS. Private to aws/.
// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tenantseal::aws {

struct ProfileSetting {
  std::string value;  // May be a secret: never quoted, never logged.
  std::string where;  // "FILE, line N".
};
using Profile = std::map<std::string, ProfileSetting>;  // By lower-case name.
using Profiles = std::map<std::string, Profile>;

enum class ProfileFile : std::uint8_t {
  kCredentials,  // Sections are [NAME].
  kConfig,       // Sections are [default] and [profile NAME]; others are not profiles.
};

// Adds what `text`, read from `path`, says to `profiles`; where a setting is there already, it
// stays. kServiceFault names file and line and quotes section and setting names, never a value.
Result<void> ReadProfiles(std::string_view text, const std::string& path, ProfileFile kind,
                          Profiles& profiles);

}  // namespace tenantseal::aws
