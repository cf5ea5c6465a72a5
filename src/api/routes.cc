#include "api/routes.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace tenantseal::api {
namespace {

using net::Method;
constexpr std::size_t kSmall = 64 << 10;
constexpr std::size_t kBatch = base::kBodyBytesMax;
constexpr std::size_t kNoBody = 4 << 10;  // Clients send {} or nothing.

constexpr std::array kRoutes = {
    Route{Method::kGet, "/healthz", Access::kPublic, Tier::kNone, true, kNoBody, "healthz",
          GetHealth},
    Route{Method::kGet, "/readyz", Access::kPublic, Tier::kNone, false, kNoBody, "readyz",
          GetReady},
    Route{Method::kGet, "/openapi.json", Access::kPublic, Tier::kNone, true, kNoBody, "openapi",
          GetOpenApi},
    // The handler answers this one itself: it alone has the counts.
    Route{Method::kGet, "/metrics", Access::kPublic, Tier::kNone, true, kNoBody, "metrics",
          nullptr},

    Route{Method::kPost, "/api/v1/tenants", Access::kOperator, Tier::kWrite, false, kSmall,
          "create-tenant", CreateTenant},
    Route{Method::kGet, "/api/v1/tenants", Access::kOperator, Tier::kRead, false, kNoBody,
          "list-tenants", ListTenants},
    Route{Method::kGet, "/api/v1/tenants/me", Access::kAnyOfTenant, Tier::kRead, false, kNoBody,
          "get-own-tenant", GetOwnTenant},
    Route{Method::kGet, "/api/v1/tenants/{tenantId}", Access::kAnyone, Tier::kRead, false, kNoBody,
          "get-tenant", GetTenant},
    Route{Method::kPost, "/api/v1/tenants/{tenantId}/actions/deactivate", Access::kOperator,
          Tier::kWrite, false, kNoBody, "deactivate-tenant", DeactivateTenant},
    Route{Method::kPost, "/api/v1/tenants/{tenantId}/actions/reactivate", Access::kOperator,
          Tier::kWrite, false, kNoBody, "reactivate-tenant", ReactivateTenant},
    Route{Method::kPost, "/api/v1/tenants/{tenantId}/actions/destroy", Access::kOperator,
          Tier::kWrite, false, kNoBody, "destroy-tenant", DestroyTenant},
    Route{Method::kPost, "/api/v1/tenants/{tenantId}/actions/cancel-destruction", Access::kOperator,
          Tier::kWrite, false, kNoBody, "cancel-tenant-destruction", CancelTenantDestruction},

    Route{Method::kPost, "/api/v1/api-keys", Access::kAnyone, Tier::kWrite, false, kSmall,
          "create-api-key", CreateApiKey},
    Route{Method::kGet, "/api/v1/api-keys", Access::kAnyone, Tier::kRead, false, kNoBody,
          "list-api-keys", ListApiKeys},
    Route{Method::kGet, "/api/v1/api-keys/{id}", Access::kAnyone, Tier::kRead, false, kNoBody,
          "get-api-key", GetApiKey},
    Route{Method::kDelete, "/api/v1/api-keys/{id}", Access::kAnyone, Tier::kWrite, false, kNoBody,
          "delete-api-key", DeleteApiKey},

    Route{Method::kPost, "/api/v1/encryption/values/actions/seal", Access::kContent, Tier::kData,
          true, kBatch, "seal", SealValues},
    Route{Method::kPost, "/api/v1/encryption/values/actions/open", Access::kContent, Tier::kData,
          true, kBatch, "open", OpenValues},
    Route{Method::kPost, "/api/v1/encryption/values/actions/reseal", Access::kContent, Tier::kData,
          true, kBatch, "reseal", ResealValues},

    Route{Method::kPost, "/api/v1/encryption/data-keys", Access::kContent, Tier::kData, true,
          kSmall, "create-data-key", CreateDataKeys},
    Route{Method::kGet, "/api/v1/encryption/data-keys/{id}", Access::kContent, Tier::kData, false,
          kNoBody, "get-data-key", GetDataKey},
    Route{Method::kDelete, "/api/v1/encryption/data-keys/{id}", Access::kContent, Tier::kData,
          false, kNoBody, "delete-data-key", DeleteDataKey},
    Route{Method::kPost, "/api/v1/encryption/data-keys/actions/unwrap", Access::kContent,
          Tier::kData, true, kBatch, "unwrap", UnwrapDataKeys},
    Route{Method::kPost, "/api/v1/encryption/data-keys/actions/rewrap", Access::kContent,
          Tier::kData, true, kBatch, "rewrap", RewrapDataKeys},

    Route{Method::kGet, "/api/v1/encryption/tenant-keys", Access::kAdminOrAuditor, Tier::kRead,
          false, kNoBody, "list-tenant-keys", ListTenantKeys},
    Route{Method::kPost, "/api/v1/encryption/tenant-keys/actions/rotate", Access::kTenantAdmin,
          Tier::kWrite, false, kNoBody, "rotate", RotateTenantKey},
    Route{Method::kPost, "/api/v1/encryption/tenant-keys/actions/retire", Access::kTenantAdmin,
          Tier::kWrite, false, kNoBody, "retire", RetireTenantKey},
    Route{Method::kGet, "/api/v1/encryption/usage", Access::kAdminOrAuditor, Tier::kRead, false,
          kNoBody, "list-usage", ListUsage},
};

// Matches a pattern with one parameter; the parameter is the text of its segment, never empty.
std::optional<std::string_view> Parameter(std::string_view pattern, std::string_view path) {
  const std::size_t open = pattern.find('{');
  const std::string_view before = pattern.substr(0, open);
  const std::string_view after = pattern.substr(pattern.find('}') + 1);
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) ||
      !path.ends_with(after))
    return std::nullopt;
  const std::string_view middle =
      path.substr(before.size(), path.size() - before.size() - after.size());
  if (middle.find('/') != std::string_view::npos) return std::nullopt;
  return middle;
}

bool IsStatic(const Route& route) { return route.pattern.find('{') == std::string_view::npos; }

const std::unordered_multimap<std::string_view, const Route*>& StaticRoutes() {
  static const auto* routes = [] {
    auto* made = new std::unordered_multimap<std::string_view, const Route*>();
    for (const Route& route : kRoutes) {
      if (IsStatic(route)) made->emplace(route.pattern, &route);
    }
    return made;
  }();
  return *routes;
}

}  // namespace

std::span<const Route> AllRoutes() { return kRoutes; }

RouteMatch FindRoute(net::Method method, std::string_view path) {
  if (method == Method::kHead) method = Method::kGet;
  RouteMatch match;
  const auto [first, last] = StaticRoutes().equal_range(path);
  for (auto it = first; it != last; ++it) {
    match.path_known = true;
    if (it->second->method == method) match.route = it->second;
  }
  if (match.path_known) return match;
  for (const Route& route : kRoutes) {
    if (IsStatic(route)) continue;
    const auto parameter = Parameter(route.pattern, path);
    if (!parameter) continue;
    match.path_known = true;
    if (route.method == method) {
      match.route = &route;
      match.parameter = *parameter;
      return match;
    }
  }
  return match;
}

net::Response Json(int status, std::string body) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

net::Response SecretJson(int status, base::SecretBytes body) {
  net::Response response;
  response.status = status;
  response.body = std::move(body);
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

net::Response NoContent() { return Json(204, ""); }

}  // namespace tenantseal::api
