// EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand,
// ListKeyRotations. Automatic rotation itself is in world_due.cc.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "emulator/key_make.h"
#include "emulator/kms_output.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

constexpr int kOnDemandMax = 25;  // AWS KMS Developer Guide, "Resource quotas".

struct Rotating {
  FoundKey key;
  std::shared_ptr<const MaterialSet> set;
};
// Finds a key whose material may rotate. `changes`: only through the primary.
Answer<Rotating> FindRotating(KmsRequest& request, std::string_view key_id, bool changes,
                              aws::ConditionContext extra = {}) {
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kKeysOnly));
  Permission permission{.action = "kms:" + request.call.operation, .extra = extra};
  permission.cross_account = request.call.operation == "GetKeyRotationStatus";
  TS_RETURN_IF_ERROR(Authorise(request, key, permission));
  if (key->origin == "EXTERNAL") {
    return Unsupported(key->arn() + " origin is EXTERNAL which is not valid for this operation.");
  }
  const StateRule rule = changes ? StateRule::kRotation : StateRule::kRotationStatus;
  if (std::optional<Fault> fault = RefusedByState(*key.key, rule)) return *fault;
  std::shared_ptr<const MaterialSet> set =
      request.world.Read([&](const Contents& contents) { return contents.MaterialOf(*key.key); });
  if (!set)
    return Unsupported(key->arn() + " key spec is " + key->spec +
                       " which is not valid for this operation.");
  if (changes && key->multi_region && !key->primary())
    return Unsupported(key->arn() + " is not a multi-region primary key.");
  return Rotating{std::move(key), std::move(set)};
}

Answer<Body> Keep(Edit& edit, MaterialSet set) {
  edit.Put(std::move(set));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

}  // namespace

Answer<Body> EnableKeyRotation(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  const std::int64_t days = request.input.Integer("RotationPeriodInDays", 90, 2560).value_or(365);
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(
      Rotating found,
      FindRotating(request, key_id, true, {{"kms:rotationperiodindays", {std::to_string(days)}}}));
  MaterialSet set = found.set->Copy();
  set.rotation_enabled = true;
  set.rotation_period_days = static_cast<int>(days);
  set.next_rotation = edit.now() + std::chrono::days(days);
  return Keep(edit, std::move(set));
}

Answer<Body> DisableKeyRotation(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(Rotating found, FindRotating(request, key_id, true));
  MaterialSet set = found.set->Copy();
  set.rotation_enabled = false;
  set.next_rotation.reset();
  return Keep(edit, std::move(set));
}

Answer<Body> GetKeyRotationStatus(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  TS_ASSIGN_OR_RETURN(Rotating found, FindRotating(request, key_id, false));
  json out = {{"KeyRotationEnabled", found.set->rotation_enabled}, {"KeyId", found.key->arn()}};
  if (found.set->rotation_enabled) {
    out["RotationPeriodInDays"] = found.set->rotation_period_days;
    out["NextRotationDate"] = EpochSeconds(*found.set->next_rotation);
  }
  return JsonBody(out);
}

Answer<Body> RotateKeyOnDemand(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(Rotating found, FindRotating(request, key_id, true));
  if (std::ranges::count(found.set->versions, true, &BackingKey::on_demand) >= kOnDemandMax) {
    return LimitExceeded("The on-demand rotation limit for " + found.key->arn() +
                         " has been reached: " + std::to_string(kOnDemandMax) + ".");
  }
  MaterialSet set = found.set->Copy();
  set.versions.push_back({NewMaterialId(edit.random()), edit.random().Key(), edit.now(), true});
  edit.NoteRotation(*found.key.key, set.versions.back().id, edit.now());
  TS_RETURN_IF_ERROR(Keep(edit, std::move(set)));
  const json answer = {{"KeyId", found.key->id}};
  request.note.response_elements_json = TrailElements(answer);
  return JsonBody(answer);
}

Answer<Body> ListKeyRotations(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  TS_ASSIGN_OR_RETURN(PageRequest page, ReadPage(request.input, 100));
  TS_ASSIGN_OR_RETURN(Rotating found, FindRotating(request, key_id, false));
  PageItems items;
  for (std::size_t i = 1; i < found.set->versions.size(); ++i) {
    const BackingKey& version = found.set->versions[i];
    std::string position = std::to_string(i);
    position.insert(0, 8 - std::min<std::size_t>(8, position.size()), '0');
    items.emplace_back(std::move(position),
                       json{{"KeyId", found.key->id},
                            {"KeyMaterialId", version.id},
                            {"RotationDate", EpochSeconds(version.created)},
                            {"RotationType", version.on_demand ? "ON_DEMAND" : "AUTOMATIC"}});
  }
  return PageBody("Rotations", std::move(items), page);
}

}  // namespace tenantseal::emulator
