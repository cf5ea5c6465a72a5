// The JSON form of what the World keeps: the rows of the state file, and snapshots. Private to
// world.cc and state_file.cc.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

base::SecretBytes ToJson(const Key& key);
base::SecretBytes ToJson(const MaterialSet& set);
base::SecretBytes ToJson(const Alias& alias);
base::SecretBytes ToJson(const Role& role);
base::SecretBytes ToJson(const User& user);
base::SecretBytes ToJson(const AccessKey& key);
base::SecretBytes SettingsJson(const Contents& contents);

// Puts the row into `contents`. kIntegrity when it is not what ToJson() writes.
Result<void> ReadRow(std::string_view kind, std::string_view id, std::string_view json,
                     Contents& contents);
// What can only be done when all rows are in: callers get their policies, ids their ARNs.
void FinishLoading(Contents& contents);
// Fills in the identity and session policies of the caller.
void AttachPolicies(const Contents& contents, AccessKey& key);

}  // namespace tenantseal::emulator
