// CreateKey, DescribeKey, ListKeys, UpdateKeyDescription, EnableKey, DisableKey,
// ScheduleKeyDeletion, CancelKeyDeletion.
#include <nlohmann/json.hpp>

#include "emulator/key_make.h"
#include "emulator/kms_output.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

constexpr std::string_view kOrigins[] = {"AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM",
                                         "EXTERNAL_KEY_STORE"};
constexpr Length kDescriptionLength{.min = 0, .max = 8192};

struct CreateInput {
  std::string policy, description, usage, spec, origin;
  bool multi_region = false, bypass = false;
  std::vector<Tag> tags;
};
Answer<CreateInput> ReadCreate(Input& input) {
  CreateInput in;
  in.policy = input.Text("Policy", kPolicyLength);
  in.description = input.Text("Description", kDescriptionLength);
  in.spec = input.Enum("KeySpec", input.Enum("CustomerMasterKeySpec", kSymmetricDefault, kKeySpecs),
                       kKeySpecs);
  in.usage = input.Enum("KeyUsage", "ENCRYPT_DECRYPT", kKeyUsages);
  in.origin = input.Enum("Origin", "AWS_KMS", kOrigins);
  in.multi_region = input.Flag("MultiRegion");
  in.bypass = input.Flag("BypassPolicyLockoutSafetyCheck");
  in.tags = input.Tags("Tags", false);
  if (std::optional<Fault> fault = input.fault()) return *fault;
  if (in.origin != "AWS_KMS" && in.origin != "EXTERNAL")
    return Unsupported("Custom key stores are not supported by the emulator.");
  if (!UsageFits(in.spec, in.usage)) {
    return Validation("KeyUsage " + in.usage + " is not compatible with KeySpec " + in.spec);
  }
  TS_RETURN_IF_ERROR(CheckTags(in.tags));
  return in;
}

Answer<void> MayCreate(KmsRequest& request, const CreateInput& in) {
  aws::ConditionContext extra{
      {"kms:keyspec", {in.spec}},
      {"kms:keyusage", {in.usage}},
      {"kms:keyorigin", {in.origin}},
      {"kms:multiregion", {in.multi_region ? "true" : "false"}},
      {"kms:bypasspolicylockoutsafetycheck", {in.bypass ? "true" : "false"}}};
  if (in.multi_region) extra["kms:multiregionkeytype"] = {"PRIMARY"};
  AddTagConditions(in.tags, extra);
  TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, "kms:CreateKey", "*", extra));
  if (!in.tags.empty())
    TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, "kms:TagResource", "*", extra));
  return {};
}

// The step that the operations on one key begin with.
Answer<FoundKey> FindAllowed(KmsRequest& request, std::string_view key_id, StateRule rule,
                             aws::ConditionContext extra = {}) {
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(
      Authorise(request, key, {.action = "kms:" + request.call.operation, .extra = extra}));
  if (std::optional<Fault> fault = RefusedByState(*key.key, rule)) return *fault;
  return key;
}

Answer<Body> SetEnabled(KmsRequest& request, KeyState state) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey found, FindAllowed(request, key_id, StateRule::kEnableDisable));
  Key key = *found.key;
  if (key.state == KeyState::kEnabled || key.state == KeyState::kDisabled) key.state = state;
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

}  // namespace

Answer<Body> CreateKey(KmsRequest& request) {
  TS_ASSIGN_OR_RETURN(CreateInput in, ReadCreate(request.input));
  request.note.request_parameters_json = request.input.TrailParameters();
  Edit edit(request.world);
  TS_RETURN_IF_ERROR(MayCreate(request, in));
  Key key;
  key.account = request.call.caller->identity.account;
  key.region = request.call.region;
  key.id = NewKeyId(edit.random(), in.multi_region);
  key.description = in.description;
  key.usage = in.usage;
  key.spec = in.spec;
  key.origin = in.origin;
  key.created = edit.now();
  key.multi_region = in.multi_region;
  if (in.multi_region) key.primary_region = key.region;
  key.tags = in.tags;
  TS_ASSIGN_OR_RETURN(key.policy, TakeKeyPolicy(request, key, in.policy, in.bypass));
  if (in.origin == "EXTERNAL") {
    key.state = KeyState::kPendingImport;
  } else if (in.spec == kSymmetricDefault) {
    key.material_set = MaterialSetName(key.account, key.region, key.id, key.multi_region);
    MaterialSet set;
    set.name = key.material_set;
    set.versions.push_back({NewMaterialId(edit.random()), edit.random().Key(), key.created, false});
    edit.Put(std::move(set));
  }
  request.note.key_arns.push_back(key.arn());
  edit.Put(key);
  TS_RETURN_IF_ERROR(Commit(edit));
  const json answer = {{"KeyMetadata", KeyMetadata(edit.contents(), key)}};
  request.note.response_elements_json = TrailElements(answer);
  return JsonBody(answer);
}

Answer<Body> DescribeKey(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  TS_RETURN_IF_ERROR(EndInput(request));
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kAny));
  TS_RETURN_IF_ERROR(Authorise(
      request, key,
      {.action = "kms:DescribeKey", .grant_operation = "DescribeKey", .cross_account = true}));
  return request.world.Read([&](const Contents& contents) {
    return JsonBody({{"KeyMetadata", KeyMetadata(contents, *key.key)}});
  });
}

Answer<Body> ListKeys(KmsRequest& request) {
  TS_ASSIGN_OR_RETURN(PageRequest page, ReadPage(request.input, 100));
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_RETURN_IF_ERROR(AuthoriseWithoutKey(request, "kms:ListKeys", "*"));
  PageItems items = request.world.Read([&](const Contents& contents) {
    PageItems out;
    for (const auto& [arn, key] : contents.keys) {
      if (key->account == request.call.caller->identity.account &&
          key->region == request.call.region) {
        out.emplace_back(arn, json{{"KeyId", key->id}, {"KeyArn", arn}});
      }
    }
    return out;
  });
  return PageBody("Keys", std::move(items), page);
}

Answer<Body> UpdateKeyDescription(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  const std::string_view description =
      request.input.Text("Description", {.min = 0, .max = 8192, .required = true});
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey found, FindAllowed(request, key_id, StateRule::kTagOrDescribe));
  Key key = *found.key;
  key.description = description;
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

Answer<Body> EnableKey(KmsRequest& request) { return SetEnabled(request, KeyState::kEnabled); }
Answer<Body> DisableKey(KmsRequest& request) { return SetEnabled(request, KeyState::kDisabled); }

Answer<Body> ScheduleKeyDeletion(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  const std::int64_t days = request.input.Integer("PendingWindowInDays", 7, 30).value_or(30);
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(
      FoundKey found,
      FindAllowed(request, key_id, StateRule::kScheduleDeletion,
                  {{"kms:schedulekeydeletionpendingwindowindays", {std::to_string(days)}}}));
  Key key = *found.key;
  key.pending_window_days = static_cast<int>(days);
  key.ready_at.reset();
  json answer = {{"KeyId", key.arn()}, {"PendingWindowInDays", days}};
  if (key.primary() && edit.contents().Related(key).size() > 1) {
    // Its replicas go first; the window begins when the last one is gone.
    key.state = KeyState::kPendingReplicaDeletion;
    key.deletion_at.reset();
  } else {
    key.state = KeyState::kPendingDeletion;
    key.deletion_at = edit.now() + std::chrono::days(days);
    answer["DeletionDate"] = EpochSeconds(*key.deletion_at);
  }
  answer["KeyState"] = std::string(KeyStateName(key.state));
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  request.note.response_elements_json = TrailElements(answer);
  return JsonBody(answer);
}

Answer<Body> CancelKeyDeletion(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey found, FindAllowed(request, key_id, StateRule::kCancelDeletion));
  Key key = *found.key;
  key.state = key.origin == "EXTERNAL" ? KeyState::kPendingImport : KeyState::kDisabled;
  key.deletion_at.reset();
  const json answer = {{"KeyId", key.arn()}};
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  request.note.response_elements_json = TrailElements(answer);
  return JsonBody(answer);
}

}  // namespace tenantseal::emulator
