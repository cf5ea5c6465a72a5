#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "api/routes.h"

namespace tenantseal::api {
namespace {

nlohmann::json TenantJson(const model::Tenant& tenant) {
  nlohmann::json json = {{"id", tenant.id.text()},
                         {"name", tenant.name},
                         {"region", tenant.region},
                         {"status", model::TenantStatusName(tenant.status)},
                         {"createdAt", base::FormatUtc(tenant.created_at)}};
  if (tenant.destroy_at) json["destroyAt"] = base::FormatUtc(*tenant.destroy_at);
  return json;
}

Result<net::Response> TenantAnswer(int status, const Result<model::Tenant>& tenant) {
  if (!tenant) return Error(tenant.error());
  return Json(status, Dump(TenantJson(*tenant)));
}

// Applies one of the changes of keyring::Tenants to the tenant that the path names.
Result<net::Response> Change(Call& call, Result<model::Tenant> (keyring::Tenants::*change)(
                                             const model::TenantId&, const std::string&)) {
  TS_RETURN_IF_ERROR(ParseControlBody(call.request.body, {}));
  TS_ASSIGN_OR_RETURN(const model::TenantId id, model::TenantId::Parse(call.parameter));
  return TenantAnswer(200, (call.services.tenants.*change)(id, call.principal->id));
}

}  // namespace

Result<net::Response> CreateTenant(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto body, ParseControlBody(call.request.body, {"name", "region"}));
  TS_ASSIGN_OR_RETURN(const auto name, TextField(body, "name", true));
  TS_ASSIGN_OR_RETURN(const auto region, TextField(body, "region", false));
  return TenantAnswer(
      201, call.services.tenants.Create(*name, region.value_or(call.services.default_region),
                                        call.principal->id, call.request.deadline));
}

Result<net::Response> ListTenants(Call& call) {
  store::TenantPage page;
  TS_ASSIGN_OR_RETURN(page.limit, QueryLimit(call.request.query));
  TS_ASSIGN_OR_RETURN(const auto next, QueryParameter(call.request.query, "next"));
  page.after = next.value_or("");
  TS_ASSIGN_OR_RETURN(const auto tenants, call.services.tenants.List(page));
  nlohmann::json answer = {{"data", nlohmann::json::array()}, {"links", nlohmann::json::object()}};
  for (const model::Tenant& tenant : tenants.items) answer["data"].push_back(TenantJson(tenant));
  TS_ASSIGN_OR_RETURN(const std::string base, BaseUrl(call.request));
  const std::string self = base + "/api/v1/tenants?limit=" + std::to_string(page.limit);
  answer["links"]["self"]["href"] = self;
  if (!tenants.next.empty()) answer["links"]["next"]["href"] = self + "&next=" + tenants.next;
  return Json(200, Dump(answer));
}

Result<net::Response> GetTenant(Call& call) {
  TS_ASSIGN_OR_RETURN(const model::TenantId id, model::TenantId::Parse(call.parameter));
  const identity::Principal& who = *call.principal;
  // Another tenant's existence is nobody's business.
  if (who.role != model::Role::kPlatformOperator && who.tenant != id)
    return NotFound("There is no such tenant.");
  return TenantAnswer(200, call.services.tenants.Get(id));
}

Result<net::Response> GetOwnTenant(Call& call) {
  return TenantAnswer(200, call.services.tenants.Get(*call.tenant));
}

Result<net::Response> DeactivateTenant(Call& call) {
  return Change(call, &keyring::Tenants::Deactivate);
}
Result<net::Response> ReactivateTenant(Call& call) {
  return Change(call, &keyring::Tenants::Reactivate);
}
Result<net::Response> DestroyTenant(Call& call) {
  return Change(call, &keyring::Tenants::ScheduleDestruction);
}
Result<net::Response> CancelTenantDestruction(Call& call) {
  return Change(call, &keyring::Tenants::CancelDestruction);
}

}  // namespace tenantseal::api
