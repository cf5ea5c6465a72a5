// ReplicateKey, UpdatePrimaryRegion.
#include <nlohmann/json.hpp>

#include "aws/region.h"
#include "emulator/kms_output.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

constexpr Length kRegionLength{.min = 1, .max = 32, .required = true};

std::string_view ReadRegion(Input& input, std::string_view name) {
  const std::string_view region = input.Text(name, kRegionLength);
  if (!region.empty() && region.size() <= kRegionLength.max && !aws::PartitionOfRegion(region)) {
    input.Violated(name, region, false,
                   "Member must satisfy regular expression pattern: ^([a-z]+-){2,3}\\d+$");
  }
  return region;
}

Answer<void> CheckPrimary(const Key& key) {
  if (!key.primary()) return Unsupported(key.arn() + " is not a multi-region primary key.");
  return {};
}

json TagsJson(const std::vector<Tag>& tags) {
  json out = json::array();
  for (const Tag& tag : tags) out.push_back({{"TagKey", tag.key}, {"TagValue", tag.value}});
  return out;
}

// What the replica needs in its own region: the right to create a key there, and to tag it.
Answer<void> MayCreateReplica(KmsRequest& request, const Key& replica, bool bypass) {
  aws::ConditionContext extra{{"aws:requestedregion", {replica.region}},
                              {"kms:keyspec", {replica.spec}},
                              {"kms:keyusage", {replica.usage}},
                              {"kms:keyorigin", {replica.origin}},
                              {"kms:multiregion", {"true"}},
                              {"kms:multiregionkeytype", {"REPLICA"}},
                              {"kms:bypasspolicylockoutsafetycheck", {bypass ? "true" : "false"}}};
  AddTagConditions(replica.tags, extra);
  TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, "kms:CreateKey", "*", extra));
  if (!replica.tags.empty())
    TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, "kms:TagResource", "*", extra));
  return {};
}

Answer<void> CheckReplicaRegion(const Contents& contents, const Key& replica,
                                const std::string& primary_region) {
  if (aws::PartitionOfRegion(replica.region) != aws::PartitionOfRegion(primary_region)) {
    return Validation("The region " + replica.region +
                      " is in another partition than the primary key.");
  }
  std::shared_ptr<const Key> other = contents.FindKey(replica.arn());
  if (!other) return {};
  if (other->state == KeyState::kPendingDeletion)
    return InvalidState(other->arn() + " is pending deletion.");
  return OtherFault("AlreadyExistsException",
                    "Replica key already exists in " + replica.region + ".");
}

}  // namespace

Answer<Body> ReplicateKey(KmsRequest& request) {
  Input& input = request.input;
  const std::string_view key_id = input.Text("KeyId", kKeyIdLength);
  const std::string region(ReadRegion(input, "ReplicaRegion"));
  const std::string policy(input.Text("Policy", kPolicyLength));
  const std::string_view description = input.Text("Description", {.min = 0, .max = 8192});
  const bool bypass = input.Flag("BypassPolicyLockoutSafetyCheck");
  const std::vector<Tag> tags = input.Tags("Tags", false);
  if (std::optional<Fault> fault = input.fault()) return *fault;
  TS_RETURN_IF_ERROR(CheckTags(tags));
  request.note.request_parameters_json = input.TrailParameters();
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey primary, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(
      Authorise(request, primary,
                {.action = "kms:ReplicateKey",
                 .extra = {{"kms:replicaregion", {region}},
                           {"kms:bypasspolicylockoutsafetycheck", {bypass ? "true" : "false"}}}}));
  TS_RETURN_IF_ERROR(CheckPrimary(*primary.key));
  if (std::optional<Fault> fault = RefusedByState(*primary.key, StateRule::kReplicate))
    return *fault;
  Key replica = *primary.key;
  replica.region = region;
  replica.description = description;
  replica.tags = tags;
  replica.grants.clear();
  replica.created = edit.now();
  TS_RETURN_IF_ERROR(CheckReplicaRegion(edit.contents(), replica, primary->region));
  TS_RETURN_IF_ERROR(MayCreateReplica(request, replica, bypass));
  TS_ASSIGN_OR_RETURN(replica.policy, TakeKeyPolicy(request, replica, policy, bypass));
  replica.ready_at = request.world.ReplicaReadyAt(region);
  if (replica.ready_at) replica.state = KeyState::kCreating;
  edit.Put(replica);
  TS_RETURN_IF_ERROR(Commit(edit));
  const json answer = {{"ReplicaKeyMetadata", KeyMetadata(edit.contents(), replica)},
                       {"ReplicaPolicy", replica.policy.text},
                       {"ReplicaTags", TagsJson(replica.tags)}};
  request.note.response_elements_json = TrailElements(answer);
  return JsonBody(answer);
}

Answer<Body> UpdatePrimaryRegion(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  const std::string region(ReadRegion(request.input, "PrimaryRegion"));
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  request.note.request_parameters_json = request.input.TrailParameters();
  Edit edit(request.world);
  const Contents& contents = edit.contents();
  TS_ASSIGN_OR_RETURN(FoundKey primary, FindKey(request, key_id, IdForms::kKeysOnly));
  const Permission permission{.action = "kms:UpdatePrimaryRegion",
                              .extra = {{"kms:primaryregion", {region}}}};
  TS_RETURN_IF_ERROR(Authorise(request, primary, permission));
  TS_RETURN_IF_ERROR(CheckPrimary(*primary.key));
  if (std::optional<Fault> fault = RefusedByState(*primary.key, StateRule::kUpdatePrimary))
    return *fault;
  Key sought = *primary.key;
  sought.region = region;
  const std::shared_ptr<const Key> replica = contents.FindKey(sought.arn());
  if (!replica || region == primary->region) return KeyNotFound(sought.arn());
  TS_RETURN_IF_ERROR(Authorise(request, FoundKey(replica), permission));
  if (std::optional<Fault> fault = RefusedByState(*replica, StateRule::kUpdatePrimary))
    return *fault;
  for (const std::shared_ptr<const Key>& related : contents.Related(*primary.key)) {
    Key key = *related;
    key.primary_region = region;
    const bool one_of_two = key.region == region || key.region == primary->region;
    if (one_of_two && contents.updating_for > base::Duration::zero()) {
      key.state = KeyState::kUpdating;
      key.ready_at =
          edit.now() + std::chrono::duration_cast<std::chrono::milliseconds>(contents.updating_for);
    }
    edit.Put(std::move(key));
  }
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

}  // namespace tenantseal::emulator
