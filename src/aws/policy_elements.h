// The elements that a policy's statements are made of, as JSON: texts, lists of texts, principals.
// Only for the parser of policies. `at` is the JSON pointer of the element, which errors carry.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "aws/policy.h"

namespace tenantseal::aws {

// A key of an object as a token of a JSON pointer (RFC 6901, section 3).
std::string PointerToken(std::string_view key);

// A value as JSON, quoted for an error message.
std::string QuoteJson(const nlohmann::ordered_json& json);

// kInvalidArgument when it is no string.
Result<std::string> ReadText(const nlohmann::ordered_json& json, const std::string& at);

// A string or a list of strings, of which there is at least one; else kInvalidArgument.
Result<std::vector<std::string>> ReadTexts(const nlohmann::ordered_json& json,
                                           const std::string& at);

// The value of Principal or NotPrincipal. kInvalidArgument, in AWS's words, when it is none.
Result<PolicyPrincipals> ReadPrincipals(const nlohmann::ordered_json& json, const std::string& at);

}  // namespace tenantseal::aws
