// Replies of AWS KMS: what is taken names the key that was asked, and is a whole key.
#include "base/check.h"
#include "kms/aws/kms_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const std::string asked = "arn:aws:kms:us-east-1:111122223333:key/mrk-" + std::string(32, 'a');
  const base::ByteSpan body(data, size);
  if (const auto made = kms::ParseGenerateDataKey(body, asked)) {
    TS_CHECK(made->plaintext.size() == kms::kKeyBytes && made->wrapped.key_arn == asked);
  }
  if (const auto opened = kms::ParseDecrypt(body, asked)) {
    TS_CHECK(opened->plaintext.size() == kms::kKeyBytes && opened->key_arn == asked);
  }
  if (const auto key = kms::ParseDescribeKey(body, asked)) TS_CHECK(key->arn == asked);
  (void)kms::ParseReEncrypt(body, asked, asked);
  const auto error = kms::ParseErrorReply(body, {});
  TS_CHECK(error.code.size() <= 128 && error.message.size() <= 1024);
  return 0;
}
