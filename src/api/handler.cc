#include "api/handler.h"

#include <algorithm>

#include "api/data_plane_json.h"
#include "api/error_table.h"
#include "api/routes.h"
#include "api/sign_in.h"
#include "base/limits.h"
#include "base/log.h"
#include "identity/credentials.h"
#include "identity/jose.h"

namespace tenantseal::api {
namespace {

using model::Role;

// Queue keys: of a request that waits for its authentication, followed by the peer's address, so
// that a flood of wrong keys from one peer delays no other; or, of one that has been admitted and
// is not to be charged again on the worker, its tenant.
constexpr std::string_view kUnauthenticatedQueue = "?";

Error Forbidden(std::string_view who) {
  return {ErrorCode::kPermissionDenied, "This needs a key with the role " + std::string(who) + "."};
}

Result<void> RequireRole(Access access, Role role) {
  const bool admin = role == Role::kTenantAdmin;
  switch (access) {
    case Access::kOperator:
      return role == Role::kPlatformOperator ? Result<void>() : Forbidden("PlatformOperator");
    case Access::kTenantAdmin:
      return admin ? Result<void>() : Forbidden("TenantAdmin");
    case Access::kContent:
      return role == Role::kContentService ? Result<void>() : Forbidden("ContentService");
    case Access::kAdminOrAuditor:
      return admin || role == Role::kAuditor ? Result<void>() : Forbidden("TenantAdmin or Auditor");
    case Access::kPublic:
    case Access::kAnyOfTenant:
    case Access::kAnyone:
      return {};
  }
  return Internal("unknown access");
}

bool NeedsTenant(Access access) {
  return access == Access::kTenantAdmin || access == Access::kContent ||
         access == Access::kAdminOrAuditor || access == Access::kAnyOfTenant;
}

net::Response NoSuchRoute(bool path_known, const net::Request& request) {
  if (!path_known) {
    return ErrorResponse(NotFound("There is no such path; GET /openapi.json lists them."),
                         request.request_id);
  }
  std::string allowed;
  for (net::Method method : {net::Method::kGet, net::Method::kPost, net::Method::kPut,
                             net::Method::kPatch, net::Method::kDelete}) {
    if (FindRoute(method, request.path).route == nullptr) continue;
    allowed += (allowed.empty() ? "" : ", ") + std::string(net::MethodName(method));
  }
  net::Response response =
      StatusResponse(405, "This path takes other methods: " + allowed + ".", request.request_id);
  response.headers.push_back({"Allow", allowed});
  return response;
}

// A body is JSON or is not read. Clients that send none often send no type either.
Result<void> CheckMediaType(const net::Request& request) {
  if (request.body.empty()) return {};
  const auto encoding = request.Header("Content-Encoding");
  if (encoding && !net::EqualsIgnoreCase(*encoding, "identity"))
    return Error{ErrorCode::kUnsupportedMediaType,
                 "Send the body as it is, without a Content-Encoding.", "Content-Encoding"};
  const auto type = request.Header("Content-Type");
  if (!type) return {};
  const std::string_view bare = type->substr(0, type->find_first_of("; \t"));
  if (net::EqualsIgnoreCase(bare, "application/json")) return {};
  if (request.method == net::Method::kPatch &&
      net::EqualsIgnoreCase(bare, "application/json-patch+json"))
    return {};
  return Error{ErrorCode::kUnsupportedMediaType,
               "Send JSON with the header Content-Type: application/json.", "Content-Type"};
}

// Whoever asks for the service's own state is told of it in its own words.
Reader ReaderOf(const Route& route, const Call& call) {
  const bool is_operator = call.principal && call.principal->role == Role::kPlatformOperator;
  return is_operator || route.operation == "readyz" ? Reader::kOperator : Reader::kCaller;
}

}  // namespace

std::optional<std::string_view> BearerToken(const net::Request& request) {
  const auto header = request.Header("Authorization");
  if (!header || header->size() < 8 || !net::EqualsIgnoreCase(header->substr(0, 7), "Bearer "))
    return std::nullopt;
  std::string_view token = header->substr(7);
  while (token.starts_with(' ')) token.remove_prefix(1);
  return token;
}

Result<std::optional<model::TenantId>> Authorize(Access access,
                                                 const identity::Principal& principal,
                                                 const net::Request& request) {
  TS_RETURN_IF_ERROR(RequireRole(access, principal.role));
  if (!NeedsTenant(access)) return principal.tenant;
  const auto named = request.Header("Tenantseal-Tenant");
  if (!named) {
    if (principal.tenant) return principal.tenant;
    return InvalidArgument("Tenantseal-Tenant",
                           "This key serves any tenant: name one in the header Tenantseal-Tenant.");
  }
  // Two of them might be read differently by a proxy and by us.
  const auto is_tenant_header = [](const net::HeaderField& field) {
    return net::EqualsIgnoreCase(field.name, "Tenantseal-Tenant");
  };
  if (std::count_if(request.headers.begin(), request.headers.end(), is_tenant_header) > 1) {
    return InvalidArgument("Tenantseal-Tenant", "The header Tenantseal-Tenant stands twice.");
  }
  auto tenant = model::TenantId::Parse(*named);
  if (!tenant) return InvalidArgument("Tenantseal-Tenant", tenant.error().message);
  if (principal.tenant && principal.tenant != *tenant) {
    return Error{ErrorCode::kPermissionDenied,
                 "This key belongs to another tenant than the header Tenantseal-Tenant names.",
                 "Tenantseal-Tenant"};
  }
  return std::optional(*tenant);
}

ApiHandler::ApiHandler(Services services, LimitOptions limits)
    : services_(std::move(services)),
      tenant_limit_(limits.tenant_items_per_second, limits.tenant_items_per_second * 2,
                    services_.clock),
      read_limit_(limits.read_per_minute / 60, limits.read_per_minute * 5, services_.clock),
      write_limit_(limits.write_per_minute / 60, limits.write_per_minute * 5, services_.clock) {}

std::optional<net::Response> ApiHandler::HandleNow(net::Request& request) {
  return Handle(request, keyring::Wait::kNever);
}

net::Response ApiHandler::HandleBlocking(net::Request& request) {
  auto response = Handle(request, keyring::Wait::kAllowed);
  if (response) return std::move(*response);
  return ErrorResponse(Internal("a route would block on a worker"), request.request_id);
}

std::optional<net::Response> ApiHandler::Handle(net::Request& request, keyring::Wait wait) {
  const base::BootTime began = services_.clock.Boot();
  const RouteMatch match = FindRoute(request.method, request.path);
  if (match.route == nullptr) {
    net::Response response = NoSuchRoute(match.path_known, request);
    metrics_.Count(nullptr, response.status, {});
    return response;
  }
  Call call{services_, request, std::nullopt, std::nullopt, match.parameter, wait, {}, {}};
  call.second_parameter = match.second_parameter;
  Result<net::Response> result = ServeOrFail(*match.route, call, request);
  ForgetDataPlaneBody();
  if (!result && result.error().code == ErrorCode::kWouldBlock && wait == keyring::Wait::kNever)
    return std::nullopt;
  if (!result) {
    base::Log(base::LogLevel::kDebug, "request refused",
              {{"request", request.request_id},
               {"route", match.route->operation},
               {"peer", request.peer},
               {"code", ErrorCodeName(result.error().code)},
               {"field", result.error().field}});
  }
  net::Response response =
      result ? std::move(*result)
             : ErrorResponse(result.error(), request.request_id, ReaderOf(*match.route, call));
  metrics_.Count(match.route, response.status, services_.clock.Boot() - began);
  return response;
}

Result<net::Response> ApiHandler::ServeOrFail(const Route& route, Call& call,
                                              net::Request& request) {
  try {
    return Serve(route, call, request);
  } catch (const std::exception& error) {
    // Nothing of ours throws; a library that does must cost one request, not the process.
    return Internal(std::string("exception: ") + error.what());
  }
}

Result<net::Response> ApiHandler::Serve(const Route& route, Call& call, net::Request& request) {
  if (route.run == nullptr) {
    net::Response response = Json(200, metrics_.Text());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  }
  if (request.queue_key.empty()) {
    request.queue_key = std::string(kUnauthenticatedQueue).append(request.peer);
  }
  if (route.access != Access::kPublic) {
    TS_ASSIGN_OR_RETURN(call.principal, Identify(route, call));
    if (auto refusal = RefuseForgery(call)) return std::move(*refusal);
    const identity::Principal& principal = *call.principal;
    TS_ASSIGN_OR_RETURN(call.tenant, Authorize(route.access, principal, request));
    TS_RETURN_IF_ERROR(CheckMediaType(request));
    const std::string_view queue = call.tenant ? call.tenant->text() : principal.id;
    if (request.queue_key != queue) {  // Not admitted yet.
      TS_RETURN_IF_ERROR(Admit(route, call));
      request.queue_key = queue;
    }
  }
  if (!route.inline_first && call.wait == keyring::Wait::kNever)
    return Error{ErrorCode::kWouldBlock, ""};
  auto result = route.run(call);
  if (route.tier != Tier::kData || (!result && result.error().code == ErrorCode::kWouldBlock))
    return result;
  if (!result && call.tally.empty()) call.tally.Failed(result.error().code);
  Count(route, call);
  return result;
}

Result<identity::Principal> ApiHandler::Identify(const Route& route, Call& call) const {
  call.session = services_.sign_in.SessionToken(call.request);
  if (call.session) {
    // A page that is left open connects to its streams, and asks, again and again by itself.
    const bool by_itself =
        route.pattern.ends_with("/stream") || call.request.Header("Tenantseal-Unattended");
    const auto use = by_itself ? identity::SessionUse::kLook : identity::SessionUse::kUse;
    return services_.authenticator.AuthenticateSession(*call.session, call.wait, use);
  }
  const std::string_view token = BearerToken(call.request).value_or("");
  auto who = services_.authenticator.Authenticate(token, call.wait);
  const ErrorCode code = who ? ErrorCode::kInternal : who.error().code;
  const bool refused = code == ErrorCode::kUnauthenticated || code == ErrorCode::kPermissionDenied;
  if (!refused || !identity::LooksLikeJwt(token)) return who;
  base::LogWarning("a bearer token is refused", {{"request", call.request.request_id},
                                                 {"peer", call.request.peer},
                                                 {"reason", who.error().message}});
  return identity::RefusedToken(code);
}

std::optional<net::Response> ApiHandler::RefuseForgery(const Call& call) const {
  const net::Request& request = call.request;
  if (!call.session || request.method == net::Method::kGet || request.method == net::Method::kHead)
    return std::nullopt;
  const auto same_origin = services_.sign_in.CheckSameOrigin(request);
  const bool with_token = services_.sign_in.sessions().IsCsrfToken(
      *call.session, request.Header("qlik-csrf-token").value_or(""));
  if (same_origin && with_token) return std::nullopt;
  services_.sign_in.Count(SignInOutcome::kForgeryRefused);
  base::LogWarning("change refused: it may be another site's",
                   {{"request", request.request_id},
                    {"peer", request.peer},
                    {"principal", call.principal->id},
                    {"reason", same_origin ? "CSRF token" : same_origin.error().field}});
  if (!same_origin) return ErrorResponse(same_origin.error(), request.request_id);
  return CsrfResponse(request.request_id);
}

Result<void> ApiHandler::Admit(const Route& route, const Call& call) {
  const auto limited = [](std::uint32_t wait_s) -> Result<void> {
    if (wait_s == 0) return {};
    return Error{ErrorCode::kRateLimited, "", "", wait_s};
  };
  // Operators have no tenant whose neighbours they could starve.
  if (call.principal->role == Role::kPlatformOperator) return {};
  const std::string& who = call.principal->id;
  switch (route.tier) {
    case Tier::kNone:
      return {};
    case Tier::kData:
      return limited(tenant_limit_.Take(call.tenant->text()));
    case Tier::kRead:
      return limited(read_limit_.Take(who));
    case Tier::kWrite:
      return limited(write_limit_.Take(who));
  }
  return {};
}

void ApiHandler::Count(const Route& route, const Call& call) {
  // Names of tenants that do not exist are the caller's invention and get no rows of their own.
  const bool unknown = call.tally.Has(ErrorCode::kNotFound) && !call.principal->tenant &&
                       !services_.keyring.State(*call.tenant, keyring::Wait::kNever);
  const model::Scope scope = unknown ? model::Scope::Deployment() : model::Scope::Of(*call.tenant);
  std::uint64_t items = 0;
  call.tally.ForEach([&](std::string_view outcome, std::uint32_t count) {
    services_.usage.Add(scope.text(), call.principal->id, route.operation, outcome, count);
    items += count;
  });
  if (items > 1) tenant_limit_.Charge(call.tenant->text(), items - 1);
}

std::size_t ApiHandler::BodyBytesMax(const net::Request& request) const {
  const RouteMatch match = FindRoute(request.method, request.path);
  if (match.route == nullptr) return base::kHeaderBytesMax;
  // Whoever shows no key at all gets no memory for a large body.
  const bool shows_key = match.route->access == Access::kPublic || BearerToken(request) ||
                         services_.sign_in.SessionToken(request);
  return shows_key ? match.route->body_bytes_max
                   : std::min(base::kHeaderBytesMax, match.route->body_bytes_max);
}

net::Response ApiHandler::Overloaded(net::Request& request) {
  return ErrorResponse({ErrorCode::kUnavailable, std::string(kQueueFull), "", 1},
                       request.request_id);
}

net::Response ApiHandler::Refused(int status, std::string_view detail,
                                  std::string_view request_id) {
  return StatusResponse(status, detail, request_id);
}

}  // namespace tenantseal::api
