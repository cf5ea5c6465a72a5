#include "aws/policy.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "aws/policy_elements.h"
#include "aws/policy_pattern.h"
#include "aws/quote.h"

namespace tenantseal::aws {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kDepthMax = 16;  // A policy needs five levels.

std::string Form(PolicyKind kind) {
  std::string out = R"(the form is {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", )";
  if (kind != PolicyKind::kIdentity) {
    out += R"("Principal": {"AWS": "arn:aws:iam::111122223333:role/NAME"}, )";
  }
  out +=
      kind == PolicyKind::kTrust ? R"("Action": "sts:AssumeRole")" : R"("Action": "kms:Encrypt")";
  if (kind != PolicyKind::kTrust) out += R"(, "Resource": "*")";
  return out + "}]}.";
}

// Watches a document while it is read, for what the reader itself accepts: keys that occur twice,
// and depth.
class Watch {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (depth > kDepthMax && !error) {
      error = InvalidArgument(Pointer(), "The policy is nested too deeply: at most " +
                                             std::to_string(kDepthMax) + " levels are read.");
    }
    if (error) return false;
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        CountItem();
        levels_.emplace_back().array = event == Event::array_start;
        break;
      case Event::object_end:
      case Event::array_end:
        if (!levels_.empty()) levels_.pop_back();
        break;
      case Event::value:
        CountItem();
        break;
      case Event::key:
        levels_.back().key = parsed.get<std::string>();
        if (!levels_.back().keys.insert(levels_.back().key).second) {
          error = InvalidArgument(Pointer(), "The key " + Quote(levels_.back().key) +
                                                 " occurs twice in one object of the policy.");
        }
        break;
    }
    return true;
  }
  std::optional<Error> error;

 private:
  struct Level {
    bool array = false;
    std::size_t items = 0;
    std::string key;
    std::set<std::string> keys;
  };
  void CountItem() {
    if (!levels_.empty() && levels_.back().array) ++levels_.back().items;
  }
  std::string Pointer() const {
    std::string out;
    for (const Level& level : levels_) {
      out += "/" + (level.array ? std::to_string(level.items > 0 ? level.items - 1 : 0)
                                : level.key.substr(0, 100));
    }
    return out;
  }
  std::vector<Level> levels_;
};

// `byte` counts from one, and lies beyond the text when it ends too early.
Error NotJson(std::string_view text, std::size_t byte, PolicyKind kind) {
  constexpr std::size_t kBefore = 20, kAround = 40;
  if (text.empty()) return InvalidArgument("", "The policy is empty; " + Form(kind));
  const std::size_t end = std::min(byte, text.size()), begin = end - std::min(end, kBefore);
  return InvalidArgument("", "The policy is not JSON: there is an error at byte " +
                                 std::to_string(byte) +
                                 (byte > text.size() ? ", where it ends, after " : ", near ") +
                                 Quote(text.substr(begin, kAround)) + "; " + Form(kind));
}

Result<Json> ParseJson(std::string_view text, PolicyKind kind) {
  Watch watch;
  try {
    Json json = Json::parse(text, [&](int depth, Json::parse_event_t event, Json& parsed) {
      return watch(depth, event, parsed);
    });
    if (watch.error) return *watch.error;
    return json;
  } catch (const Json::parse_error& error) {
    if (watch.error) return *watch.error;
    return NotJson(text, error.byte, kind);
  } catch (const std::exception&) {
    return watch.error ? *watch.error
                       : InvalidArgument("", "The policy is not JSON; " + Form(kind));
  }
}

// "ForAnyValue:StringLikeIfExists" taken apart.
PolicyCondition SplitOperator(const std::string& text) {
  PolicyCondition out;
  out.text = text;
  std::string_view rest = text;
  constexpr std::string_view kAny = "ForAnyValue:", kAll = "ForAllValues:", kIf = "IfExists";
  if (rest.starts_with(kAny)) {
    out.set = PolicyCondition::Set::kForAnyValue;
    rest.remove_prefix(kAny.size());
  } else if (rest.starts_with(kAll)) {
    out.set = PolicyCondition::Set::kForAllValues;
    rest.remove_prefix(kAll.size());
  }
  if (rest.ends_with(kIf) && rest.size() > kIf.size()) {
    out.if_exists = true;
    rest.remove_suffix(kIf.size());
  }
  out.operation = rest;
  return out;
}

Result<std::vector<std::string>> ReadConditionValues(const Json& json, const std::string& at) {
  std::vector<std::string> out;
  const auto add = [&](const Json& value) {
    if (value.is_string()) {
      out.push_back(value.get<std::string>());
    } else if (value.is_boolean() || value.is_number()) {
      out.push_back(value.dump());
    } else {
      return false;
    }
    return true;
  };
  const bool good = json.is_array() ? !json.empty() && std::ranges::all_of(json, add) : add(json);
  if (!good) {
    return InvalidArgument(at,
                           "The condition values at " + Quote(at) + " are " + QuoteJson(json) +
                               R"(; they must be a string, number or boolean, or a list of such )"
                               R"(as ["a", "b"], and not empty.)");
  }
  return out;
}

// AWS KMS refuses a set operator with which a request without the key would match.
Result<void> RefuseForAllValues(const PolicyCondition& condition, const std::string& at) {
  if (condition.set != PolicyCondition::Set::kForAllValues) return {};
  const std::string key = ToLower(condition.key);
  const bool context = key.starts_with("kms:encryptioncontext:");
  if (!context && !key.starts_with("aws:requesttag/")) return {};
  const std::string what = context ? "encryption context" : "request tag";
  return InvalidArgument(
      at, std::string("OverlyPermissiveCondition:") +
              (context ? "EncryptionContext" : "RequestTag") +
              ": Using the ForAllValues set operator with a single-valued condition key matches "
              "requests without the specified " +
              what + " or with an unspecified " + what + ". To fix, remove ForAllValues.");
}

Result<std::vector<PolicyCondition>> ReadConditions(const Json& json, const std::string& at,
                                                    PolicyKind kind) {
  const auto not_object = [](const std::string& where, const Json& value) {
    return InvalidArgument(where, "The condition at " + Quote(where) + " is " + QuoteJson(value) +
                                      R"(; it must be an object of the form {"StringEquals": )"
                                      R"({"kms:EncryptionContext:TenantId": ["ID"]}}.)");
  };
  if (!json.is_object()) return not_object(at, json);
  std::vector<PolicyCondition> out;
  for (const auto& [operation, keys] : json.items()) {
    const std::string outer = at + PointerToken(operation);
    if (!keys.is_object()) return not_object(outer, keys);
    for (const auto& [key, values] : keys.items()) {
      const std::string inner = outer + PointerToken(key);
      PolicyCondition condition = SplitOperator(operation);
      condition.key = key;
      TS_ASSIGN_OR_RETURN(condition.values, ReadConditionValues(values, inner));
      if (kind == PolicyKind::kKey) TS_RETURN_IF_ERROR(RefuseForAllValues(condition, inner));
      out.push_back(std::move(condition));
    }
  }
  return out;
}

Result<void> ReadElement(const std::string& name, const Json& value, const std::string& at,
                         PolicyKind kind, PolicyStatement& out) {
  if (name == "Sid") {
    TS_ASSIGN_OR_RETURN(out.sid, ReadText(value, at));
  } else if (name == "Effect") {
    if (value != "Allow" && value != "Deny") {
      return InvalidArgument(at, R"(The Effect of a statement must be "Allow" or "Deny", not )" +
                                     QuoteJson(value) + ".");
    }
    out.allow = value == "Allow";
  } else if (name == "Principal") {
    TS_ASSIGN_OR_RETURN(out.principal, ReadPrincipals(value, at));
  } else if (name == "NotPrincipal") {
    TS_ASSIGN_OR_RETURN(out.not_principal, ReadPrincipals(value, at));
  } else if (name == "Action") {
    TS_ASSIGN_OR_RETURN(out.action, ReadTexts(value, at));
  } else if (name == "NotAction") {
    TS_ASSIGN_OR_RETURN(out.not_action, ReadTexts(value, at));
  } else if (name == "Resource") {
    TS_ASSIGN_OR_RETURN(out.resource, ReadTexts(value, at));
  } else if (name == "NotResource") {
    TS_ASSIGN_OR_RETURN(out.not_resource, ReadTexts(value, at));
  } else if (name == "Condition") {
    TS_ASSIGN_OR_RETURN(out.conditions, ReadConditions(value, at, kind));
  } else {
    return InvalidArgument(at, "A policy's statement has no element " + Quote(name) +
                                   "; it has Sid, Effect, Principal, NotPrincipal, Action, "
                                   "NotAction, Resource, NotResource and Condition.");
  }
  return {};
}

Result<void> CheckActions(const PolicyStatement& statement, const std::string& at) {
  for (const auto* actions : {&statement.action, &statement.not_action}) {
    for (const std::string& action : *actions) {
      if (action == "*") continue;
      const std::size_t colon = action.find(':');
      if (colon != action.npos && colon > 0 && colon + 1 < action.size()) continue;
      return InvalidArgument(at + (actions == &statement.action ? "/Action" : "/NotAction"),
                             Quote(action) + R"( is not an action; the form is "kms:Encrypt", )"
                                             R"("kms:*" or "*".)");
    }
  }
  return {};
}

Result<void> CheckElements(const Json& json, const PolicyStatement& statement,
                           const std::string& at, PolicyKind kind) {
  const auto one_of = [&](const char* a, const char* b, bool required) -> Result<void> {
    const int count = (json.contains(a) ? 1 : 0) + (json.contains(b) ? 1 : 0);
    if (count == 1 || (count == 0 && !required)) return {};
    return InvalidArgument(at, "The statement " + Quote(at) + " must have " +
                                   (required ? "exactly" : "at most") + " one of " + a + " and " +
                                   b + ".");
  };
  const auto none_of = [&](const char* a, const char* b, const char* policy) -> Result<void> {
    for (const char* name : {a, b}) {
      if (!json.contains(name)) continue;
      return InvalidArgument(at + "/" + name, std::string("The statements of ") + policy +
                                                  " must have no " + name + ".");
    }
    return {};
  };
  if (!json.contains("Effect")) {
    return InvalidArgument(
        at, "The statement " + Quote(at) + R"( lacks its Effect, "Allow" or "Deny".)");
  }
  TS_RETURN_IF_ERROR(one_of("Action", "NotAction", kind != PolicyKind::kKey));
  if (kind == PolicyKind::kIdentity) {
    TS_RETURN_IF_ERROR(none_of("Principal", "NotPrincipal", "an identity policy"));
  } else {
    TS_RETURN_IF_ERROR(one_of("Principal", "NotPrincipal", true));
  }
  if (kind == PolicyKind::kTrust) {
    TS_RETURN_IF_ERROR(none_of("Resource", "NotResource", "a role's trust policy"));
  } else {
    TS_RETURN_IF_ERROR(one_of("Resource", "NotResource", kind == PolicyKind::kIdentity));
  }
  return CheckActions(statement, at);
}

Result<void> CheckIdentityResources(const PolicyStatement& statement, const std::string& at) {
  for (const auto* resources : {&statement.resource, &statement.not_resource}) {
    for (const std::string& resource : *resources) {
      if (resource == "*") continue;
      if (resource.starts_with("arn:") && std::ranges::count(resource, ':') >= 5) continue;
      return InvalidArgument(at + (resources == &statement.resource ? "/Resource" : "/NotResource"),
                             Quote(resource, 200) +
                                 R"( is not a resource; the form is "*" or an ARN with all of its )"
                                 R"(six parts, e.g. "arn:aws:kms:*:111122223333:key/*".)");
    }
  }
  return {};
}

Result<PolicyStatement> ReadStatement(const Json& json, const std::string& at, PolicyKind kind) {
  if (!json.is_object()) {
    return InvalidArgument(at, "The statement " + Quote(at) + " of the policy is " +
                                   QuoteJson(json) + ", not an object; " + Form(kind));
  }
  PolicyStatement out;
  for (const auto& [name, value] : json.items()) {
    TS_RETURN_IF_ERROR(ReadElement(name, value, at + PointerToken(name), kind, out));
  }
  TS_RETURN_IF_ERROR(CheckElements(json, out, at, kind));
  if (kind == PolicyKind::kIdentity) TS_RETURN_IF_ERROR(CheckIdentityResources(out, at));
  return out;
}

Result<void> CheckSids(const Policy& policy) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < policy.statements.size(); ++i) {
    const std::string& sid = policy.statements[i].sid;
    if (sid.empty() || seen.insert(sid).second) continue;
    return InvalidArgument("/Statement/" + std::to_string(i) + "/Sid",
                           "The Sid " + Quote(sid) + " occurs twice; the Sids of a policy differ.");
  }
  return {};
}

Result<void> ReadStatements(const Json& json, PolicyKind kind, Policy& out) {
  if (!json.is_array()) {
    TS_ASSIGN_OR_RETURN(auto statement, ReadStatement(json, "/Statement", kind));
    out.statements.push_back(std::move(statement));
    return {};
  }
  for (std::size_t i = 0; i < json.size(); ++i) {
    TS_ASSIGN_OR_RETURN(auto statement,
                        ReadStatement(json[i], "/Statement/" + std::to_string(i), kind));
    out.statements.push_back(std::move(statement));
  }
  return {};
}

Result<void> ReadVersion(const Json& json, Policy& out) {
  if (json != "2012-10-17" && json != "2008-10-17") {
    return InvalidArgument("/Version", R"(The policy's Version must be "2012-10-17" or )"
                                       R"("2008-10-17", not )" +
                                           QuoteJson(json) + ".");
  }
  out.version = json.get<std::string>();
  return {};
}

}  // namespace

Result<Policy> ParsePolicy(std::string_view json, PolicyKind kind) {
  if (json.size() > kKeyPolicyBytesMax) {
    return Error{ErrorCode::kTooLarge, "The policy has " + std::to_string(json.size()) +
                                           " bytes; at most " + std::to_string(kKeyPolicyBytesMax) +
                                           " are allowed."};
  }
  TS_ASSIGN_OR_RETURN(const Json document, ParseJson(json, kind));
  if (!document.is_object()) {
    return InvalidArgument("", "The policy is " + QuoteJson(document) +
                                   ", not an object, and a list of statements belongs into "
                                   "Statement, beside those that are there; " +
                                   Form(kind));
  }
  Policy out;
  out.kind = kind;
  out.version = "2008-10-17";
  for (const auto& [name, value] : document.items()) {
    if (name == "Version") {
      TS_RETURN_IF_ERROR(ReadVersion(value, out));
    } else if (name == "Id") {
      TS_ASSIGN_OR_RETURN(out.id, ReadText(value, "/Id"));
    } else if (name == "Statement") {
      TS_RETURN_IF_ERROR(ReadStatements(value, kind, out));
    } else {
      return InvalidArgument(PointerToken(name), "A policy has no element " + Quote(name) +
                                                     "; it has Version, Id and Statement.");
    }
  }
  TS_RETURN_IF_ERROR(CheckSids(out));
  if (!document.contains("Statement")) {
    return InvalidArgument("", "The policy lacks its Statement; " + Form(kind));
  }
  return out;
}

}  // namespace tenantseal::aws
