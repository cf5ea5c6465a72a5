// Credentials from the endpoints of containers and of EC2 instances. Private to aws/.
#pragma once

#include <optional>

#include "aws/credentials.h"

namespace tenantseal::aws {

// AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI; nothing when neither is set. Plain http
// goes to loopback and to the hosts of ECS and EKS only.
Result<std::optional<Credentials>> ContainerCredentials(const CredentialsContext& context,
                                                        base::Deadline deadline);

// The instance metadata service, version 2; nothing when it is disabled by
// AWS_EC2_METADATA_DISABLED. kKeyUnavailable: it does not answer, as where there is none.
Result<std::optional<Credentials>> InstanceCredentials(const CredentialsContext& context,
                                                       base::Deadline deadline);

}  // namespace tenantseal::aws
