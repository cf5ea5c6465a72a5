#include "cli/tenant_keys.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace tenantseal::cli {

Result<nlohmann::json> GetTenantKeys(const sdk::Rest& rest) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes body,
                      rest.Call(net::Method::kGet, "/api/v1/encryption/tenant-keys", {},
                                sdk::Rest::Repeat::kAnyFailure));
  TS_ASSIGN_OR_RETURN(nlohmann::json keys, ParseAnswer(body));
  if (!keys.contains("versions") || !keys["versions"].is_array()) {
    return UnexpectedAnswer("holds no versions");
  }
  if (keys.contains("rewrap") && !keys["rewrap"].is_object()) keys.erase("rewrap");
  return keys;
}

void PrintTenantKeys(const nlohmann::json& keys, bool json) {
  if (json) return PrintJson(keys);
  std::vector<std::vector<std::string>> rows = {{"VERSION", "STATE", "DATA KEYS", "CREATED"}};
  for (const auto& version : keys["versions"]) {
    rows.push_back({Text(version, "version"),
                    Text(version, "active") == "true" ? "active" : "opens only",
                    Text(version, "dataKeys"), Text(version, "createdAt")});
  }
  PrintTable(rows);
  if (const auto job = keys.find("rewrap"); job != keys.end()) {
    std::printf("rotation to version %s: %s, %s of %s data keys rewrapped, %s failed\n",
                Text(*job, "toVersion").c_str(), Text(*job, "state").c_str(),
                Text(*job, "done").c_str(), Text(*job, "total").c_str(),
                Text(*job, "failed").c_str());
  }
}

}  // namespace tenantseal::cli
