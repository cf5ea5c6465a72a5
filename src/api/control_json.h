// JSON of the routes that carry no secrets in: a tree, checked field by field.
#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "model/tenant.h"
#include "net/message.h"

namespace tenantseal::api {

// The most operations of one JSON patch (RFC 6902).
inline constexpr std::size_t kPatchOperationsMax = 16;

// The JSON text of a body, with no name twice in an object and at most 16 levels deep.
// kInvalidArgument names the field.
Result<nlohmann::json> ParseControlJson(base::ByteSpan body);
// A JSON object (an empty body is an empty object) with no names but `known`. The same otherwise.
Result<nlohmann::json> ParseControlBody(base::ByteSpan body,
                                        std::initializer_list<std::string_view> known);

// A field of it. `required` decides whether a missing one is an error or empty.
Result<std::optional<std::string>> TextField(const nlohmann::json& object, const std::string& name,
                                             bool required);

// JSON text of `json`. Bytes that are not UTF-8, which only a tampered row can hold, become U+FFFD.
std::string Dump(const nlohmann::json& json);

// Scheme and authority that the client used, since links must be absolute, e.g.
// "https://seal.example.com:8443". kInvalidArgument for a Host that is not a host.
Result<std::string> BaseUrl(const net::Request& request);

// The value of a query parameter, percent-decoded ('+' is a space). kInvalidArgument when it
// stands twice or is not valid.
Result<std::optional<std::string>> QueryParameter(std::string_view query, std::string_view name);
// "limit": 1 to kPageItemsMax, 20 when absent.
Result<std::size_t> QueryLimit(std::string_view query);

}  // namespace tenantseal::api
