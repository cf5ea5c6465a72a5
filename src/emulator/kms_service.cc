#include "emulator/kms_service.h"

#include <algorithm>

#include "emulator/kms_input.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

struct Entry {
  std::string_view name;
  KmsOperation operation;
  bool mutating = false;
};

// Sorted by name.
constexpr Entry kEntries[] = {
    {"CancelKeyDeletion", CancelKeyDeletion, true},
    {"CreateAlias", CreateAlias, true},
    {"CreateGrant", CreateGrant, true},
    {"CreateKey", CreateKey, true},
    {"Decrypt", Decrypt},
    {"DeleteAlias", DeleteAlias, true},
    {"DescribeKey", DescribeKey},
    {"DisableKey", DisableKey, true},
    {"DisableKeyRotation", DisableKeyRotation, true},
    {"EnableKey", EnableKey, true},
    {"EnableKeyRotation", EnableKeyRotation, true},
    {"Encrypt", Encrypt},
    {"GenerateDataKey", GenerateDataKey},
    {"GenerateDataKeyWithoutPlaintext", GenerateDataKeyWithoutPlaintext},
    {"GenerateRandom", GenerateRandom},
    {"GetKeyPolicy", GetKeyPolicy},
    {"GetKeyRotationStatus", GetKeyRotationStatus},
    {"ListAliases", ListAliases},
    {"ListGrants", ListGrants},
    {"ListKeyPolicies", ListKeyPolicies},
    {"ListKeyRotations", ListKeyRotations},
    {"ListKeys", ListKeys},
    {"ListResourceTags", ListResourceTags},
    {"ListRetirableGrants", ListRetirableGrants},
    {"PutKeyPolicy", PutKeyPolicy, true},
    {"ReEncrypt", ReEncrypt},
    {"ReplicateKey", ReplicateKey, true},
    {"RetireGrant", RetireGrant, true},
    {"RevokeGrant", RevokeGrant, true},
    {"RotateKeyOnDemand", RotateKeyOnDemand, true},
    {"ScheduleKeyDeletion", ScheduleKeyDeletion, true},
    {"TagResource", TagResource, true},
    {"UntagResource", UntagResource, true},
    {"UpdateAlias", UpdateAlias, true},
    {"UpdateKeyDescription", UpdateKeyDescription, true},
    {"UpdatePrimaryRegion", UpdatePrimaryRegion, true},
};
static_assert(std::ranges::is_sorted(kEntries, {}, &Entry::name));

const Entry* EntryOf(std::string_view name) {
  const auto* found = std::ranges::lower_bound(kEntries, name, {}, &Entry::name);
  return found != std::end(kEntries) && found->name == name ? found : nullptr;
}

}  // namespace

bool KmsService::Knows(std::string_view operation) { return EntryOf(operation) != nullptr; }

bool KmsService::IsMutating(std::string_view operation) {
  const Entry* entry = EntryOf(operation);
  return entry != nullptr && entry->mutating;
}

Reply KmsService::Handle(const Call& call, std::string_view body_json, TrailNote& note) {
  Reply reply;
  const Entry* entry = EntryOf(call.operation);
  if (entry == nullptr) {
    reply.fault = OtherFault("UnknownOperationException", "");
    return reply;
  }
  note.read_only = !entry->mutating;
  if (!world_.RunDue()) {
    reply.fault = KmsInternal();
    return reply;
  }
  Input input(body_json);
  KmsRequest request{world_, call, input, note};
  Answer<Body> answer = entry->operation(request);
  if (answer) {
    reply.body = std::move(*answer);
    return reply;
  }
  reply.fault = std::move(answer).error();
  note.response_elements_json.clear();
  note.additional_data_json.clear();
  // CloudTrail records nothing of what a refused caller asked for.
  if (reply.fault->code == "AccessDeniedException") note.request_parameters_json.clear();
  return reply;
}

}  // namespace tenantseal::emulator
