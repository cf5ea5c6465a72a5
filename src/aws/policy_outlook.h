// A key policy judged without AWS: what its statements depend on that only AWS knows, and the
// policy as if all of that came out one way.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "aws/policy.h"

namespace tenantseal::aws {

// What is not known of a request.
struct Unknowns {
  std::string key;           // The ARN of the policy's key, as far as the policy names one.
  bool key_account = false;  // Whether it is known whose key it is.
  // How the ARNs of the callers' sessions begin: "arn:aws:sts::111122223333:assumed-role/NAME/".
  std::vector<std::string> sessions;
  // Any other context, time and path beside the tenant id: what must be refused, must be refused
  // whatever these are. False: one of our own calls, made now.
  bool call = false;
  bool tenant = false;  // The tenant id is one that the policy does not name in full.
};

// What the statement depends on that is not known, each in words; empty when all is known.
std::vector<std::string> OpenParts(const Policy& policy, const PolicyStatement& statement,
                                   const Unknowns& unknowns);

// The policy as if all that its statements depend on and that is not known came out one way.
// Statements keep their numbers.
enum class Outlook : std::uint8_t {
  kLeast,    // As if it came out against the caller: what is allowed so is allowed for certain.
  kMost,     // As if it came out for the caller: what is refused so is refused for certain.
  kApplies,  // As if every such statement applied, those that deny too.
};
Policy AsIf(Policy policy, const Unknowns& unknowns, Outlook outlook);

}  // namespace tenantseal::aws
