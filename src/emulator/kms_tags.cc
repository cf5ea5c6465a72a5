// TagResource, UntagResource, ListResourceTags.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "emulator/kms_output.h"
#include "emulator/kms_request.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

constexpr std::size_t kTagsPerKeyMax = 50;

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

Answer<FoundKey> FindTaggable(KmsRequest& request, std::string_view key_id,
                              const aws::ConditionContext& extra) {
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(
      Authorise(request, key, {.action = "kms:" + request.call.operation, .extra = extra}));
  if (std::optional<Fault> fault = RefusedByState(*key.key, StateRule::kTagOrDescribe))
    return *fault;
  return key;
}

}  // namespace

Answer<void> CheckTags(const std::vector<Tag>& tags) {
  std::set<std::string_view> names;
  for (const Tag& tag : tags) {
    if (Lower(tag.key).starts_with("aws:"))
      return OtherFault("TagException", "The tag prefix aws: is reserved for AWS.");
    if (!names.insert(tag.key).second)
      return OtherFault("TagException", "Duplicate tag keys found: " + tag.key);
  }
  return {};
}

void AddTagConditions(const std::vector<Tag>& tags, aws::ConditionContext& out) {
  for (const Tag& tag : tags) {
    out["aws:requesttag/" + Lower(tag.key)] = {tag.value};
    out["aws:tagkeys"].push_back(tag.key);
  }
}

Answer<Body> TagResource(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  const std::vector<Tag> tags = request.input.Tags("Tags", true);
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  TS_RETURN_IF_ERROR(CheckTags(tags));
  aws::ConditionContext extra;
  AddTagConditions(tags, extra);
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey found, FindTaggable(request, key_id, extra));
  Key key = *found.key;
  for (const Tag& tag : tags) {
    auto old = std::ranges::find(key.tags, tag.key, &Tag::key);
    if (old != key.tags.end()) {
      old->value = tag.value;
    } else {
      key.tags.push_back(tag);
    }
  }
  if (key.tags.size() > kTagsPerKeyMax)
    return LimitExceeded("A key has at most " + std::to_string(kTagsPerKeyMax) + " tags.");
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

Answer<Body> UntagResource(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  const std::vector<std::string> names =
      request.input.Texts("TagKeys", 200, {.min = 1, .max = 128}, true);
  if (std::optional<Fault> fault = request.input.fault()) return *fault;
  Edit edit(request.world);
  TS_ASSIGN_OR_RETURN(FoundKey found, FindTaggable(request, key_id, {{"aws:tagkeys", names}}));
  Key key = *found.key;
  std::erase_if(key.tags,
                [&](const Tag& tag) { return std::ranges::find(names, tag.key) != names.end(); });
  edit.Put(std::move(key));
  TS_RETURN_IF_ERROR(Commit(edit));
  return Body();
}

Answer<Body> ListResourceTags(KmsRequest& request) {
  const std::string_view key_id = request.input.Text("KeyId", kKeyIdLength);
  TS_ASSIGN_OR_RETURN(PageRequest page, ReadPage(request.input, 50));
  request.note.request_parameters_json = request.input.TrailParameters();
  TS_ASSIGN_OR_RETURN(FoundKey key, FindKey(request, key_id, IdForms::kKeysOnly));
  TS_RETURN_IF_ERROR(Authorise(request, key, {.action = "kms:ListResourceTags"}));
  PageItems items;
  for (const Tag& tag : key->tags)
    items.emplace_back(tag.key, json{{"TagKey", tag.key}, {"TagValue", tag.value}});
  std::ranges::sort(items, {}, &PageItems::value_type::first);
  return PageBody("Tags", std::move(items), page);
}

}  // namespace tenantseal::emulator
