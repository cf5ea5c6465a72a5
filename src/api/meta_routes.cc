#include "api/routes.h"

// The document is part of the binary; its bytes stand between two symbols.
asm(R"(
.section .rodata
.global tenantseal_openapi_begin
.global tenantseal_openapi_end
tenantseal_openapi_begin:
.incbin ")" TENANTSEAL_OPENAPI_FILE R"("
tenantseal_openapi_end:
.byte 0
.text
)");
extern "C" {
extern const char tenantseal_openapi_begin[];
extern const char tenantseal_openapi_end[];
}

namespace tenantseal::api {

std::string_view OpenApiDocument() {
  return {tenantseal_openapi_begin,
          static_cast<std::size_t>(tenantseal_openapi_end - tenantseal_openapi_begin)};
}

Result<net::Response> GetHealth(Call&) { return Json(200, R"({"status":"ok"})"); }

// Ready means that content can be sealed: the store answers, the store lease lives, and the root
// key is the keystore's.
Result<net::Response> GetReady(Call& call) {
  TS_RETURN_IF_ERROR(call.services.store.Ping());
  if (!call.services.lease.Live()) TS_RETURN_IF_ERROR(call.services.lease.Refresh());
  if (call.services.ready) TS_RETURN_IF_ERROR(call.services.ready());
  return Json(200, R"({"status":"ready"})");
}

Result<net::Response> GetOpenApi(Call&) { return Json(200, std::string(OpenApiDocument())); }

// Tells @qlik/api that this host speaks as Qlik Cloud does.
Result<net::Response> GetProductInfo(Call& call) {
  const bool government = call.services.default_region.starts_with("us-gov-");
  return Json(200, std::string(R"({"composition":{"deploymentType":"cloud","provider":")") +
                       (government ? "fedramp" : "qcs") + R"("}})");
}

}  // namespace tenantseal::api
