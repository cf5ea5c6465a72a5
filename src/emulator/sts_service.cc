#include "emulator/sts_service.h"

#include <algorithm>

#include "aws/arn.h"
#include "aws/policy_pattern.h"
#include "base/encoding.h"
#include "emulator/authorise.h"
#include "emulator/json_text.h"

namespace tenantseal::emulator {
namespace {

Fault Denied(const std::string& who, const std::string& action, const std::string& role) {
  return {403, "AccessDenied",
          "User: " + who + " is not authorized to perform: " + action + " on resource: " + role};
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

void AddSessionConditions(const Call& call, const StsForm& form, const AssumeRoleInput& input,
                          aws::ConditionContext& out) {
  AddCallConditions(call, out);
  out["sts:rolesessionname"] = {input.name};
  if (!input.external_id.empty()) out["sts:externalid"] = {input.external_id};
  if (form.contains("DurationSeconds"))
    out["sts:durationseconds"] = {std::to_string(input.duration.count())};
  for (const auto& [name, value] : input.tags) {
    out["aws:requesttag/" + aws::ToLower(name)] = {value};
    out["aws:tagkeys"].push_back(name);
  }
  if (!input.transitive_tags.empty())
    out["sts:transitivetagkeys"] = {input.transitive_tags.begin(), input.transitive_tags.end()};
}

}  // namespace

struct StsService::Session {
  AssumeRoleInput input;
  std::shared_ptr<const Role> role;  // Null: there is none.
};

std::shared_ptr<const Role> StsService::FindRole(const std::string& arn) const {
  return world_.Read([&](const Contents& contents) -> std::shared_ptr<const Role> {
    const auto found = contents.roles.find(arn);
    // A trust policy that cannot be read admits nobody.
    const bool usable = found != contents.roles.end() && found->second->trust.compiled;
    return usable ? found->second : nullptr;
  });
}

Answer<StsService::Session> StsService::Begin(const Call& call, const StsForm& form,
                                              TrailNote& note) const {
  note.request_parameters_json = AssumeRoleParametersJson(form, *call.caller);
  Session session;
  TS_ASSIGN_OR_RETURN(session.input, ReadAssumeRole(form, *call.caller, call.operation));
  session.role = FindRole(session.input.role_arn);
  if (session.role && session.input.duration.count() > session.role->max_session_seconds) {
    return ValidationError(
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
  return session;
}

Answer<AccessKey> StsService::NewSession(const Call& call, const Session& session) {
  const base::Random& random = world_.random();
  const Role& role = *session.role;
  const AssumeRoleInput& input = session.input;
  AccessKey key;
  key.id = "ASIA" + RandomCharacters(random, 16);
  std::array<std::uint8_t, 30> secret;
  random.Fill(secret);
  key.secret = base::SecretBytes(base::Base64Size(secret.size()));
  base::Base64EncodeTo(secret, reinterpret_cast<char*>(key.secret.RevealMutable().data()));
  std::array<std::uint8_t, 270> token;
  random.Fill(token);
  key.session_token = "IQoJb3JpZ2luX2Vj" + base::Base64Encode(token);
  key.expires = call.time + input.duration;
  key.session_policy_text = input.policy_text;
  Caller& caller = key.caller;
  const std::string partition = role.arn.substr(4, role.arn.find(':', 4) - 4);
  caller.identity.account = role.account;
  caller.identity.arn = "arn:" + partition + ":sts::" + role.account + ":assumed-role/" +
                        role.name + "/" + input.name;
  caller.identity.role_arn = role.arn;
  caller.identity.user_id = role.id + ":" + input.name;
  caller.access_key_id = key.id;
  caller.session_name = input.name;
  caller.role_name = role.name;
  caller.session_created = call.time;
  caller.tags = input.tags;
  caller.transitive_tags = input.transitive_tags;
  caller.session_policy = input.policy;
  return key;
}

Answer<std::string> StsService::AssumeRole(const Call& call, const StsForm& form, TrailNote& note) {
  TS_ASSIGN_OR_RETURN(const Session session, Begin(call, form, note));
  const AssumeRoleInput& input = session.input;
  const Caller& caller = *call.caller;
  if (caller.identity.root() && !root_may_assume_)
    return Fault{403, "AccessDenied", "Roles may not be assumed by root accounts."};
  const Fault denied = Denied(caller.identity.arn, "sts:AssumeRole", input.role_arn);
  if (!session.role) return denied;
  note.key_arns = {input.role_arn};
  aws::AccessRequest request{
      caller.identity, "sts:AssumeRole", input.role_arn, session.role->account, {}};
  AddSessionConditions(call, form, input, request.context);
  const aws::CompiledPolicy trust = WithResource(session.role->trust.compiled->policy());
  std::vector<const aws::CompiledPolicy*> policies;
  for (const auto& policy : caller.identity_policies) policies.push_back(policy.get());
  const auto allowed = [&](const char* action) {
    request.action = action;
    return aws::Decide(request, &trust, {}, policies, caller.session_policy.get()).allowed;
  };
  if (!allowed("sts:AssumeRole")) return denied;
  // Inherited tags are set anew in each session of a chain.
  if (!input.tags.empty() && !allowed("sts:TagSession"))
    return Denied(caller.identity.arn, "sts:TagSession", input.role_arn);
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
      std::ranges::find(web_identities_, FormValue(form, "WebIdentityToken"), &WebIdentity::token);
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
  TS_ASSIGN_OR_RETURN(const Session session, Begin(call, form, note));
  const Fault denied{403, "AccessDenied", "Not authorized to perform " + action};
  if (!session.role) return denied;
  note.key_arns = {session.input.role_arn};
  const std::string issuer = provider.resource.substr(provider.resource.find('/') + 1);
  aws::AccessRequest request{
      call.caller->identity, action, session.input.role_arn, session.role->account, {}};
  const std::string prefix = aws::ToLower(issuer);
  request.context[prefix + ":sub"] = {identity->subject};
  if (!identity->audience.empty()) request.context[prefix + ":aud"] = {identity->audience};
  AddSessionConditions(call, form, session.input, request.context);
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

bool StsService::Knows(std::string_view operation) {
  return operation == "AssumeRole" || operation == "AssumeRoleWithWebIdentity" ||
         operation == "GetCallerIdentity";
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
