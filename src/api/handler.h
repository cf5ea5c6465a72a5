// The way of a request: route, authentication, role and tenant, limits, the route's own work,
// counts.
#pragma once

#include <optional>

#include "api/metrics.h"
#include "api/rate_limit.h"
#include "api/route.h"
#include "net/http_server.h"

namespace tenantseal::api {

struct LimitOptions {
  double tenant_items_per_second = 100'000;  // Data plane, per tenant; 0: no limit.
  double read_per_minute = 1000;  // Control plane, per principal and tenant (Qlik's tier 1).
  double write_per_minute = 100;  // The same (Qlik's tier 2); both over a 5 minute window.
};

// Thread-safe. Answers on the I/O thread what needs no I/O, the rest on a worker.
class ApiHandler final : public net::HttpHandler {
 public:
  ApiHandler(Services services, LimitOptions limits);

  std::optional<net::Response> HandleNow(net::Request& request) override;
  net::Response HandleBlocking(net::Request& request) override;
  std::size_t BodyBytesMax(const net::Request& request) const override;
  net::Response Overloaded(net::Request& request) override;
  net::Response Refused(int status, std::string_view detail, std::string_view request_id) override;

  Metrics& metrics() { return metrics_; }

 private:
  std::optional<net::Response> Handle(net::Request& request, keyring::Wait wait);
  Result<net::Response> ServeOrFail(const Route& route, Call& call, net::Request& request);
  Result<net::Response> Serve(const Route& route, Call& call, net::Request& request);
  Result<identity::Principal> Identify(const Route& route, Call& call) const;
  // The refusal of a change that a session asks for in a way that another site's page could.
  std::optional<net::Response> RefuseForgery(const Call& call) const;
  Result<void> Admit(const Route& route, const Call& call);
  void Count(const Route& route, const Call& call);

  Services services_;
  Metrics metrics_;
  RateLimit tenant_limit_;
  RateLimit read_limit_;
  RateLimit write_limit_;
};

// The tenant that the call is about, checked against the caller's role; see Access.
Result<std::optional<model::TenantId>> Authorize(Access access,
                                                 const identity::Principal& principal,
                                                 const net::Request& request);

// The bearer token of the header Authorization.
std::optional<std::string_view> BearerToken(const net::Request& request);

// Whose events the caller may read: the tenant's, or for operators and for auditors without a
// tenant, the deployment's.
Result<model::Scope> AuditScope(const Call& call);

}  // namespace tenantseal::api
