// StsService answers AssumeRole, AssumeRoleWithWebIdentity and GetCallerIdentity in STS's
// protocol: a form comes in, XML goes out. Sessions are access keys in the World.
// Rules: AWS STS API Reference; AWS IAM User Guide, "Roles terms and concepts".
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "emulator/assume_role.h"
#include "emulator/kms_fault.h"
#include "emulator/world.h"

namespace tenantseal::emulator {

// A token that stands for an identity at an OpenID Connect provider. Tokens are compared, not
// decoded: the emulator has no provider's keys.
struct WebIdentity {
  std::string token;
  std::string provider_arn;  // "arn:aws:iam::111122223333:oidc-provider/accounts.example.com".
  std::string subject, audience;
};

// Thread-safe after SetWebIdentities.
class StsService {
 public:
  explicit StsService(World& world, bool root_may_assume = false)
      : world_(world), root_may_assume_(root_may_assume) {}

  void SetWebIdentities(std::vector<WebIdentity> identities) {
    web_identities_ = std::move(identities);
  }

  static bool Knows(std::string_view operation);
  // Whether the operation is called without a signature.
  static bool IsUnsigned(std::string_view operation) {
    return operation == "AssumeRoleWithWebIdentity";
  }

  // Blocks on the state file. Of an unsigned operation `call.caller` is filled in, for the trail.
  Reply Handle(Call& call, const StsForm& form, TrailNote& note);

 private:
  struct Session;
  Answer<std::string> AssumeRole(const Call& call, const StsForm& form, TrailNote& note);
  Answer<std::string> AssumeRoleWithWebIdentity(Call& call, const StsForm& form, TrailNote& note);
  Answer<Session> Begin(const Call& call, const StsForm& form, TrailNote& note) const;
  Answer<AccessKey> NewSession(const Call& call, const Session& session);
  std::shared_ptr<const Role> FindRole(const std::string& arn) const;

  World& world_;
  const bool root_may_assume_;
  std::vector<WebIdentity> web_identities_;
  std::atomic<unsigned> sessions_{0};
};

// STS's way to say it: names without "Exception", 403 for what is forbidden.
Fault StsFault(Fault fault);
std::string StsErrorXml(const Fault& fault, std::string_view request_id);

}  // namespace tenantseal::emulator
