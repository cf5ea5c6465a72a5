#include "emulator/assume_role.h"

#include <algorithm>
#include <charconv>

#include "aws/arn.h"
#include "aws/policy_pattern.h"
#include "emulator/json_text.h"
#include "emulator/world.h"

namespace tenantseal::emulator {
namespace {

using Tags = std::map<std::string, std::string>;

constexpr std::size_t kSessionTagsMax = 50;
constexpr std::size_t kSessionPolicyCharsMax = 2048;
constexpr std::string_view kTag = "Tags.member.";
constexpr std::string_view kTransitive = "TransitiveTagKeys.member.";

Fault InvalidParameter(std::string message) {
  return {400, "InvalidParameterValue", std::move(message)};
}

bool AllOf(std::string_view text, std::string_view others) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           others.find(c) != others.npos;
  });
}

std::string Constraint(const std::string& value, std::string_view name, std::string_view rule) {
  return "1 validation error detected: Value '" + value.substr(0, 200) + "' at '" +
         std::string(name) + "' failed to satisfy constraint: Member must " + std::string(rule);
}

Answer<void> CheckNames(const StsForm& form, std::string_view operation) {
  const bool web = operation == "AssumeRoleWithWebIdentity";
  constexpr std::string_view kOfBoth[] = {"Action",          "Version",         "RoleArn",
                                          "RoleSessionName", "DurationSeconds", "Policy"};
  for (const auto& [name, value] : form) {
    const bool own =
        web ? name == "WebIdentityToken"
            : name == "ExternalId" || name.starts_with(kTag) || name.starts_with(kTransitive);
    if (own || std::ranges::find(kOfBoth, name) != std::end(kOfBoth)) continue;
    return ValidationError("The emulator does not implement the parameter '" + name.substr(0, 200) +
                           "' of " + std::string(operation) + ": leave it out.");
  }
  return {};
}

// The members of a list, "Tags.member.1.Key" and so on, must be all that begin so.
Answer<void> CheckCount(const StsForm& form, std::string_view prefix, std::size_t wanted) {
  const auto count = std::ranges::count_if(
      form, [&](const auto& parameter) { return parameter.first.starts_with(prefix); });
  if (static_cast<std::size_t>(count) == wanted) return {};
  return ValidationError("The parameters '" + std::string(prefix) +
                         "N' are numbered from 1 without a gap, each whole.");
}

// Names of tags differ by more than case.
const Tags::value_type* FindTag(const Tags& tags, std::string_view name) {
  const auto found = std::ranges::find_if(
      tags, [&](const auto& tag) { return aws::ToLower(tag.first) == aws::ToLower(name); });
  return found == tags.end() ? nullptr : &*found;
}

Answer<Tags> ReadTags(const StsForm& form) {
  Tags tags;
  for (std::size_t i = 1; i <= kSessionTagsMax + 1; ++i) {
    const std::string at = std::string(kTag) + std::to_string(i);
    const auto key = form.find(at + ".Key");
    if (key == form.end() || !form.contains(at + ".Value")) break;
    const std::string value = FormValue(form, at + ".Value");
    if (i > kSessionTagsMax) return ValidationError("A session has at most 50 tags.");
    if (key->second.empty() || key->second.size() > 128 || value.size() > 256)
      return ValidationError(Constraint(key->second, "tags." + std::to_string(i) + ".member.key",
                                        "have length between 1 and 128"));
    if (FindTag(tags, key->second) != nullptr) return InvalidParameter("Duplicate tag keys found.");
    tags.emplace(key->second, value);
  }
  TS_RETURN_IF_ERROR(CheckCount(form, kTag, 2 * tags.size()));
  return tags;
}

Answer<std::set<std::string>> ReadTransitive(const StsForm& form, const Tags& tags) {
  std::set<std::string> names;
  std::size_t i = 1;
  for (; i <= kSessionTagsMax; ++i) {
    const auto key = form.find(std::string(kTransitive) + std::to_string(i));
    if (key == form.end()) break;
    const Tags::value_type* tag = FindTag(tags, key->second);
    if (tag == nullptr) {
      return InvalidParameter(
          "The specified transitive tag key must be included in the requested tags.");
    }
    names.insert(tag->first);
  }
  TS_RETURN_IF_ERROR(CheckCount(form, kTransitive, i - 1));
  return names;
}

Tags Inherited(const Caller& caller) {
  Tags tags;
  for (const std::string& name : caller.transitive_tags)
    if (const auto tag = caller.tags.find(name); tag != caller.tags.end()) tags.insert(*tag);
  return tags;
}

Answer<void> ReadAllTags(const StsForm& form, const Caller& caller, AssumeRoleInput& out) {
  TS_ASSIGN_OR_RETURN(out.tags, ReadTags(form));
  TS_ASSIGN_OR_RETURN(out.transitive_tags, ReadTransitive(form, out.tags));
  for (const auto& [name, value] : Inherited(caller)) {
    if (FindTag(out.tags, name) != nullptr) {
      return InvalidParameter(
          "One of the specified transitive tag keys can't be set because it conflicts with a "
          "transitive tag key from the calling session.");
    }
    out.tags.emplace(name, value);
    out.transitive_tags.insert(name);
  }
  if (out.tags.size() > kSessionTagsMax)
    return ValidationError("A session has at most 50 tags, with those that it inherits.");
  return {};
}

Answer<std::chrono::seconds> ReadDuration(const StsForm& form, std::chrono::seconds fallback) {
  const std::string text = FormValue(form, "DurationSeconds");
  if (text.empty()) return fallback;
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size())
    return Fault{400, "MalformedInput", "DurationSeconds is a number."};
  if (value < 900) {
    return ValidationError(
        Constraint(text, "durationSeconds", "have value greater than or equal to 900"));
  }
  if (value > 43200) {
    return ValidationError(
        Constraint(text, "durationSeconds", "have value less than or equal to 43200"));
  }
  return std::chrono::seconds(value);
}

Answer<void> ReadNames(const StsForm& form, AssumeRoleInput& out) {
  out.role_arn = FormValue(form, "RoleArn");
  if (out.role_arn.size() < 20 || out.role_arn.size() > aws::kArnCharsMax)
    return ValidationError(Constraint(out.role_arn, "roleArn", "have length between 20 and 2048"));
  const Result<aws::Arn> arn = aws::ParseArn(out.role_arn);
  if (!arn || arn->service != "iam" || !arn->resource.starts_with("role/"))
    return ValidationError(out.role_arn + " is invalid");
  out.name = FormValue(form, "RoleSessionName");
  if (out.name.size() < 2 || out.name.size() > 64)
    return ValidationError(Constraint(out.name, "roleSessionName", "have length between 2 and 64"));
  if (!AllOf(out.name, "_+=,.@-")) {
    return ValidationError(Constraint(out.name, "roleSessionName",
                                      "satisfy regular expression pattern: [\\w+=,.@-]*"));
  }
  out.external_id = FormValue(form, "ExternalId");
  if (form.contains("ExternalId") &&
      (out.external_id.size() < 2 || out.external_id.size() > 1224)) {
    return ValidationError(
        Constraint(out.external_id, "externalId", "have length between 2 and 1224"));
  }
  return {};
}

Answer<void> ReadPolicy(const StsForm& form, AssumeRoleInput& out) {
  out.policy_text = FormValue(form, "Policy");
  if (out.policy_text.size() > kSessionPolicyCharsMax)
    return Fault{400, "PackedPolicyTooLarge", "A session policy has at most 2048 characters."};
  if (out.policy_text.empty()) return {};
  auto compiled = CompilePolicy(out.policy_text, aws::PolicyKind::kIdentity);
  if (!compiled) return Fault{400, "MalformedPolicyDocument", compiled.error().message};
  out.policy = compiled->compiled;
  return {};
}

// A JSON list of what `append` writes for each item.
template <typename Items, typename F>
std::string ListJson(const Items& items, F append) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    append(item, out);
  }
  return out + ']';
}

}  // namespace

std::string FormValue(const StsForm& form, std::string_view name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string() : found->second;
}

Answer<AssumeRoleInput> ReadAssumeRole(const StsForm& form, const Caller& caller,
                                       std::string_view operation) {
  AssumeRoleInput out;
  TS_RETURN_IF_ERROR(CheckNames(form, operation));
  TS_RETURN_IF_ERROR(ReadNames(form, out));
  TS_ASSIGN_OR_RETURN(out.duration, ReadDuration(form, out.duration));
  TS_RETURN_IF_ERROR(ReadPolicy(form, out));
  TS_RETURN_IF_ERROR(ReadAllTags(form, caller, out));
  if (!caller.identity.role_arn.empty() && out.duration > std::chrono::hours(1)) {
    return ValidationError(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
        "role chaining.");
  }
  return out;
}

std::string AssumeRoleParametersJson(const StsForm& form, const Caller& caller) {
  std::string out = "{";
  const auto name_member = [&](std::string_view name) {
    if (out.size() > 1) out += ',';
    AppendJsonText(name, out);
    out += ':';
  };
  for (const auto& [name, member] : {std::pair{"RoleArn", "roleArn"},
                                     {"RoleSessionName", "roleSessionName"},
                                     {"DurationSeconds", "durationSeconds"},
                                     {"ExternalId", "externalId"},
                                     {"Policy", "policy"}}) {
    const auto found = form.find(name);
    if (found == form.end()) continue;
    name_member(member);
    AppendJsonText(found->second, out);
  }
  const auto tags = ReadTags(form);
  if (!tags) return out + '}';
  if (!tags->empty()) {
    name_member("tags");
    out += ListJson(*tags, [](const auto& tag, std::string& to) {
      to += '{';
      AppendJsonMember("key", tag.first, to);
      to += ',';
      AppendJsonMember("value", tag.second, to);
      to += '}';
    });
  }
  const auto transitive = ReadTransitive(form, *tags);
  if (transitive && !transitive->empty()) {
    name_member("transitiveTagKeys");
    out += ListJson(*transitive, AppendJsonText);
  }
  if (const Tags inherited = Inherited(caller); !inherited.empty()) {
    name_member("incomingTransitiveTags");
    std::string list = ListJson(inherited, [](const auto& tag, std::string& to) {
      AppendJsonMember(tag.first, tag.second, to);
    });
    list.front() = '{';
    list.back() = '}';
    out += list;
  }
  return out + '}';
}

}  // namespace tenantseal::emulator
