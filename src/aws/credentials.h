// Credentials for AWS: where they come from, and that they are fresh.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aws/region.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "net/http_client.h"

namespace tenantseal::aws {

struct Credentials {
  std::string access_key_id;
  base::SecretBytes secret_access_key;
  std::string session_token;             // Empty for a user's own key. A bearer secret: never log.
  std::optional<base::UtcTime> expires;  // None: they do not.
  std::string source;                    // "environment", "profile NAME", "assume-role ARN" ...
};
// An explicit copy.
Credentials CopyOf(const Credentials& credentials);

// Thread-safe. Get blocks at most until the deadline; one refresh is in flight, others wait for it
// or use what is still valid. Errors are kServiceFault (the source refuses, is missing or is
// malformed; names it) or kKeyUnavailable (it cannot be reached).
class CredentialsProvider {
 public:
  virtual ~CredentialsProvider() = default;
  // `region`: where the caller is about to work; STS is asked there first.
  virtual Result<std::shared_ptr<const Credentials>> Get(std::string_view region,
                                                         base::Deadline deadline) = 0;
  // These were refused as expired: the next Get fetches anew.
  virtual void Refused(const Credentials& credentials) = 0;
};

// Always the same credentials.
class StaticCredentials final : public CredentialsProvider {
 public:
  explicit StaticCredentials(Credentials credentials)
      : credentials_(std::make_shared<const Credentials>(std::move(credentials))) {}
  StaticCredentials(std::string access_key_id, std::string_view secret_access_key,
                    std::string session_token = {});
  Result<std::shared_ptr<const Credentials>> Get(std::string_view, base::Deadline) override {
    return credentials_;
  }
  void Refused(const Credentials&) override {}

 private:
  const std::shared_ptr<const Credentials> credentials_;
};

struct SessionTag {
  std::string key;
  std::string value;
  bool transitive = false;  // Kept by the sessions that this one makes.
};

struct AssumeRoleRequest {
  std::string role_arn;
  std::string session_name;
  std::string external_id = {};  // Empty: none.
  std::chrono::seconds duration = std::chrono::seconds(3600);
  std::string policy = {};  // A session policy, JSON; empty: none.
  std::vector<SessionTag> tags = {};
};
// kInvalidArgument with the field ("roleArn", "roleSessionName" ...) that STS would refuse.
Result<void> CheckAssumeRole(const AssumeRoleRequest& request);

// What providers stand on. Everything passed by reference outlives them.
struct CredentialsContext {
  const net::HttpClient& http;
  const base::Clock& clock;
  const base::Random& random;
  EndpointOptions endpoints = {};
  BackupRegions backup_regions = {};
  Environment environment = ProcessEnvironment();
};

// The usual order of the AWS SDKs: environment variables; the profile (AWS_PROFILE) of the shared
// credentials and config files with static keys, role_arn, web_identity_token_file or
// credential_process; web identity by environment; the container endpoint; the instance metadata
// service, version 2 only. The first source that is configured decides: its failure is not hidden
// by the next. Fetched at the first Get, and again at least 5 minutes before they expire.
// Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers".
std::unique_ptr<CredentialsProvider> DefaultCredentials(CredentialsContext context);

// Sessions of the role, for which `base` asks STS in the region given to Get, and in its partner
// region when STS does not answer there. `request` has passed CheckAssumeRole. `base` outlives it.
std::unique_ptr<CredentialsProvider> AssumeRoleCredentials(CredentialsContext context,
                                                           CredentialsProvider& base,
                                                           AssumeRoleRequest request);

}  // namespace tenantseal::aws
