#include "aws/credentials_profile.h"

#include <algorithm>

#include "aws/credentials_http.h"
#include "aws/credentials_json.h"
#include "aws/credentials_process.h"
#include "aws/quote.h"
#include "base/file.h"

namespace tenantseal::aws {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;
constexpr std::size_t kTokenBytesMax = 64 << 10;
constexpr std::size_t kProfilesMax = 10;  // On the way from a profile to its last source.
constexpr base::Duration kProcessTime = std::chrono::seconds(60);

Error Ours(std::string message) { return {ErrorCode::kServiceFault, std::move(message)}; }

std::string HomePath(const Environment& environment, std::string path) {
  if (path.starts_with("~/")) return environment("HOME").value_or("") + path.substr(1);
  return path;
}

const ProfileSetting* Find(const Profile& profile, const std::string& name) {
  const auto found = profile.find(name);
  return found == profile.end() || found->second.value.empty() ? nullptr : &found->second;
}

Error Wrong(const ProfileSetting& setting, const std::string& what) {
  return Ours(setting.where + ": " + what);
}

bool IsVisible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// The value is never quoted: ids and secrets are easily swapped.
bool IsAccessKeyId(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string IdRule(std::string_view value) {
  return " has " + std::to_string(value.size()) +
         " characters; an access key id is 1 to 128 of A-Z a-z 0-9 _, such as "
         "AKIAIOSFODNN7EXAMPLE.";
}

}  // namespace

Result<std::optional<Credentials>> EnvironmentCredentials(const Environment& environment) {
  const std::string id = environment("AWS_ACCESS_KEY_ID").value_or("");
  const std::string secret = environment("AWS_SECRET_ACCESS_KEY").value_or("");
  if (id.empty() && secret.empty()) return std::optional<Credentials>();
  if (id.empty()) return Ours("AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not.");
  if (secret.empty()) return Ours("AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not.");
  if (!IsAccessKeyId(id)) return Ours("AWS_ACCESS_KEY_ID" + IdRule(id));
  if (!IsVisible(secret)) {
    return Ours("AWS_SECRET_ACCESS_KEY holds a space or a control character.");
  }
  const std::string token = environment("AWS_SESSION_TOKEN").value_or("");
  if (!IsVisible(token)) return Ours("AWS_SESSION_TOKEN holds a space or a control character.");
  return std::optional(
      Credentials{id, base::SecretBytes::CopyOf(base::AsBytes(secret)), token, {}, "environment"});
}

Result<Credentials> WebIdentityCredentials(RegionalSts& sts, AssumeRoleRequest request,
                                           const std::string& token_file, std::string_view region,
                                           base::Deadline deadline) {
  TS_RETURN_IF_ERROR(CheckAssumeRole(request));
  auto token = base::ReadFile(token_file, kTokenBytesMax);
  if (!token) return Ours("The web identity token: " + token.error().message);
  while (!token->empty() && token->Reveal().back() <= ' ') token->Truncate(token->size() - 1);
  if (token->empty()) {
    return Ours("The web identity token file " + Quote(token_file) + " is empty.");
  }
  return sts.Call(region, deadline,
                  [&](const StsClient& client, std::string_view where, base::Deadline until) {
                    return client.AssumeRoleWithWebIdentity(request, *token, where, until);
                  });
}

Result<std::optional<Credentials>> ProfileResolver::Resolve() {
  TS_RETURN_IF_ERROR(ReadFiles());
  const std::string given = context_.environment("AWS_PROFILE").value_or("");
  const std::string name = given.empty() ? "default" : given;
  if (!profiles_.contains(name)) {
    if (given.empty()) return Found();
    return Ours("The profile " + Quote(name) + " (AWS_PROFILE) is not in " + files_ + ".");
  }
  return Follow(name);
}

Result<void> ProfileResolver::ReadFiles() {
  const struct {
    std::string variable, standard;
    ProfileFile kind;
  } files[] = {{"AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", ProfileFile::kCredentials},
               {"AWS_CONFIG_FILE", "~/.aws/config", ProfileFile::kConfig}};
  for (const auto& file : files) {
    const std::string given = context_.environment(file.variable).value_or("");
    const std::string path = HomePath(context_.environment, given.empty() ? file.standard : given);
    files_ += (files_.empty() ? "" : " or ") + path;
    const auto text = base::ReadFile(path, kFileBytesMax);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return Ours(text.error().message);
    TS_RETURN_IF_ERROR(ReadProfiles(text->RevealText(), path, file.kind, profiles_));
  }
  return {};
}

Result<std::optional<Credentials>> ProfileResolver::Follow(const std::string& name) {
  const auto found = profiles_.find(name);
  if (found == profiles_.end()) {
    return Ours("The profile " + Quote(name) + " is not in " + files_ + ".");
  }
  const Profile& profile = found->second;
  const bool again = std::ranges::find(path_, name) != path_.end();
  const bool itself = again && path_.back() == name;  // Its static keys assume its role.
  path_.push_back(name);
  if ((again && !itself) || path_.size() > kProfilesMax) {
    std::string way;
    for (const std::string& step : path_) way += (way.empty() ? "" : " -> ") + Quote(step);
    return Ours("The profiles lead in a circle or too far: " + way + ".");
  }
  const bool first = path_.size() == 1;
  if (first && Find(profile, "role_arn") != nullptr) return Role(name, profile);
  TS_ASSIGN_OR_RETURN(Found keys, Static(name, profile));
  if (keys || itself) return keys;
  if (Find(profile, "role_arn") != nullptr) return Role(name, profile);
  if (Find(profile, "credential_process") != nullptr) return Process(name, profile);
  for (const auto* setting : {Find(profile, "sso_session"), Find(profile, "sso_start_url")}) {
    if (setting == nullptr) continue;
    return Wrong(*setting, "the profile " + Quote(name) +
                               " signs in through IAM Identity Center, which needs a person; use "
                               "a role or credential_process.");
  }
  return Found();
}

Result<std::optional<Credentials>> ProfileResolver::Static(const std::string& name,
                                                           const Profile& profile) const {
  const auto* id = Find(profile, "aws_access_key_id");
  const auto* secret = Find(profile, "aws_secret_access_key");
  const auto* token = Find(profile, "aws_session_token");
  if (id == nullptr && secret == nullptr) return Found();
  if (id == nullptr || secret == nullptr) {
    return Wrong(id != nullptr ? *id : *secret,
                 "the profile " + Quote(name) + " has no " +
                     (id == nullptr ? "aws_access_key_id" : "aws_secret_access_key") + ".");
  }
  if (!IsAccessKeyId(id->value)) return Wrong(*id, "aws_access_key_id" + IdRule(id->value));
  if (!IsVisible(secret->value)) {
    return Wrong(*secret, "aws_secret_access_key holds a space or a control character.");
  }
  if (token != nullptr && !IsVisible(token->value)) {
    return Wrong(*token, "aws_session_token holds a space or a control character.");
  }
  return Found(Credentials{id->value,
                           base::SecretBytes::CopyOf(base::AsBytes(secret->value)),
                           token == nullptr ? std::string() : token->value,
                           {},
                           "profile " + name});
}

Result<AssumeRoleRequest> ProfileResolver::RoleRequest(const std::string& name,
                                                       const Profile& profile) const {
  const auto& role = *Find(profile, "role_arn");
  AssumeRoleRequest request{.role_arn = role.value, .session_name = "tenantseal"};
  if (const auto* session = Find(profile, "role_session_name")) {
    request.session_name = session->value;
  }
  if (const auto* id = Find(profile, "external_id")) request.external_id = id->value;
  if (const auto* duration = Find(profile, "duration_seconds")) {
    const std::string& text = duration->value;
    const bool digits =
        text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) {
      return Wrong(*duration, "duration_seconds is " + Quote(text) + "; it must be 900 to 43200.");
    }
    request.duration = std::chrono::seconds(std::stoi(text));
  }
  if (const auto* mfa = Find(profile, "mfa_serial")) {
    return Wrong(*mfa, "the profile " + Quote(name) +
                           " needs a code of a multi-factor device (mfa_serial), which a service "
                           "cannot enter; use a role without it.");
  }
  if (const auto checked = CheckAssumeRole(request); !checked) {
    return Wrong(role, "the profile " + Quote(name) + ": " + checked.error().message);
  }
  return request;
}

Result<std::optional<Credentials>> ProfileResolver::Role(const std::string& name,
                                                         const Profile& profile) {
  TS_ASSIGN_OR_RETURN(AssumeRoleRequest request, RoleRequest(name, profile));
  if (const auto* file = Find(profile, "web_identity_token_file")) {
    TS_ASSIGN_OR_RETURN(
        Credentials session,
        WebIdentityCredentials(sts_, std::move(request),
                               HomePath(context_.environment, file->value), region_, deadline_));
    return Found(std::move(session));
  }
  TS_ASSIGN_OR_RETURN(const Credentials caller, RoleSource(name, profile));
  TS_ASSIGN_OR_RETURN(
      Credentials session,
      sts_.Call(region_, deadline_,
                [&](const StsClient& sts, std::string_view where, base::Deadline until) {
                  return sts.AssumeRole(request, caller, where, until);
                }));
  return Found(std::move(session));
}

// The credentials that assume the profile's role.
Result<Credentials> ProfileResolver::RoleSource(const std::string& name, const Profile& profile) {
  const auto& role = *Find(profile, "role_arn");
  const auto* from_profile = Find(profile, "source_profile");
  const auto* from_source = Find(profile, "credential_source");
  if ((from_profile == nullptr) == (from_source == nullptr)) {
    return Wrong(role, "the profile " + Quote(name) +
                           " must have either source_profile or credential_source, or "
                           "web_identity_token_file, beside role_arn.");
  }
  if (from_profile != nullptr) {
    TS_ASSIGN_OR_RETURN(Found caller, Follow(from_profile->value));
    if (caller) return std::move(*caller);
    return Wrong(*from_profile,
                 "the source_profile " + Quote(from_profile->value) + " has no credentials.");
  }
  const std::string& source = from_source->value;
  Result<Found> caller = Found();
  if (source == "Environment") {
    caller = EnvironmentCredentials(context_.environment);
  } else if (source == "EcsContainer") {
    caller = ContainerCredentials(context_, deadline_);
  } else if (source == "Ec2InstanceMetadata") {
    caller = InstanceCredentials(context_, deadline_);
  } else {
    return Wrong(*from_source, "credential_source is " + Quote(source) +
                                   "; it must be Environment, EcsContainer or "
                                   "Ec2InstanceMetadata.");
  }
  if (!caller) return std::move(caller).error();
  if (*caller) return std::move(**caller);
  return Wrong(*from_source, "the credential_source " + Quote(source) + " has no credentials.");
}

Result<std::optional<Credentials>> ProfileResolver::Process(const std::string& name,
                                                            const Profile& profile) const {
  const auto& command = *Find(profile, "credential_process");
  const auto words = SplitCommand(command.value);
  if (!words) return Wrong(command, "credential_process " + words.error().message + ".");
  const base::Duration time = std::min(deadline_ - context_.clock.Boot(), kProcessTime);
  TS_ASSIGN_OR_RETURN(const auto output, RunProcess(*words, time));
  TS_ASSIGN_OR_RETURN(Credentials credentials,
                      ParseCredentialsJson(output.RevealText(), CredentialsJson::kProcess,
                                           "credential_process of profile " + name));
  return Found(std::move(credentials));
}

}  // namespace tenantseal::aws
