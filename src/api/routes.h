// The table of routes. openapi.json describes the same ones; a test holds them equal.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "api/route.h"

namespace tenantseal::api {

std::span<const Route> AllRoutes();

struct RouteMatch {
  const Route* route = nullptr;  // Null: see path_known.
  std::string_view parameter;
  std::string_view second_parameter;
  bool path_known = false;  // Another method would have matched.
};
// `path` is raw; parameters are not percent-decoded (ids have no characters that need it).
RouteMatch FindRoute(net::Method method, std::string_view path);

// meta_routes.cc
Result<net::Response> GetHealth(Call& call);
Result<net::Response> GetReady(Call& call);
Result<net::Response> GetOpenApi(Call& call);
Result<net::Response> GetProductInfo(Call& call);
Result<net::Response> GetCsrfToken(Call& call);
std::string_view OpenApiDocument();
// session_routes.cc
Result<net::Response> GetSessionOptions(Call& call);
Result<net::Response> CreateSession(Call& call);
Result<net::Response> GetSession(Call& call);
Result<net::Response> DeleteSession(Call& call);
Result<net::Response> GetCsrfToken(Call& call);
// login_routes.cc
Result<net::Response> StartLogin(Call& call);
Result<net::Response> FinishLogin(Call& call);
// oauth_routes.cc
Result<net::Response> GrantToken(Call& call);
// tenant_routes.cc
Result<net::Response> CreateTenant(Call& call);
Result<net::Response> ListTenants(Call& call);
Result<net::Response> GetTenant(Call& call);
Result<net::Response> GetOwnTenant(Call& call);
Result<net::Response> DeactivateTenant(Call& call);
Result<net::Response> ReactivateTenant(Call& call);
Result<net::Response> DestroyTenant(Call& call);
Result<net::Response> CancelTenantDestruction(Call& call);
// api_key_routes.cc
Result<net::Response> CreateApiKey(Call& call);
Result<net::Response> ListApiKeys(Call& call);
Result<net::Response> GetApiKey(Call& call);
Result<net::Response> DeleteApiKey(Call& call);
Result<net::Response> GetOwnUser(Call& call);
// stream_routes.cc
Result<net::Response> FollowMigration(Call& call);
Result<net::Response> FollowAudits(Call& call);
// audit_routes.cc
Result<net::Response> ListAudits(Call& call);
Result<net::Response> GetAudit(Call& call);
Result<net::Response> GetAuditArchive(Call& call);
Result<net::Response> VerifyAuditChain(Call& call);
Result<net::Response> GetAuditSettings(Call& call);
Result<net::Response> ListAuditSources(Call& call);
Result<net::Response> ListAuditTypes(Call& call);
// value_routes.cc
Result<net::Response> SealValues(Call& call);
Result<net::Response> OpenValues(Call& call);
Result<net::Response> ResealValues(Call& call);
// data_key_routes.cc
Result<net::Response> CreateDataKeys(Call& call);
Result<net::Response> GetDataKey(Call& call);
Result<net::Response> DeleteDataKey(Call& call);
Result<net::Response> UnwrapDataKeys(Call& call);
Result<net::Response> RewrapDataKeys(Call& call);
// tenant_key_routes.cc
Result<net::Response> ListTenantKeys(Call& call);
Result<net::Response> RotateTenantKey(Call& call);
Result<net::Response> RetireTenantKey(Call& call);
Result<net::Response> ListUsage(Call& call);
// key_provider_routes.cc
Result<net::Response> ListKeyProviders(Call& call);
Result<net::Response> ListAllKeyProviders(Call& call);
Result<net::Response> CreateKeyProvider(Call& call);
Result<net::Response> GetKeyProvider(Call& call);
Result<net::Response> PatchKeyProvider(Call& call);
Result<net::Response> DeleteKeyProvider(Call& call);
Result<net::Response> TestKeyProvider(Call& call);
Result<net::Response> GetKeyProviderUsage(Call& call);
Result<net::Response> GetKeyProviderValidation(Call& call);
// kms_call_routes.cc
Result<net::Response> ListKmsCalls(Call& call);
Result<net::Response> ValidateArn(Call& call);
Result<net::Response> GetKeyPolicy(Call& call);
// webhook_routes.cc
Result<net::Response> ListWebhooks(Call& call);
Result<net::Response> CreateWebhook(Call& call);
Result<net::Response> ListWebhookEventTypes(Call& call);
Result<net::Response> GetWebhook(Call& call);
Result<net::Response> ReplaceWebhook(Call& call);
Result<net::Response> PatchWebhook(Call& call);
Result<net::Response> DeleteWebhook(Call& call);
Result<net::Response> ListWebhookDeliveries(Call& call);
Result<net::Response> GetWebhookDelivery(Call& call);
Result<net::Response> ResendWebhookDelivery(Call& call);
// migration_routes.cc
Result<net::Response> MigrateToKeyProvider(Call& call);
Result<net::Response> ResetToDefaultProvider(Call& call);
Result<net::Response> GetMigrationDetails(Call& call);
Result<net::Response> PlanMigration(Call& call);
Result<net::Response> PauseMigration(Call& call);
Result<net::Response> ResumeMigration(Call& call);
Result<net::Response> CancelMigration(Call& call);
Result<net::Response> ListQuarantine(Call& call);
Result<net::Response> RetryQuarantine(Call& call);

}  // namespace tenantseal::api
