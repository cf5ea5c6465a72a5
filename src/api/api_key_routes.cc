#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "api/routes.h"
#include "api/secret_text.h"

namespace tenantseal::api {
namespace {

nlohmann::json ApiKeyJson(const model::ApiKey& key) {
  nlohmann::json json = {{"id", key.id.text()},
                         {"description", key.description},
                         {"role", model::RoleName(key.role)},
                         {"status", "active"},
                         {"created", base::FormatUtc(key.created_at)},
                         {"createdBy", key.created_by}};
  if (key.tenant) json["tenantId"] = key.tenant->text();
  if (key.expires_at) json["expiry"] = base::FormatUtc(*key.expires_at);
  return json;
}

nlohmann::json ApiKeyJson(const model::ApiKey& key, base::UtcTime now) {
  nlohmann::json json = ApiKeyJson(key);
  if (key.expires_at && *key.expires_at <= now) json["status"] = "expired";
  return json;
}

Result<identity::NewApiKey> ParseNewApiKey(const Call& call) {
  // "sub" and "subType" are what Qlik's clients send; a key is its own subject here.
  TS_ASSIGN_OR_RETURN(const auto body,
                      ParseControlBody(call.request.body, {"description", "role", "tenantId",
                                                           "expiry", "sub", "subType"}));
  identity::NewApiKey request;
  TS_ASSIGN_OR_RETURN(const auto description, TextField(body, "description", true));
  request.description = *description;
  TS_ASSIGN_OR_RETURN(const auto role, TextField(body, "role", true));
  const auto parsed_role = model::ParseRole(*role);
  if (!parsed_role) {
    return InvalidArgument(
        "role", "The field role must be PlatformOperator, TenantAdmin, ContentService or Auditor.");
  }
  request.role = *parsed_role;
  TS_ASSIGN_OR_RETURN(const auto tenant, TextField(body, "tenantId", false));
  if (tenant) {
    TS_ASSIGN_OR_RETURN(request.tenant, model::TenantId::Parse(*tenant));
  }
  // A tenant's admin mints for its own tenant without having to say so.
  if (!tenant) request.tenant = call.principal->tenant;
  TS_ASSIGN_OR_RETURN(const auto expiry, TextField(body, "expiry", false));
  if (expiry) {
    TS_ASSIGN_OR_RETURN(request.expiry, identity::ParseDuration(*expiry));
  }
  return request;
}

}  // namespace

Result<net::Response> CreateApiKey(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto request, ParseNewApiKey(call));
  TS_ASSIGN_OR_RETURN(const auto minted, call.services.api_keys.Create(*call.principal, request));
  std::string json = Dump(ApiKeyJson(minted.key));
  json.pop_back();
  SecretText body(json.size() + 128);
  body.Append(json);
  body.Append(R"(,"token":")");
  body.Append(minted.token.RevealText());
  body.Append("\"}");
  return SecretJson(201, body.Take());
}

Result<net::Response> ListApiKeys(Call& call) {
  TS_ASSIGN_OR_RETURN(const std::size_t limit, QueryLimit(call.request.query));
  TS_ASSIGN_OR_RETURN(const auto after, QueryParameter(call.request.query, "startingAfter"));
  TS_ASSIGN_OR_RETURN(const auto tenant_text, QueryParameter(call.request.query, "tenantId"));
  std::optional<model::TenantId> tenant;
  if (tenant_text) {
    TS_ASSIGN_OR_RETURN(tenant, model::TenantId::Parse(*tenant_text));
  }
  TS_ASSIGN_OR_RETURN(const auto keys, call.services.api_keys.List(*call.principal, tenant));
  auto from = keys.begin();
  if (after) {
    from = std::find_if(keys.begin(), keys.end(),
                        [&](const model::ApiKey& key) { return key.id.text() == *after; });
    if (from == keys.end())
      return InvalidArgument("startingAfter", "The parameter startingAfter names no API key.");
    ++from;
  }
  nlohmann::json answer = {{"data", nlohmann::json::array()}, {"links", nlohmann::json::object()}};
  for (; from != keys.end() && answer["data"].size() < limit; ++from) {
    answer["data"].push_back(ApiKeyJson(*from, call.services.clock.Utc()));
  }
  if (from != keys.end()) {
    TS_ASSIGN_OR_RETURN(const std::string base, BaseUrl(call.request));
    answer["links"]["next"]["href"] = base + "/api/v1/api-keys?limit=" + std::to_string(limit) +
                                      "&startingAfter=" + std::prev(from)->id.text() +
                                      (tenant ? "&tenantId=" + tenant->text() : "");
  }
  return Json(200, Dump(answer));
}

Result<net::Response> GetApiKey(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto id, model::ApiKeyId::Parse(call.parameter));
  TS_ASSIGN_OR_RETURN(const auto key, call.services.api_keys.Get(*call.principal, id));
  return Json(200, Dump(ApiKeyJson(key, call.services.clock.Utc())));
}

Result<net::Response> DeleteApiKey(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto id, model::ApiKeyId::Parse(call.parameter));
  TS_RETURN_IF_ERROR(call.services.api_keys.Delete(*call.principal, id));
  return NoContent();
}

// A key is its own user.
Result<net::Response> GetOwnUser(Call& call) {
  const identity::Principal& who = *call.principal;
  const std::string_view role = model::RoleName(who.role);
  nlohmann::json json = {
      {"id", who.id},    {"subject", who.id},
      {"name", who.id},  {"status", "active"},
      {"roles", {role}}, {"assignedRoles", {{{"name", role}, {"type", "default"}}}}};
  if (who.tenant) json["tenantId"] = who.tenant->text();
  return Json(200, Dump(json));
}

}  // namespace tenantseal::api
