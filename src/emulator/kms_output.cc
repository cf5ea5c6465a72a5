#include "emulator/kms_output.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

json Algorithms(const Key& key) {
  if (key.spec == kSymmetricDefault) return json::array({kSymmetricDefault});
  return json::array({"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"});
}

std::string TrailDate(double seconds) {
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%b %e, %Y, %I:%M:%S %p", &parts);
  std::string out(text, size);
  // Neither day nor hour has a leading blank or zero.
  if (out.size() > 4 && out[4] == ' ') out.erase(4, 1);
  if (const std::size_t hour = out.find(", 0"); hour != out.npos) out.erase(hour + 2, 1);
  return out;
}

json Lowered(const json& value) {
  if (value.is_array()) {
    json out = json::array();
    for (const json& item : value) out.push_back(Lowered(item));
    return out;
  }
  if (!value.is_object()) return value;
  json out = json::object();
  for (const auto& [name, member] : value.items()) {
    out[LowerCamel(name)] = name.ends_with("Date") && member.is_number()
                                ? json(TrailDate(member.get<double>()))
                                : Lowered(member);
  }
  return out;
}

}  // namespace

Body JsonBody(const json& value) {
  return Body::CopyOf(base::AsBytes(value.dump(-1, ' ', false, json::error_handler_t::replace)));
}

double EpochSeconds(base::UtcTime time) {
  return static_cast<double>(time.time_since_epoch().count()) / 1000.0;
}

Answer<void> Commit(Edit& edit) {
  if (!edit.Commit()) return KmsInternal();
  return {};
}

json KeyMetadata(const Contents& contents, const Key& key) {
  json out = {{"AWSAccountId", key.account},
              {"KeyId", key.id},
              {"Arn", key.arn()},
              {"CreationDate", EpochSeconds(key.created)},
              {"Enabled", key.state == KeyState::kEnabled},
              {"Description", key.description},
              {"KeyUsage", key.usage},
              {"KeyState", std::string(KeyStateName(key.state))},
              {"Origin", key.origin},
              {"KeyManager", "CUSTOMER"},
              {"KeySpec", key.spec},
              {"CustomerMasterKeySpec", key.spec},
              {"MultiRegion", key.multi_region}};
  if (key.usage == "ENCRYPT_DECRYPT") out["EncryptionAlgorithms"] = Algorithms(key);
  if (key.state == KeyState::kPendingDeletion && key.deletion_at)
    out["DeletionDate"] = EpochSeconds(*key.deletion_at);
  if (key.state == KeyState::kPendingReplicaDeletion)
    out["PendingDeletionWindowInDays"] = key.pending_window_days;
  if (std::shared_ptr<const MaterialSet> set = contents.MaterialOf(key))
    out["CurrentKeyMaterialId"] = set->versions.back().id;
  if (!key.multi_region) return out;
  json replicas = json::array();
  json primary = {{"Arn", key.arn()}, {"Region", key.region}};
  auto add = [&](const Key& other) {
    json entry = {{"Arn", other.arn()}, {"Region", other.region}};
    if (other.region == key.primary_region) {
      primary = std::move(entry);
    } else {
      replicas.push_back(std::move(entry));
    }
  };
  for (const std::shared_ptr<const Key>& other : contents.Related(key))
    if (other->region != key.region) add(*other);
  add(key);
  out["MultiRegionConfiguration"] = {{"MultiRegionKeyType", key.primary() ? "PRIMARY" : "REPLICA"},
                                     {"PrimaryKey", std::move(primary)},
                                     {"ReplicaKeys", std::move(replicas)}};
  return out;
}

std::string TrailElements(const json& answer) {
  return Lowered(answer).dump(-1, ' ', false, json::error_handler_t::replace);
}

Answer<PageRequest> ReadPage(Input& input, std::size_t standard_limit) {
  PageRequest page;
  page.limit = static_cast<std::size_t>(
      input.Integer("Limit", 1, 1000).value_or(static_cast<std::int64_t>(standard_limit)));
  const std::string_view marker = input.Text("Marker", {.min = 1, .max = 1024});
  if (std::optional<Fault> fault = input.fault()) return *fault;
  if (marker.empty()) return page;
  const std::optional<base::Bytes> after = base::Base64Decode(marker);
  if (!after) return OtherFault("InvalidMarkerException", "Could not deserialize marker.");
  page.after = base::AsText(*after);
  return page;
}

Body PageBody(const char* name, PageItems items, const PageRequest& page) {
  json list = json::array();
  json out = {{"Truncated", false}};
  std::string last;
  for (auto& [id, item] : items) {
    if (!page.after.empty() && id <= page.after) continue;
    if (list.size() == page.limit) {
      out["Truncated"] = true;
      out["NextMarker"] = base::Base64Encode(base::AsBytes(last));
      break;
    }
    list.push_back(std::move(item));
    last = id;
  }
  out[name] = std::move(list);
  return JsonBody(out);
}

}  // namespace tenantseal::emulator
