// identity/ answers who calls and what they may do: API keys (minted, hashed, deleted), the check
// of a presented token, and roles.
//
// It promises that a token is known only to its holder (the store has a keyed hash), that comparing
// takes the same time wherever tokens differ, and that a deleted or expired key stops working on
// every process within the store lease. It never logs a token and never says which part of one was
// wrong.
#pragma once

#include <optional>
#include <string>

#include "model/records.h"

namespace tenantseal::identity {

// Whoever presented a valid token.
struct Principal {
  std::string id;  // "api-key:<id>", as events and counts name it.
  model::Role role = model::Role::kAuditor;
  std::optional<model::TenantId> tenant;  // None: the whole deployment.
  bool operator==(const Principal&) const = default;
};

}  // namespace tenantseal::identity
