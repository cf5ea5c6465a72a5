#include "api/batch.h"
#include "api/routes.h"
#include "base/limits.h"

namespace tenantseal::api {
namespace {

Result<void> SealOne(Call& call, const DataPlaneFields& item, SecretText& out) {
  TS_ASSIGN_OR_RETURN(const std::string_view encoded, Required(item.plaintext, "plaintext"));
  TS_ASSIGN_OR_RETURN(const base::SecretBytes plaintext, DecodeBase64Field(encoded, "plaintext"));
  if (plaintext.size() > base::kValueBytesMax) {
    return Error{ErrorCode::kTooLarge,
                 "A value has at most " + std::to_string(base::kValueBytesMax) +
                     " bytes; seal larger content with a data key (POST data-keys).",
                 "plaintext"};
  }
  TS_ASSIGN_OR_RETURN(const auto* context, ContextOf(call, item));
  TS_ASSIGN_OR_RETURN(const std::string text,
                      call.services.values.Seal(*call.tenant, *context, plaintext.Reveal(),
                                                call.wait, call.request.deadline));
  out.Append(R"({"ciphertext":")");
  out.Append(text);
  out.Append("\"}");
  return {};
}

Result<void> OpenOne(Call& call, const DataPlaneFields& item, SecretText& out) {
  TS_ASSIGN_OR_RETURN(const std::string text, Required(item.ciphertext, "ciphertext"));
  TS_ASSIGN_OR_RETURN(const auto* context, ContextOf(call, item));
  TS_ASSIGN_OR_RETURN(
      const base::SecretBytes plaintext,
      call.services.values.Open(*call.tenant, *context, text, call.wait, call.request.deadline));
  out.Append(R"({"plaintext":")");
  out.AppendBase64(plaintext.Reveal());
  out.Append("\"}");
  return {};
}

Result<void> ResealOne(Call& call, const DataPlaneFields& item, SecretText& out) {
  TS_ASSIGN_OR_RETURN(const std::string text, Required(item.ciphertext, "ciphertext"));
  TS_ASSIGN_OR_RETURN(const auto* context, ContextOf(call, item));
  TS_ASSIGN_OR_RETURN(
      const auto resealed,
      call.services.values.Reseal(*call.tenant, *context, text, call.wait, call.request.deadline));
  out.Append(R"({"ciphertext":")");
  out.Append(resealed.ciphertext);
  out.Append(resealed.changed ? R"(","changed":true})" : R"(","changed":false})");
  return {};
}

Result<net::Response> ForEachItem(Call& call, const FieldSet& fields,
                                  Result<void> (*one)(Call&, const DataPlaneFields&, SecretText&)) {
  TS_ASSIGN_OR_RETURN(const DataPlaneBody body, ParseDataPlane(call.request.body, fields, true));
  const std::size_t bytes_per_item = call.request.body.size() / body.items.size() + 256;
  return AnswerItems(
      call, body, 200, bytes_per_item,
      [&](const DataPlaneFields& item, SecretText& out) { return one(call, item, out); });
}

}  // namespace

Result<net::Response> SealValues(Call& call) {
  return ForEachItem(call, {.plaintext = true}, SealOne);
}
Result<net::Response> OpenValues(Call& call) {
  return ForEachItem(call, {.ciphertext = true}, OpenOne);
}
Result<net::Response> ResealValues(Call& call) {
  return ForEachItem(call, {.ciphertext = true}, ResealOne);
}

}  // namespace tenantseal::api
