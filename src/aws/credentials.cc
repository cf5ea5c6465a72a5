#include "aws/credentials.h"

#include "aws/credentials_cache.h"
#include "aws/credentials_http.h"
#include "aws/credentials_profile.h"
#include "aws/credentials_role.h"

namespace tenantseal::aws {
namespace {

class DefaultSource final : public CredentialsSource {
 public:
  explicit DefaultSource(CredentialsContext context)
      : context_(std::move(context)), sts_(context_) {}

  Result<Credentials> Fetch(std::string_view region, base::Deadline deadline) override {
    TS_ASSIGN_OR_RETURN(auto found, Configured(region, deadline));
    if (found) return std::move(*found);
    auto instance = InstanceCredentials(context_, deadline);
    if (instance && *instance) {
      instance_answered_ = true;
      return std::move(**instance);
    }
    if (!instance && (instance_answered_ || instance.error().code != ErrorCode::kKeyUnavailable)) {
      return std::move(instance).error();
    }
    return Error{
        ErrorCode::kServiceFault,
        "No AWS credentials were found: not in the environment (AWS_ACCESS_KEY_ID), the "
        "shared credentials and config files, AWS_WEB_IDENTITY_TOKEN_FILE, the container "
        "endpoint, or the instance metadata service" +
            (instance ? std::string(" (disabled).") : " (" + instance.error().message + ").")};
  }

 private:
  using Found = std::optional<Credentials>;

  Result<Found> Configured(std::string_view region, base::Deadline deadline) {
    TS_ASSIGN_OR_RETURN(Found environment, EnvironmentCredentials(context_.environment));
    if (environment) return environment;
    TS_ASSIGN_OR_RETURN(Found profile, ProfileResolver(context_, sts_, region, deadline).Resolve());
    if (profile) return profile;
    TS_ASSIGN_OR_RETURN(Found web, WebIdentity(region, deadline));
    if (web) return web;
    return ContainerCredentials(context_, deadline);
  }

  Result<Found> WebIdentity(std::string_view region, base::Deadline deadline) {
    const auto variable = [&](const char* name) { return context_.environment(name).value_or(""); };
    const std::string file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
    if (file.empty()) return Found();
    const std::string role = variable("AWS_ROLE_ARN"), session = variable("AWS_ROLE_SESSION_NAME");
    if (role.empty()) {
      return Error{ErrorCode::kServiceFault,
                   "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not."};
    }
    AssumeRoleRequest request{.role_arn = role,
                              .session_name = session.empty() ? "tenantseal" : session};
    TS_ASSIGN_OR_RETURN(Credentials credentials,
                        WebIdentityCredentials(sts_, std::move(request), file, region, deadline));
    return Found(std::move(credentials));
  }

  const CredentialsContext context_;
  RegionalSts sts_;
  bool instance_answered_ = false;
};

}  // namespace

Credentials CopyOf(const Credentials& credentials) {
  return {credentials.access_key_id,
          base::SecretBytes::CopyOf(credentials.secret_access_key.Reveal()),
          credentials.session_token, credentials.expires, credentials.source};
}

StaticCredentials::StaticCredentials(std::string access_key_id, std::string_view secret_access_key,
                                     std::string session_token)
    : StaticCredentials(Credentials{std::move(access_key_id),
                                    base::SecretBytes::CopyOf(base::AsBytes(secret_access_key)),
                                    std::move(session_token),
                                    {},
                                    "static"}) {}

std::unique_ptr<CredentialsProvider> DefaultCredentials(CredentialsContext context) {
  const base::Clock& clock = context.clock;
  const base::Random& random = context.random;
  return std::make_unique<CachedCredentials>(std::make_unique<DefaultSource>(std::move(context)),
                                             clock, random);
}

}  // namespace tenantseal::aws
