// What the answers of the management operations have in common.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "emulator/kms_fault.h"
#include "emulator/kms_request.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

Body JsonBody(const nlohmann::json& value);
double EpochSeconds(base::UtcTime time);
// KMSInternalException when the state file cannot take the change.
Answer<void> Commit(Edit& edit);

// The KeyMetadata object (DescribeKey, CreateKey, ReplicateKey). `key` may be newer than what
// `contents` holds of it.
nlohmann::json KeyMetadata(const Contents& contents, const Key& key);

// An answer for the trail: names begin in lower case, as odd as AWS's ("aWSAccountId"), dates are
// written out ("Nov 18, 2020, 1:29:18 AM").
std::string TrailElements(const nlohmann::json& answer);

// One page of a list. `items` are sorted by their first; Limit and Marker come from the input.
struct PageRequest {
  std::size_t limit = 0;
  std::string after;
};
Answer<PageRequest> ReadPage(Input& input, std::size_t standard_limit);
using PageItems = std::vector<std::pair<std::string, nlohmann::json>>;
Body PageBody(const char* name, PageItems items, const PageRequest& page);

}  // namespace tenantseal::emulator
