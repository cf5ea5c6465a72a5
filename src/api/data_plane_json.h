// JSON of the routes that carry secrets: read in place, never through a tree.
//
// The reader is strict: one object, no duplicate and no unknown names (a misspelt encryptionContext
// must not pass as an empty one), nothing behind it. Errors are kInvalidArgument with the field.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "model/encryption_context.h"

namespace tenantseal::api {

// The fields that a data-plane request may have; which of them a route takes it says itself.
struct DataPlaneFields {
  std::optional<std::string_view> plaintext;  // Base64 text, still encoded. Points into the body.
  std::optional<bool> want_plaintext;         // "plaintext": true|false of POST data-keys.
  std::optional<std::string> ciphertext;
  std::optional<std::string> wrapped_key;
  std::optional<std::string> id;
  std::optional<bool> managed;
  std::optional<std::uint64_t> count;
  std::vector<model::EncryptionContext::Pair> context;
};

// What a route takes.
struct FieldSet {
  bool plaintext = false, want_plaintext = false, ciphertext = false, wrapped_key = false,
       id = false, managed = false, count = false;
};

// A parsed body: one object, or {"items":[...]} of 1 to kBatchItemsMax objects where allowed.
// Views in it stay valid until the next Parse on the same thread.
struct DataPlaneBody {
  bool batch = false;
  std::vector<DataPlaneFields> items;  // One when not a batch.
};

Result<DataPlaneBody> ParseDataPlane(base::ByteSpan body, const FieldSet& fields,
                                     bool batch_allowed);

// The error with its field named from the batch's point of view: "items/<index>/<field>".
Error InItem(Error error, std::size_t index);

// Wipes this thread's copy of the last body. Called when the request is done.
void ForgetDataPlaneBody();

// Decodes base64 that may hold the JSON escape "\/". `field` stands in the error.
Result<base::SecretBytes> DecodeBase64Field(std::string_view text, std::string_view field);

}  // namespace tenantseal::api
