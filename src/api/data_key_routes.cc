#include <nlohmann/json.hpp>

#include "api/batch.h"
#include "api/control_json.h"
#include "api/routes.h"

namespace tenantseal::api {
namespace {

void AppendMinted(const keyring::MintedDataKey& key, bool with_plaintext, SecretText& out) {
  out.Append("{");
  if (key.id) {
    out.Append(R"("id":")");
    out.Append(key.id->text());
    out.Append(R"(",)");
  }
  if (with_plaintext) {
    out.Append(R"("plaintext":")");
    out.AppendBase64(key.plaintext.Reveal());
    out.Append(R"(",)");
  }
  out.Append(R"("wrappedKey":")");
  out.Append(key.wrapped);
  out.Append(R"(","tenantKeyVersion":)");
  out.Append(std::to_string(key.version));
  out.Append(R"(,"usableForMs":)");
  out.Append(std::to_string(key.usable_for.count()));
  out.Append("}");
}

Result<void> UnwrapOne(Call& call, const DataPlaneFields& item, SecretText& out) {
  if (item.id && item.wrapped_key)
    return InvalidArgument("id", "Give either id or wrappedKey, not both.");
  TS_ASSIGN_OR_RETURN(const auto* context, ContextOf(call, item));
  const auto unwrap = [&]() -> Result<keyring::UnwrappedDataKey> {
    keyring::DataKeys& keys = call.services.data_keys;
    if (!item.id) {
      TS_ASSIGN_OR_RETURN(const std::string text, Required(item.wrapped_key, "wrappedKey"));
      return keys.Unwrap(*call.tenant, *context, text, call.wait, call.request.deadline);
    }
    TS_ASSIGN_OR_RETURN(const auto id, model::DataKeyId::Parse(*item.id));
    return keys.UnwrapManaged(*call.tenant, *context, id, call.wait, call.request.deadline);
  };
  TS_ASSIGN_OR_RETURN(const auto key, unwrap());
  out.Append(R"({"plaintext":")");
  out.AppendBase64(key.plaintext.Reveal());
  out.Append(R"(","usableForMs":)");
  out.Append(std::to_string(key.usable_for.count()));
  out.Append("}");
  return {};
}

Result<void> RewrapOne(Call& call, const DataPlaneFields& item, SecretText& out) {
  TS_ASSIGN_OR_RETURN(const std::string text, Required(item.wrapped_key, "wrappedKey"));
  TS_ASSIGN_OR_RETURN(const auto* context, ContextOf(call, item));
  TS_ASSIGN_OR_RETURN(const auto key,
                      call.services.data_keys.Rewrap(*call.tenant, *context, text, call.wait,
                                                     call.request.deadline));
  out.Append(R"({"wrappedKey":")");
  out.Append(key.wrapped);
  out.Append(key.changed ? R"(","changed":true})" : R"(","changed":false})");
  return {};
}

}  // namespace

Result<net::Response> CreateDataKeys(Call& call) {
  const FieldSet fields{.want_plaintext = true, .managed = true, .count = true};
  TS_ASSIGN_OR_RETURN(const DataPlaneBody body, ParseDataPlane(call.request.body, fields, false));
  const DataPlaneFields& request = body.items.front();
  TS_ASSIGN_OR_RETURN(const auto* context, ContextOf(call, request));
  TS_ASSIGN_OR_RETURN(
      const auto minted,
      call.services.data_keys.Mint(*call.tenant, *context, request.managed.value_or(false),
                                   request.count.value_or(1), call.wait, call.request.deadline));
  SecretText out(64 + minted.size() * 384);
  if (request.count) out.Append(R"({"items":[)");
  for (const keyring::MintedDataKey& key : minted) {
    if (&key != &minted.front()) out.Append(",");
    AppendMinted(key, request.want_plaintext.value_or(true), out);
    call.tally.Ok();
  }
  if (request.count) out.Append("]}");
  return SecretJson(201, out.Take());
}

Result<net::Response> GetDataKey(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto id, model::DataKeyId::Parse(call.parameter));
  TS_ASSIGN_OR_RETURN(const auto key, call.services.data_keys.Load(*call.tenant, id));
  nlohmann::json json = {{"id", key.id.text()},
                         {"wrappedKey", key.wrapped},
                         {"tenantKeyVersion", key.version},
                         {"createdAt", base::FormatUtc(key.created_at)}};
  TS_ASSIGN_OR_RETURN(const auto context, model::EncryptionContext::Parse(key.context));
  for (const auto& [name, value] : context.pairs()) json["encryptionContext"][name] = value;
  call.tally.Ok();
  return Json(200, Dump(json));
}

Result<net::Response> DeleteDataKey(Call& call) {
  TS_ASSIGN_OR_RETURN(const auto id, model::DataKeyId::Parse(call.parameter));
  TS_RETURN_IF_ERROR(call.services.data_keys.Delete(*call.tenant, id));
  call.tally.Ok();
  return NoContent();
}

Result<net::Response> UnwrapDataKeys(Call& call) {
  TS_ASSIGN_OR_RETURN(const DataPlaneBody body,
                      ParseDataPlane(call.request.body, {.wrapped_key = true, .id = true}, true));
  return AnswerItems(call, body, 200, 128, [&](const DataPlaneFields& item, SecretText& out) {
    return UnwrapOne(call, item, out);
  });
}

Result<net::Response> RewrapDataKeys(Call& call) {
  TS_ASSIGN_OR_RETURN(const DataPlaneBody body,
                      ParseDataPlane(call.request.body, {.wrapped_key = true}, true));
  return AnswerItems(call, body, 200, 384, [&](const DataPlaneFields& item, SecretText& out) {
    return RewrapOne(call, item, out);
  });
}

}  // namespace tenantseal::api
