// Credentials that a profile of the shared files describes. Private to aws/.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "aws/credentials_file.h"
#include "aws/credentials_role.h"

namespace tenantseal::aws {

// AWS_ACCESS_KEY_ID and its like; nothing when they are not set. Shared with the default chain.
Result<std::optional<Credentials>> EnvironmentCredentials(const Environment& environment);

// A session for the token in a file.
Result<Credentials> WebIdentityCredentials(RegionalSts& sts, AssumeRoleRequest request,
                                           const std::string& token_file, std::string_view region,
                                           base::Deadline deadline);

// Reads the files anew and follows one profile through its sources. One fetch each.
class ProfileResolver {
 public:
  ProfileResolver(const CredentialsContext& context, RegionalSts& sts, std::string_view region,
                  base::Deadline deadline)
      : context_(context), sts_(sts), region_(region), deadline_(deadline) {}

  // Nothing when the profile (AWS_PROFILE, else "default") describes none. kServiceFault names
  // file, line and setting.
  Result<std::optional<Credentials>> Resolve();

 private:
  using Found = std::optional<Credentials>;
  Result<void> ReadFiles();
  Result<Found> Follow(const std::string& name);
  Result<Found> Static(const std::string& name, const Profile& profile) const;
  Result<Found> Role(const std::string& name, const Profile& profile);
  Result<Credentials> RoleSource(const std::string& name, const Profile& profile);
  Result<Found> Process(const std::string& name, const Profile& profile) const;
  Result<AssumeRoleRequest> RoleRequest(const std::string& name, const Profile& profile) const;

  const CredentialsContext& context_;
  RegionalSts& sts_;
  const std::string_view region_;
  const base::Deadline deadline_;
  std::string files_;  // For messages.
  Profiles profiles_;
  std::vector<std::string> path_;  // The profiles on the way.
};

}  // namespace tenantseal::aws
