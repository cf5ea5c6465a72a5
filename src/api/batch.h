// What all data-plane routes share: one object or a batch in, results or item errors out.
#pragma once

#include <string_view>

#include "api/data_plane_json.h"
#include "api/error_table.h"
#include "api/route.h"
#include "api/secret_text.h"

namespace tenantseal::api {

// An error that says something about the whole request, not about one item of it.
inline bool ConcernsAllItems(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kNotFound:
    case ErrorCode::kTooLarge:
    case ErrorCode::kDecryptFailed:
      return false;
    default:
      return true;
  }
}

// Runs `one(item, out)` for each item: it appends a JSON object to `out` or returns an error. A
// single item's error is the answer; a batch goes on and holds the error in the item's place,
// unless the error concerns all items (revoked, unavailable, would block), which ends it.
template <typename One>
Result<net::Response> AnswerItems(Call& call, const DataPlaneBody& body, int status,
                                  std::size_t bytes_per_item, One one) {
  SecretText out(32 + body.items.size() * bytes_per_item);
  if (body.batch) out.Append(R"({"items":[)");
  // That the tenant is not there, or not active, is no fault of an item.
  if (body.batch) TS_RETURN_IF_ERROR(call.services.keyring.State(*call.tenant, call.wait));
  for (std::size_t i = 0; i < body.items.size(); ++i) {
    const DataPlaneFields& item = body.items[i];
    if (i > 0) out.Append(",");
    Result<void> done = one(item, out);
    if (done) {
      call.tally.Ok();
      continue;
    }
    if (done.error().code != ErrorCode::kWouldBlock) call.tally.Failed(done.error().code);
    if (!body.batch || ConcernsAllItems(done.error().code)) return std::move(done).error();
    out.Append(R"({"error":)");
    Error error = std::move(done).error();
    if (!error.field.empty()) error = InItem(std::move(error), i);
    out.Append(ItemErrorJson(error, call.request.request_id));
    out.Append("}");
  }
  if (body.batch) out.Append("]}");
  return SecretJson(status, out.Take());
}

// The text of a field that must be there.
template <typename T>
Result<T> Required(const std::optional<T>& field, std::string_view name) {
  if (!field)
    return InvalidArgument(std::string(name), "The field " + std::string(name) + " is missing.");
  return *field;
}

// The context of an item; lives in `call` until the next item's. Items without pairs of their own,
// as most batches have them, share one.
inline Result<const model::EncryptionContext*> ContextOf(Call& call, const DataPlaneFields& item) {
  if (!item.context.empty() || !call.context || call.context->pairs().size() != 1) {
    TS_ASSIGN_OR_RETURN(call.context, model::EncryptionContext::Make(*call.tenant, item.context));
  }
  return &*call.context;
}

}  // namespace tenantseal::api
