// All that the emulator keeps: principals, keys, aliases, grants, its clock. One lock; whoever
// holds it may read and change everything, and what was changed and saved is in the state file
// before the lock is let go.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aws/policy_evaluator.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "base/secret.h"
#include "emulator/call.h"

namespace tenantseal::emulator {

struct Tag {
  std::string key, value;
};

// One version of key material.
struct BackingKey {
  std::string id;  // 64 hexadecimal digits: KeyMaterialId.
  base::Secret256 material;
  base::UtcTime created;
  bool on_demand = false;  // Came of RotateKeyOnDemand.
};
// Related multi-region keys share one.
struct MaterialSet {
  std::string key_id;
  std::vector<BackingKey> versions;  // The last one encrypts.
  bool rotation_enabled = false;
  int rotation_period_days = 365;
  std::optional<base::UtcTime> next_rotation;
};

enum class KeyState : std::uint8_t {
  kCreating,
  kEnabled,
  kDisabled,
  kPendingDeletion,
  kPendingReplicaDeletion,
  kPendingImport,
  kUnavailable,
  kUpdating,
};
std::string_view KeyStateName(KeyState state);  // "Enabled" ...

struct Grant {
  std::string id, token, name;
  aws::GrantView view;
  std::string retiring_principal, issuing_account;
  base::UtcTime created;
};

struct Key {
  std::string account, region, id, description;
  std::string usage = "ENCRYPT_DECRYPT";
  std::string spec = "SYMMETRIC_DEFAULT";
  std::string origin = "AWS_KMS";
  KeyState state = KeyState::kEnabled;
  std::optional<base::UtcTime> ready_at;  // kCreating or kUpdating until then.
  std::optional<base::UtcTime> deletion_at;
  int pending_window_days = 30;
  base::UtcTime created;
  bool multi_region = false;
  std::string primary_region;  // Of a multi-region key; equal to `region` in the primary.
  std::string policy_text;
  std::shared_ptr<const aws::CompiledPolicy> policy;
  std::vector<Tag> tags;
  std::vector<Grant> grants;
  std::shared_ptr<MaterialSet> material;  // Null for asymmetric keys, which only can be described.

  std::string arn() const;  // The partition follows from the region.
  bool primary() const { return multi_region && primary_region == region; }
};

struct Alias {
  std::string account, region, name;  // "alias/...".
  std::string key_id;
  base::UtcTime created, updated;
};

using Policies = std::vector<std::shared_ptr<const aws::CompiledPolicy>>;

struct Role {
  std::string arn, name, id, account;  // id: "AROA...".
  std::shared_ptr<const aws::CompiledPolicy> trust;
  Policies policies;
  int max_session_seconds = 3600;
};
struct User {
  std::string arn, name, id, account;  // id: "AIDA...".
  std::map<std::string, std::string> tags;
  Policies policies;
};
// An access key: of a user, of an account's root user, or of a role's session.
struct AccessKey {
  std::string id;
  base::SecretBytes secret;
  Caller caller;              // Ready to be used in a Call.
  std::string session_token;  // Not empty: must be sent along.
  std::optional<base::UtcTime> expires;
};

struct Contents {
  std::map<std::string, std::shared_ptr<Key>, std::less<>> keys;  // By ARN.
  std::map<std::string, Alias, std::less<>> aliases;              // By alias ARN.
  std::map<std::string, Role, std::less<>> roles;                 // By ARN.
  std::map<std::string, User, std::less<>> users;                 // By ARN.
  std::map<std::string, std::shared_ptr<const AccessKey>, std::less<>> access_keys;  // By id.
  std::set<std::string> accounts;
  base::Duration replica_creating_for = std::chrono::seconds(0);  // How long replicas are Creating.
};

}  // namespace tenantseal::emulator
