// What the command line reads besides replies of the service: its file of contexts, and
// DescribeKey's answer about the related keys of a multi-region key.
#include "aws/arn.h"
#include "base/bytes.h"
#include "base/check.h"
#include "cli/contexts.h"
#include "cli/related_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  static const auto key = aws::ParseKmsArn(
      "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab");
  const auto contexts = cli::Contexts::Parse(base::AsText({data, size}), "contexts.json");
  TS_CHECK(contexts || contexts.error().message.starts_with("contexts.json"));
  if (const auto related = cli::ParseRelatedKeys({data, size}, *key)) {
    for (const std::string& arn : *related) TS_CHECK(aws::ParseKmsArn(arn).has_value());
  }
  return 0;
}
