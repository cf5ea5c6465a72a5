#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "api/key_provider_json.h"
#include "api/routes.h"

namespace tenantseal::api {
namespace {

using nlohmann::json;

std::string FingerprintOf(const Call& call) { return std::string(call.parameter); }

Result<net::Response> ProviderAnswer(int status, const Result<providers::ProviderView>& view) {
  if (!view) return Error(view.error());
  return Json(status, Dump(KeyProviderJson(*view, Shown::kAlone)));
}

// A body of nothing or {}.
Result<void> ExpectNoBody(const Call& call) {
  auto body = ParseControlBody(call.request.body, {});
  if (!body) return AsInvalidRequest(body.error());
  return {};
}

Result<net::Response> ListOf(Call& call, bool with_internal) {
  TS_ASSIGN_OR_RETURN(const auto views, call.services.providers.List(*call.tenant));
  json list = json::array();
  for (const providers::ProviderView& view : views) {
    if (with_internal || view.provider.kind != model::ProviderKind::kInternal)
      list.push_back(KeyProviderJson(view, Shown::kInList));
  }
  return Json(200, Dump(list));
}

}  // namespace

// Lists are bare arrays without pages: a tenant has at most kProvidersMax key providers.
Result<net::Response> ListKeyProviders(Call& call) { return ListOf(call, false); }
Result<net::Response> ListAllKeyProviders(Call& call) { return ListOf(call, true); }

Result<net::Response> CreateKeyProvider(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto wanted, ParseNewProvider(call.request.body));
  return ProviderAnswer(201, call.services.providers.Create(
                                 *call.tenant, wanted, call.principal->id, call.request.deadline));
}

Result<net::Response> GetKeyProvider(Call& call) {
  return ProviderAnswer(200, call.services.providers.Get(*call.tenant, FingerprintOf(call)));
}

Result<net::Response> PatchKeyProvider(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto change, ParseProviderPatch(call.request.body));
  TS_RETURN_IF_ERROR(
      call.services.providers.Patch(*call.tenant, FingerprintOf(call), change, call.principal->id));
  return NoContent();
}

Result<net::Response> DeleteKeyProvider(Call& call) {
  TS_RETURN_IF_ERROR(ExpectNoBody(call));
  TS_RETURN_IF_ERROR(
      call.services.providers.Delete(*call.tenant, FingerprintOf(call), call.principal->id));
  return NoContent();
}

Result<net::Response> TestKeyProvider(Call& call) {
  TS_RETURN_IF_ERROR(ExpectNoBody(call));
  return ProviderAnswer(
      201, call.services.providers.Test(*call.tenant, FingerprintOf(call), /*isolation=*/true,
                                        call.principal->id, call.request.deadline));
}

Result<net::Response> GetKeyProviderUsage(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto usage,
                      call.services.providers.Usage(*call.tenant, FingerprintOf(call)));
  return Json(200, Dump(UsageJson(usage)));
}

Result<net::Response> GetKeyProviderValidation(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto view,
                      call.services.providers.Get(*call.tenant, FingerprintOf(call)));
  if (view.report) return Json(200, Dump(providers::ReportJson(*view.report)));
  if (view.provider.kind == model::ProviderKind::kInternal) {
    // Nothing is asked, or kept: the same report without checks as a test's.
    TS_ASSIGN_OR_RETURN(const auto tested,
                        call.services.providers.Test(*call.tenant, FingerprintOf(call), false,
                                                     call.principal->id, call.request.deadline));
    if (tested.report) return Json(200, Dump(providers::ReportJson(*tested.report)));
  }
  return model::EncryptionError(model::EncryptionCode::kProviderNotFound, ErrorCode::kNotFound,
                                "The key provider has no validation that could be read: test it.",
                                "arnFingerPrint");
}

Result<net::Response> ValidateArn(Call& call) {
  const auto body = ParseControlBody(call.request.body, {"arn"});
  if (!body) return AsInvalidRequest(body.error());
  const auto arn = TextField(*body, "arn", true);
  if (!arn) return AsInvalidRequest(arn.error());
  TS_ASSIGN_OR_RETURN(const auto report,
                      call.services.providers.DryRun(*call.tenant, **arn, call.request.deadline));
  return Json(200, Dump(providers::ReportJson(report)));
}

Result<net::Response> GetKeyPolicy(Call& call) {
  TS_ASSIGN_OR_RETURN(std::string statements, call.services.key_policy(*call.tenant));
  return Json(200, std::move(statements));
}

}  // namespace tenantseal::api
