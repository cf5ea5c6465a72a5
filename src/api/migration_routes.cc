#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "api/key_provider_json.h"
#include "api/routes.h"

namespace tenantseal::api {
namespace {

using migration::MigrationView;
using model::EncryptionCode;
using nlohmann::json;

Result<json> Body(const Call& call, std::initializer_list<std::string_view> known) {
  auto body = ParseControlBody(call.request.body, known);
  if (!body) return AsInvalidRequest(body.error());
  return body;
}

Result<bool> FlagField(const json& body, const std::string& name) {
  const auto found = body.find(name);
  if (found == body.end()) return false;
  if (found->is_boolean()) return found->get<bool>();
  return AsInvalidRequest(InvalidArgument(name, "The field " + name + " must be true or false."));
}

Result<net::Response> MigrationAnswer(int status, const Result<MigrationView>& view) {
  if (!view) return Error(view.error());
  return Json(status, Dump(MigrationInformation(*view)));
}

bool Is(const Error& error, EncryptionCode code) {
  return error.encryption_code == static_cast<std::uint16_t>(code);
}

Error ResetWhileMigrating() {
  return model::EncryptionError(
      EncryptionCode::kResetWhileMigrating, ErrorCode::kConflict,
      "A migration is going on: wait until it is completed, or cancel it, then reset.");
}

}  // namespace

Result<net::Response> MigrateToKeyProvider(Call& call) {
  TS_RETURN_IF_ERROR(Body(call, {}));
  return MigrationAnswer(200,
                         call.services.migrations.Start(*call.tenant, std::string(call.parameter),
                                                        call.principal->id, call.request.deadline));
}

// A reset is a migration to the internal KMS with answers of its own. A 205 has no body (RFC 9110),
// so whoever wants to know more looks at the details.
Result<net::Response> ResetToDefaultProvider(Call& call) {
  TS_RETURN_IF_ERROR(Body(call, {}));
  migration::Migrations& migrations = call.services.migrations;
  const auto started = migrations.Start(*call.tenant, call.tenant->text(), call.principal->id,
                                        call.request.deadline);
  if (started) return Json(205, "");
  if (Is(started.error(), EncryptionCode::kMigrationOngoing)) return ResetWhileMigrating();
  if (!Is(started.error(), EncryptionCode::kAlreadyCurrent)) return Error(started.error());
  const auto details = migrations.Details(*call.tenant);
  if (details && details->migration.unfinished()) return ResetWhileMigrating();
  return Json(200,
              Dump({{"message", "Tenant is already using Qlik KMS, no migration is required."}}));
}

Result<net::Response> GetMigrationDetails(Call& call) {
  return MigrationAnswer(200, call.services.migrations.Details(*call.tenant));
}

Result<net::Response> PlanMigration(Call& call) {
  TS_ASSIGN_OR_RETURN(const json body, Body(call, {"arnFingerPrint"}));
  const auto fingerprint = TextField(body, "arnFingerPrint", true);
  if (!fingerprint) return AsInvalidRequest(fingerprint.error());
  TS_ASSIGN_OR_RETURN(const auto plan,
                      call.services.migrations.Plan(*call.tenant, **fingerprint, call.principal->id,
                                                    call.request.deadline));
  return Json(200, Dump(PlanJson(plan)));
}

Result<net::Response> PauseMigration(Call& call) {
  TS_RETURN_IF_ERROR(Body(call, {}));
  return MigrationAnswer(200, call.services.migrations.Pause(*call.tenant, call.principal->id));
}

Result<net::Response> ResumeMigration(Call& call) {
  TS_ASSIGN_OR_RETURN(const json body, Body(call, {"acceptSourceRefusal", "acceptQuarantine"}));
  migration::Migrations::Accept accept;
  TS_ASSIGN_OR_RETURN(accept.source_refuses, FlagField(body, "acceptSourceRefusal"));
  TS_ASSIGN_OR_RETURN(accept.quarantine, FlagField(body, "acceptQuarantine"));
  return MigrationAnswer(200, call.services.migrations.Resume(
                                  *call.tenant, accept, call.principal->id, call.request.deadline));
}

Result<net::Response> CancelMigration(Call& call) {
  TS_RETURN_IF_ERROR(Body(call, {}));
  return MigrationAnswer(200, call.services.migrations.Cancel(*call.tenant, call.principal->id));
}

// Pages go by data key id.
Result<net::Response> ListQuarantine(Call& call) {
  TS_ASSIGN_OR_RETURN(const std::size_t limit, QueryLimit(call.request.query));
  TS_ASSIGN_OR_RETURN(const auto after, QueryParameter(call.request.query, "next"));
  if (after && !model::DataKeyId::Parse(*after))
    return AsInvalidRequest(InvalidArgument("next", "This is not a cursor of an earlier page."));
  TS_ASSIGN_OR_RETURN(
      auto rows, call.services.migrations.Quarantine(*call.tenant, after.value_or(""), limit + 1));
  const bool more = rows.size() > limit;
  if (more) rows.resize(limit);
  json answer = {{"data", json::array()}, {"links", json::object()}};
  for (const model::QuarantinedDataKey& row : rows) {
    answer["data"].push_back({{"id", row.id.text()},
                              {"tenantKeyVersion", row.version},
                              {"since", base::FormatUtc(row.since)},
                              {"reason", row.reason}});
  }
  TS_ASSIGN_OR_RETURN(const std::string base, BaseUrl(call.request));
  const std::string self =
      base + "/api/v1/encryption/keyproviders/migration/quarantine?limit=" + std::to_string(limit);
  answer["links"]["self"]["href"] = self;
  if (more) answer["links"]["next"]["href"] = self + "&next=" + rows.back().id.text();
  return Json(200, Dump(answer));
}

Result<net::Response> RetryQuarantine(Call& call) {
  TS_RETURN_IF_ERROR(Body(call, {}));
  TS_ASSIGN_OR_RETURN(const std::uint64_t released, call.services.migrations.RetryQuarantine(
                                                        *call.tenant, call.request.deadline));
  return Json(200, Dump({{"released", released}}));
}

}  // namespace tenantseal::api
