#include "aws/policy_elements.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "aws/arn.h"
#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kPrincipalForms =
    R"("*", {"AWS": "111122223333"}, {"AWS": ["arn:aws:iam::111122223333:role/NAME"]} or )"
    R"({"Service": "NAME.amazonaws.com"})";

// "AIDA..." and "AROA...": what AWS shows for principals that were deleted.
bool IsUniqueId(std::string_view text) {
  return text.size() >= 16 && text.size() <= 128 &&
         (text.starts_with("AIDA") || text.starts_with("AROA")) &&
         std::ranges::all_of(
             text, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); });
}

bool IsPrincipalArn(const Arn& arn) {
  const std::string_view what = arn.resource;
  const auto named = [&](std::string_view prefix) {
    return what.starts_with(prefix) && what.size() > prefix.size();
  };
  if (!arn.region.empty() || !IsAccountId(arn.account)) return false;
  if (what.find_first_of("*?") != what.npos) return false;
  if (arn.service == "iam") return what == "root" || named("user/") || named("role/");
  return arn.service == "sts" && (named("assumed-role/") || named("federated-user/"));
}

bool IsPrincipal(std::string_view text) {
  if (IsAccountId(text) || IsUniqueId(text)) return true;
  const auto arn = ParseArn(text);
  return arn && IsPrincipalArn(*arn);
}

Error BadPrincipal(const std::string& at, std::string_view text) {
  return InvalidArgument(
      at, "Policy contains a statement with one or more invalid principals. " + Quote(text, 200) +
              " is none; the forms are " + std::string(kPrincipalForms) +
              R"(. Wildcards are not allowed in a principal's ARN: write "*" and a condition on )"
              "aws:PrincipalArn.");
}

Result<void> ReadAwsPrincipals(std::vector<std::string> texts, const std::string& at,
                               PolicyPrincipals& out) {
  for (std::string& text : texts) {
    if (text == "*") {
      out.everyone = true;
    } else if (IsPrincipal(text)) {
      out.aws.push_back(std::move(text));
    } else {
      return BadPrincipal(at, text);
    }
  }
  return {};
}

}  // namespace

std::string PointerToken(std::string_view key) {
  std::string out = "/";
  for (const char c : key.substr(0, 200)) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string QuoteJson(const Json& json) { return Quote(json.dump(-1, ' ', true)); }

Result<std::string> ReadText(const Json& json, const std::string& at) {
  if (!json.is_string()) {
    return InvalidArgument(at, "The element " + Quote(at) + " of the policy is " + QuoteJson(json) +
                                   R"(; it must be a string in quotes, such as "TEXT".)");
  }
  return json.get<std::string>();
}

Result<std::vector<std::string>> ReadTexts(const Json& json, const std::string& at) {
  std::vector<std::string> out;
  if (json.is_string()) {
    out.push_back(json.get<std::string>());
    return out;
  }
  if (!json.is_array() || json.empty()) {
    return InvalidArgument(at, "The element " + Quote(at) + " of the policy is " + QuoteJson(json) +
                                   R"(; it must be a string, or a list of strings such )"
                                   R"(as ["a", "b"], and not empty.)");
  }
  for (std::size_t i = 0; i < json.size(); ++i) {
    TS_ASSIGN_OR_RETURN(std::string text, ReadText(json[i], at + "/" + std::to_string(i)));
    out.push_back(std::move(text));
  }
  return out;
}

Result<PolicyPrincipals> ReadPrincipals(const Json& json, const std::string& at) {
  PolicyPrincipals out;
  if (json == "*") {
    out.everyone = true;
    return out;
  }
  if (!json.is_object() || json.empty()) return BadPrincipal(at, json.dump(-1, ' ', true));
  for (const auto& [type, value] : json.items()) {
    const std::string inner = at + PointerToken(type);
    TS_ASSIGN_OR_RETURN(auto texts, ReadTexts(value, inner));
    if (std::ranges::find(texts, "") != texts.end()) return BadPrincipal(inner, "");
    if (type == "AWS") {
      TS_RETURN_IF_ERROR(ReadAwsPrincipals(std::move(texts), inner, out));
    } else if (type == "Service") {
      out.service = std::move(texts);
    } else if (type == "Federated") {
      out.federated = std::move(texts);
    } else {
      return BadPrincipal(inner, type);
    }
  }
  return out;
}

}  // namespace tenantseal::aws
