// The way to AWS KMS, put together of settings and environment.
#pragma once

#include <functional>
#include <memory>

#include "aws/credentials.h"
#include "aws/region.h"
#include "kms/aws/aws_kms.h"
#include "net/http_client.h"
#include "server/settings.h"

namespace tenantseal::server {

// Contacts nobody, and reads no credentials, before the first call of its KMS. Thread-safe.
class AwsAccess {
 public:
  // `clock` and `random` outlive it. `on_call` is told of every exchange with KMS, as AwsKms does.
  // kInvalidArgument names the flag or variable.
  static Result<std::unique_ptr<AwsAccess>> Make(
      const Settings& settings, const base::Clock& clock, const base::Random& random,
      const aws::Environment& environment = aws::ProcessEnvironment(),
      std::function<void(const kms::AwsCall&)> on_call = {});

  const kms::AwsKms& kms() const { return *kms_; }

 private:
  AwsAccess() = default;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<aws::CredentialsProvider> own_;   // What the environment gives.
  std::unique_ptr<aws::CredentialsProvider> role_;  // Sessions of the role; null: there is none.
  std::unique_ptr<kms::AwsKms> kms_;
};

}  // namespace tenantseal::server
