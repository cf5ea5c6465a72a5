// The related keys of a multi-region key, as AWS KMS tells its owner.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aws/arn.h"
#include "cli/trail_reading.h"

namespace tenantseal::cli {

// The ARNs of the primary key and its replicas in DescribeKey's reply on any one of them. The reply
// is hostile: it must name keys of the same id and account alone, 64 at most. kInvalidArgument.
Result<std::vector<std::string>> ParseRelatedKeys(base::ByteSpan reply, const aws::KmsArn& key);

// Asks the key's region, once. The message of an error ends with a full stop.
Result<std::vector<std::string>> AskRelatedKeys(const TrailGround& ground,
                                                aws::CredentialsProvider& credentials,
                                                const aws::KmsArn& key);

// Whether a principal as the service names it, a user's or a role's ARN, stands behind an identity
// as STS names it: for a role, "arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION".
bool IsBehind(std::string_view principal, std::string_view identity);

}  // namespace tenantseal::cli
