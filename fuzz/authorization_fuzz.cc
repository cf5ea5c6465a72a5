// Authorization headers: what parses is bounded, sorted and parses again from its own text.
#include "aws/sigv4.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const auto parsed = aws::ParseAuthorization(base::AsText({data, size}));
  if (!parsed) return 0;
  TS_CHECK(parsed->signature.size() == 64 && !parsed->signed_headers.empty());
  std::string text = "AWS4-HMAC-SHA256 Credential=" + parsed->access_key_id + "/" +
                     parsed->scope.text() + ", SignedHeaders=";
  for (const std::string& name : parsed->signed_headers) text += name + ";";
  text.back() = ',';
  const auto again = aws::ParseAuthorization(text + " Signature=" + parsed->signature);
  TS_CHECK(again && again->scope == parsed->scope &&
           again->signed_headers == parsed->signed_headers);
  return 0;
}
