#include "emulator/sts_service.h"

#include <algorithm>
#include <charconv>

#include "aws/arn.h"
#include "base/encoding.h"
#include "emulator/authorise.h"
#include "emulator/json_text.h"

namespace tenantseal::emulator {
namespace {

constexpr int kTagsMax = 50;
constexpr std::size_t kSessionPolicyCharsMax = 2048;

Fault ValidationError(std::string message) { return {400, "ValidationError", std::move(message)}; }

Fault Denied(const std::string& who, const std::string& action, const std::string& role) {
  return {403, "AccessDenied",
          "User: " + who + " is not authorized to perform: " + action + " on resource: " + role};
}

std::string Parameter(const StsForm& form, std::string_view name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string() : found->second;
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

// "AssumeRole" with its element around `result`.
std::string Answered(const Call& call, std::string_view result) {
  const std::string& name = call.operation;
  return "<" + name + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><" + name +
         "Result>" + std::string(result) + "</" + name + "Result><ResponseMetadata><RequestId>" +
         call.request_id + "</RequestId></ResponseMetadata></" + name + "Response>\n";
}

std::string SessionXml(const AccessKey& key) {
  const aws::PrincipalIdentity& identity = key.caller.identity;
  return "<AssumedRoleUser><AssumedRoleId>" + identity.user_id + "</AssumedRoleId><Arn>" +
         identity.arn + "</Arn></AssumedRoleUser><Credentials><AccessKeyId>" + key.id +
         "</AccessKeyId><SecretAccessKey>" + std::string(key.secret.RevealText()) +
         "</SecretAccessKey><SessionToken>" + key.session_token + "</SessionToken><Expiration>" +
         base::FormatUtcSeconds(*key.expires) + "</Expiration></Credentials>";
}

std::string RandomCharacters(const base::Random& random, std::size_t count) {
  static constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out(count, ' ');
  std::vector<std::uint8_t> bytes(count);
  random.Fill(bytes);
  for (std::size_t i = 0; i < count; ++i) out[i] = kAlphabet[bytes[i] & 31];
  return out;
}

// Trust policies have no Resource: the role is meant. The evaluator wants to see one.
aws::CompiledPolicy WithResource(const aws::Policy& trust) {
  aws::Policy policy = trust;
  for (aws::PolicyStatement& statement : policy.statements) {
    if (statement.resource.empty() && statement.not_resource.empty()) statement.resource = {"*"};
  }
  return aws::CompiledPolicy(std::move(policy));
}

// The trust policy as seen by an identity of `provider`: its statements are for it alone.
aws::CompiledPolicy ForProvider(const aws::Policy& trust, const std::string& provider) {
  aws::Policy policy = trust;
  std::erase_if(policy.statements, [&](const aws::PolicyStatement& statement) {
    if (!statement.principal) return true;
    const auto& federated = statement.principal->federated;
    return !statement.principal->everyone &&
           std::ranges::find(federated, provider) == federated.end();
  });
  for (aws::PolicyStatement& statement : policy.statements)
    statement.principal =
        aws::PolicyPrincipals{.everyone = true, .aws = {}, .service = {}, .federated = {}};
  return WithResource(policy);
}

}  // namespace

// What an AssumeRole asks for, checked.
struct StsService::Session {
  std::shared_ptr<const Role> role;
  std::string role_arn, name, external_id;
  std::chrono::seconds duration{3600};
  std::string policy_text;
  std::shared_ptr<const aws::CompiledPolicy> policy;
  std::map<std::string, std::string> tags;
  std::string parameters_json;
};

namespace {

Answer<std::map<std::string, std::string>> ReadTags(const StsForm& form) {
  std::map<std::string, std::string> tags;
  for (int i = 1;; ++i) {
    const std::string at = "Tags.member." + std::to_string(i);
    const auto key = form.find(at + ".Key");
    if (key == form.end()) return tags;
    const std::string value = Parameter(form, at + ".Value");
    if (i > kTagsMax) return ValidationError("A session has at most 50 tags.");
    if (key->second.empty() || key->second.size() > 128 || value.size() > 256)
      return ValidationError(Constraint(key->second, "tags." + std::to_string(i) + ".member.key",
                                        "have length between 1 and 128"));
    std::string name = key->second;
    // Condition keys are compared without case.
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
    });
    if (!tags.emplace(name, value).second)
      return Fault{400, "InvalidParameterValue", "Duplicate tag keys found."};
  }
}

Answer<std::chrono::seconds> ReadDuration(const StsForm& form, std::chrono::seconds fallback) {
  const std::string text = Parameter(form, "DurationSeconds");
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

std::string ParametersJson(const StsForm& form) {
  std::string out = "{";
  for (const auto& [name, member] : {std::pair{"RoleArn", "roleArn"},
                                     {"RoleSessionName", "roleSessionName"},
                                     {"DurationSeconds", "durationSeconds"},
                                     {"ExternalId", "externalId"},
                                     {"Policy", "policy"}}) {
    const auto found = form.find(name);
    if (found == form.end()) continue;
    if (out.size() > 1) out += ',';
    AppendJsonMember(member, found->second, out);
  }
  return out + '}';
}

std::string ResponseJson(const AccessKey& key) {
  std::string out = "{\"credentials\":{";
  AppendJsonMember("accessKeyId", key.id, out);
  out += ',';
  AppendJsonMember("expiration", base::FormatUtcSeconds(*key.expires), out);
  out += "},\"assumedRoleUser\":{";
  AppendJsonMember("assumedRoleId", key.caller.identity.user_id, out);
  out += ',';
  AppendJsonMember("arn", key.caller.identity.arn, out);
  return out + "}}";
}

}  // namespace

std::shared_ptr<const Role> StsService::FindRole(const std::string& arn) const {
  return world_.Read([&](const Contents& contents) -> std::shared_ptr<const Role> {
    const auto found = contents.roles.find(arn);
    return found == contents.roles.end() ? nullptr : found->second;
  });
}

Answer<StsService::Session> StsService::Begin(const Call& call, const StsForm& form) {
  Session session;
  session.role_arn = Parameter(form, "RoleArn");
  if (session.role_arn.size() < 20 || session.role_arn.size() > aws::kArnCharsMax) {
    return ValidationError(
        Constraint(session.role_arn, "roleArn", "have length between 20 and 2048"));
  }
  const Result<aws::Arn> arn = aws::ParseArn(session.role_arn);
  if (!arn || arn->service != "iam" || !arn->resource.starts_with("role/"))
    return ValidationError(session.role_arn + " is invalid");
  session.name = Parameter(form, "RoleSessionName");
  if (session.name.size() < 2 || session.name.size() > 64)
    return ValidationError(
        Constraint(session.name, "roleSessionName", "have length between 2 and 64"));
  if (!AllOf(session.name, "_+=,.@-")) {
    return ValidationError(Constraint(session.name, "roleSessionName",
                                      "satisfy regular expression pattern: [\\w+=,.@-]*"));
  }
  session.external_id = Parameter(form, "ExternalId");
  if (form.contains("ExternalId") &&
      (session.external_id.size() < 2 || session.external_id.size() > 1224)) {
    return ValidationError(
        Constraint(session.external_id, "externalId", "have length between 2 and 1224"));
  }
  TS_ASSIGN_OR_RETURN(session.duration, ReadDuration(form, session.duration));
  session.policy_text = Parameter(form, "Policy");
  if (session.policy_text.size() > kSessionPolicyCharsMax) {
    return Fault{400, "PackedPolicyTooLarge", "A session policy has at most 2048 characters."};
  }
  if (!session.policy_text.empty()) {
    auto compiled = CompilePolicy(session.policy_text, aws::PolicyKind::kIdentity);
    if (!compiled) return Fault{400, "MalformedPolicyDocument", compiled.error().message};
    session.policy = compiled->compiled;
  }
  TS_ASSIGN_OR_RETURN(session.tags, ReadTags(form));
  session.role = FindRole(session.role_arn);
  if (session.role && session.duration.count() > session.role->max_session_seconds) {
    return ValidationError(
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  if (!call.caller->identity.role_arn.empty() && session.duration > std::chrono::hours(1)) {
    return ValidationError(
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
        "role chaining.");
  }
  return session;
}

Answer<AccessKey> StsService::NewSession(const Call& call, const Session& session) {
  const base::Random& random = world_.random();
  const Role& role = *session.role;
  AccessKey key;
  key.id = "ASIA" + RandomCharacters(random, 16);
  std::array<std::uint8_t, 30> secret;
  random.Fill(secret);
  key.secret = base::SecretBytes(base::Base64Size(secret.size()));
  base::Base64EncodeTo(secret, reinterpret_cast<char*>(key.secret.RevealMutable().data()));
  std::array<std::uint8_t, 270> token;
  random.Fill(token);
  key.session_token = "IQoJb3JpZ2luX2Vj" + base::Base64Encode(token);
  key.expires = call.time + session.duration;
  key.session_policy_text = session.policy_text;
  Caller& caller = key.caller;
  const std::string partition = role.arn.substr(4, role.arn.find(':', 4) - 4);
  caller.identity.account = role.account;
  caller.identity.arn = "arn:" + partition + ":sts::" + role.account + ":assumed-role/" +
                        role.name + "/" + session.name;
  caller.identity.role_arn = role.arn;
  caller.identity.user_id = role.id + ":" + session.name;
  caller.access_key_id = key.id;
  caller.session_name = session.name;
  caller.role_name = role.name;
  caller.session_created = call.time;
  caller.tags = session.tags;
  caller.session_policy = session.policy;
  return key;
}

Answer<std::string> StsService::AssumeRole(const Call& call, const StsForm& form, TrailNote& note) {
  note.request_parameters_json = ParametersJson(form);
  TS_ASSIGN_OR_RETURN(const Session session, Begin(call, form));
  const Caller& caller = *call.caller;
  if (caller.identity.root() && !root_may_assume_)
    return Fault{403, "AccessDenied", "Roles may not be assumed by root accounts."};
  const Fault denied = Denied(caller.identity.arn, "sts:AssumeRole", session.role_arn);
  if (!session.role) return denied;
  note.key_arns = {session.role_arn};
  aws::AccessRequest request{
      caller.identity, "sts:AssumeRole", session.role_arn, session.role->account, {}};
  if (!session.external_id.empty()) request.context["sts:externalid"] = {session.external_id};
  request.context["sts:rolesessionname"] = {session.name};
  request.context["aws:sourceip"] = {call.source_ip};
  request.context["aws:currenttime"] = {base::FormatUtcSeconds(call.time)};
  for (const auto& [key, value] : caller.tags) request.context["aws:principaltag/" + key] = {value};
  for (const auto& [key, value] : session.tags) {
    request.context["aws:requesttag/" + key] = {value};
    request.context["aws:tagkeys"].push_back(key);
  }
  const aws::CompiledPolicy trust = WithResource(session.role->trust.compiled->policy());
  std::vector<const aws::CompiledPolicy*> policies;
  for (const auto& policy : caller.identity_policies) policies.push_back(policy.get());
  const auto allowed = [&](const char* action) {
    request.action = action;
    return aws::Decide(request, &trust, {}, policies, caller.session_policy.get()).allowed;
  };
  if (!allowed("sts:AssumeRole")) return denied;
  if (!session.tags.empty() && !allowed("sts:TagSession"))
    return Denied(caller.identity.arn, "sts:TagSession", session.role_arn);
  TS_ASSIGN_OR_RETURN(AccessKey key, NewSession(call, session));
  note.response_elements_json = ResponseJson(key);
  std::string xml = Answered(call, SessionXml(key));
  if (auto added = world_.AddAccessKey(std::move(key)); !added)
    return Fault{500, "InternalFailure", added.error().message};
  if (++sessions_ % 256 == 0) (void)world_.RemoveExpiredSessions();
  return xml;
}

Answer<std::string> StsService::AssumeRoleWithWebIdentity(Call& call, const StsForm& form,
                                                          TrailNote& note) {
  const std::string action = "sts:AssumeRoleWithWebIdentity";
  const auto identity =
      std::ranges::find(web_identities_, Parameter(form, "WebIdentityToken"), &WebIdentity::token);
  if (identity == web_identities_.end()) {
    return Fault{400, "InvalidIdentityToken",
                 "The token is not one that the seed lists under webIdentities."};
  }
  const aws::Arn provider = aws::ParseArn(identity->provider_arn).value_or(aws::Arn());
  Caller caller;
  caller.identity.account = provider.account;
  caller.identity.arn = identity->provider_arn;
  caller.identity.user_name = identity->subject;
  caller.identity.user_id = identity->provider_arn + ":" + identity->subject;
  call.caller = std::make_shared<const Caller>(std::move(caller));
  note.request_parameters_json = ParametersJson(form);
  TS_ASSIGN_OR_RETURN(const Session session, Begin(call, form));
  const Fault denied{403, "AccessDenied", "Not authorized to perform " + action};
  if (!session.role) return denied;
  note.key_arns = {session.role_arn};
  const std::string issuer = provider.resource.substr(provider.resource.find('/') + 1);
  aws::AccessRequest request{
      call.caller->identity, action, session.role_arn, session.role->account, {}};
  std::string prefix = issuer;
  std::ranges::transform(prefix, prefix.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  request.context[prefix + ":sub"] = {identity->subject};
  if (!identity->audience.empty()) request.context[prefix + ":aud"] = {identity->audience};
  request.context["sts:rolesessionname"] = {session.name};
  const aws::CompiledPolicy trust =
      ForProvider(session.role->trust.compiled->policy(), identity->provider_arn);
  const auto match = trust.Evaluate(request, nullptr);
  if (match != aws::CompiledPolicy::Match::kAllow &&
      match != aws::CompiledPolicy::Match::kAllowDirect) {
    return denied;
  }
  TS_ASSIGN_OR_RETURN(AccessKey key, NewSession(call, session));
  note.response_elements_json = ResponseJson(key);
  std::string result = "<SubjectFromWebIdentityToken>" + identity->subject +
                       "</SubjectFromWebIdentityToken><Audience>" + identity->audience +
                       "</Audience><Provider>" + identity->provider_arn + "</Provider>" +
                       SessionXml(key);
  if (auto added = world_.AddAccessKey(std::move(key)); !added)
    return Fault{500, "InternalFailure", added.error().message};
  return Answered(call, result);
}

Reply StsService::Handle(Call& call, const StsForm& form, TrailNote& note) {
  note.read_only = true;
  Answer<std::string> answer = [&]() -> Answer<std::string> {
    if (call.operation == "AssumeRole") return AssumeRole(call, form, note);
    if (call.operation == "AssumeRoleWithWebIdentity")
      return AssumeRoleWithWebIdentity(call, form, note);
    if (call.operation == "GetCallerIdentity") {
      const aws::PrincipalIdentity& identity = call.caller->identity;
      return Answered(call, "<Arn>" + identity.arn + "</Arn><UserId>" + identity.user_id +
                                "</UserId><Account>" + identity.account + "</Account>");
    }
    return Fault{
        400, "InvalidAction",
        "Could not find operation " + call.operation.substr(0, 100) + " for version 2011-06-15"};
  }();
  Reply reply;
  if (!answer) {
    reply.fault = std::move(answer.error());
  } else {
    reply.body = base::SecretBytes::CopyOf(base::AsBytes(*answer));
    base::Wipe({reinterpret_cast<std::uint8_t*>(answer->data()), answer->size()});
  }
  return reply;
}

}  // namespace tenantseal::emulator
