// Replies of STS: what parses as a session has every part; an error has a code.
#include "aws/sts.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const std::string_view document = base::AsText({data, size});
  for (const std::string_view action :
       {"AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"}) {
    const auto reply = aws::ParseStsReply(action, document);
    if (!reply || !reply->fault_code.empty()) continue;
    if (action == "GetCallerIdentity") {
      TS_CHECK(!reply->identity.account.empty() && !reply->identity.arn.empty());
    } else {
      TS_CHECK(!reply->credentials.access_key_id.empty() && reply->credentials.expires &&
               !reply->credentials.secret_access_key.empty());
    }
  }
  return 0;
}
