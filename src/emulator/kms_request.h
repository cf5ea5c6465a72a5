// One KMS operation on its way: what it has to work with, and the steps that most have in common:
// find the key, ask whether the caller may, check the key's state.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "aws/policy_evaluator.h"
#include "emulator/call.h"
#include "emulator/kms_fault.h"
#include "emulator/kms_input.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

struct KmsRequest {
  World& world;
  const Call& call;
  Input& input;
  TrailNote& note;
};

// An operation. Returns the JSON text of its output, empty when it has none.
using KmsOperation = Answer<Body> (*)(KmsRequest&);

// A key, never null.
struct FoundKey {
  explicit FoundKey(std::shared_ptr<const Key> found, std::string alias = {})
      : key(std::move(found)), arn(key->arn()), alias_name(std::move(alias)) {}

  std::shared_ptr<const Key> key;
  std::string arn;         // key->arn(), which is put together from parts, once for each request.
  std::string alias_name;  // As the request named it ("alias/..."); empty for an id or key ARN.
  const Key* operator->() const { return key.get(); }
};

enum class IdForms : std::uint8_t {
  kAny,       // Key id, key ARN, alias name, alias ARN: DescribeKey and the crypto operations.
  kKeysOnly,  // Key id or key ARN: management operations.
};

// Finds the key that `key_id` names in the called region, in the caller's account unless an ARN
// says otherwise. Faults are table A2's: "Invalid keyId", "does not exist", "Invalid arn REGION",
// "Alias ... is not found."
Answer<FoundKey> FindKey(KmsRequest& request, std::string_view key_id, IdForms forms);

// What an authorisation is about, beside caller and key.
struct Permission {
  std::string action;                     // "kms:Encrypt".
  const ContextPairs* context = nullptr;  // The encryption context of the request, if it has one.
  std::string grant_operation = {};       // "Encrypt" where a grant may allow it; else empty.
  bool cross_account = false;             // Whether the operation works on keys of another account.
  aws::ConditionContext extra = {};       // Further condition keys, in lower case.
  // Whether a grant may allow it at all; null: any. Of CreateGrant, that it hands out no more.
  std::function<bool(const aws::GrantView&)> grant_admits = {};
};
// AccessDeniedException in AWS's words when key policy, grants, identity and session policies
// together do not allow it. Adds the key to request.note.key_arns when it does.
Answer<void> Authorise(KmsRequest& request, const FoundKey& key, const Permission& permission);

// The question of Authorise(), for whoever evaluates another policy than the key's own.
aws::AccessRequest AskFor(const KmsRequest& request, const FoundKey& key,
                          const Permission& permission);
// The same for actions that have no key: identity and session policies decide. `resource` is "*" or
// an alias ARN.
Answer<void> AuthoriseWithoutKey(KmsRequest& request, const std::string& action,
                                 const std::string& resource, aws::ConditionContext extra = {});
// What AWS answers when a ciphertext names a key that is not here.
Fault DeniedUnknownKey(const KmsRequest& request, const std::string& action);

// Columns of the table "Key states of AWS KMS keys": operations that treat states alike.
enum class StateRule : std::uint8_t {
  kCrypto,  // Encrypt, Decrypt, GenerateDataKey*, ReEncrypt.
  kCancelDeletion,
  kCreateAlias,  // UpdateAlias's target, too.
  kCreateGrant,
  kEnableDisable,
  kRotation,  // EnableKeyRotation, DisableKeyRotation, RotateKeyOnDemand.
  kRotationStatus,
  kReplicate,
  kUpdatePrimary,
  kScheduleDeletion,
  kTagOrDescribe,  // TagResource, UntagResource, UpdateKeyDescription.
};
// The fault of the table, or nothing. Multi-region keys and origins have been looked at by the
// caller where an operation needs it.
std::optional<Fault> RefusedByState(const Key& key, StateRule rule);

// Reads what operations that grants allow have in common, GrantTokens and DryRun, after all other
// members. The fault: what was wrong with any of them, or a token of no grant in the called region.
Answer<void> EndInput(KmsRequest& request);
// The key that has the grant of this token, in the called region; null: there is none.
std::shared_ptr<const Key> KeyOfGrantToken(const Contents& contents, std::string_view region,
                                           std::string_view token);
Fault InvalidGrantToken();

// DryRun: true in the request: ask after everything is checked, before anything is done.
Answer<void> EndDryRun(KmsRequest& request);

// kms_crypto.cc
Answer<Body> Encrypt(KmsRequest& request);
Answer<Body> Decrypt(KmsRequest& request);
Answer<Body> GenerateDataKey(KmsRequest& request);
Answer<Body> GenerateDataKeyWithoutPlaintext(KmsRequest& request);
Answer<Body> ReEncrypt(KmsRequest& request);
Answer<Body> GenerateRandom(KmsRequest& request);
// kms_keys.cc
Answer<Body> CreateKey(KmsRequest& request);
Answer<Body> DescribeKey(KmsRequest& request);
Answer<Body> ListKeys(KmsRequest& request);
Answer<Body> UpdateKeyDescription(KmsRequest& request);
Answer<Body> EnableKey(KmsRequest& request);
Answer<Body> DisableKey(KmsRequest& request);
Answer<Body> ScheduleKeyDeletion(KmsRequest& request);
Answer<Body> CancelKeyDeletion(KmsRequest& request);
// kms_aliases.cc
Answer<Body> CreateAlias(KmsRequest& request);
Answer<Body> UpdateAlias(KmsRequest& request);
Answer<Body> DeleteAlias(KmsRequest& request);
Answer<Body> ListAliases(KmsRequest& request);
// kms_policies.cc
Answer<Body> GetKeyPolicy(KmsRequest& request);
Answer<Body> PutKeyPolicy(KmsRequest& request);
Answer<Body> ListKeyPolicies(KmsRequest& request);
// Compiles a key policy as PutKeyPolicy, CreateKey and ReplicateKey take it, with the check that
// the caller can still change it unless `bypass` is set. MalformedPolicyDocumentException.
Answer<PolicyDocument> TakeKeyPolicy(KmsRequest& request, const Key& key, const std::string& text,
                                     bool bypass);
// What the API's shape allows; TakeKeyPolicy holds it to the quota, which is smaller.
inline constexpr Length kPolicyLength{.min = 1, .max = 131'072, .secret = true};
// kms_tags.cc
// TagException for names that AWS keeps to itself, and for a name given twice.
Answer<void> CheckTags(const std::vector<Tag>& tags);
// aws:RequestTag/* and aws:TagKeys.
void AddTagConditions(const std::vector<Tag>& tags, aws::ConditionContext& out);
Answer<Body> TagResource(KmsRequest& request);
Answer<Body> UntagResource(KmsRequest& request);
Answer<Body> ListResourceTags(KmsRequest& request);
// kms_rotation.cc
Answer<Body> EnableKeyRotation(KmsRequest& request);
Answer<Body> DisableKeyRotation(KmsRequest& request);
Answer<Body> GetKeyRotationStatus(KmsRequest& request);
Answer<Body> RotateKeyOnDemand(KmsRequest& request);
Answer<Body> ListKeyRotations(KmsRequest& request);
// kms_multi_region.cc
Answer<Body> ReplicateKey(KmsRequest& request);
Answer<Body> UpdatePrimaryRegion(KmsRequest& request);
// kms_grants.cc
Answer<Body> CreateGrant(KmsRequest& request);
Answer<Body> ListGrants(KmsRequest& request);
Answer<Body> ListRetirableGrants(KmsRequest& request);
Answer<Body> RetireGrant(KmsRequest& request);
Answer<Body> RevokeGrant(KmsRequest& request);

}  // namespace tenantseal::emulator
