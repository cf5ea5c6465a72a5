// emulator/ is tenantseal-aws-emulator: a stand-in for AWS KMS, STS, and CloudTrail that tells the
// truth. It verifies signatures, evaluates key policies and identity policies on every call, keeps
// AWS's key states, shares multi-region keys between regions, records every call as CloudTrail
// would, and fails on command. It is for development and tests, never for data that matters.
//
// The way of a request: front (HTTP, signature, faults; front.h) makes a Call of it; a service
// (kms_service.h, sts_service.h, trail_service.h) answers with a Reply; the trail (trail.h)
// records it. What is kept lies in the World (world.h), behind one lock, and in the state file.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aws/policy_evaluator.h"
#include "base/clock.h"
#include "base/secret.h"

namespace tenantseal::emulator {

// The caller, after its signature was verified.
struct Caller {
  aws::PrincipalIdentity identity;
  std::string access_key_id;
  std::string session_name;  // Of a role's session; else empty.
  std::string role_name;     // Of a role's session; else empty.
  base::UtcTime session_created;
  std::map<std::string, std::string> tags;  // aws:PrincipalTag/*.
  std::set<std::string> transitive_tags;    // Names of those that sessions made of it inherit.
  // Identity policies of the user or role, and the session's own.
  std::vector<std::shared_ptr<const aws::CompiledPolicy>> identity_policies;
  std::shared_ptr<const aws::CompiledPolicy> session_policy;
};

inline const std::shared_ptr<const Caller> kNobody = std::make_shared<const Caller>();

struct Call {
  std::string region;      // From the credential scope, or the listener's.
  std::string service;     // "kms", "sts", "cloudtrail".
  std::string operation;   // "Encrypt".
  std::string request_id;  // UUID, also the answer's x-amzn-RequestId.
  std::string source_ip, user_agent;
  bool secure = false;
  base::UtcTime time;  // By the emulator's clock.
  std::shared_ptr<const Caller> caller = kNobody;
};

// AWS's error: code and message as on the wire.
struct Fault {
  int status = 400;
  std::string code;
  std::string message;
};

// A JSON answer. `body` is the text to send; empty for operations without output. It is secret,
// since it may hold plaintext keys.
struct Reply {
  std::optional<Fault> fault;
  base::SecretBytes body;
};

// What the trail needs beyond the Call; a service fills it in as it goes.
struct TrailNote {
  bool read_only = true;
  std::string request_parameters_json;  // A JSON object, or empty for null.
  std::string response_elements_json;   // Likewise.
  std::string additional_data_json;     // Likewise; the member is left out when empty.
  std::vector<std::string> key_arns;    // `resources`, in order.
  bool operator==(const TrailNote&) const = default;
};

}  // namespace tenantseal::emulator
