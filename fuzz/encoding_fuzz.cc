// Decoders are canonical: what decodes is the encoding of what came out.
#include "base/check.h"
#include "base/encoding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal::base;
  const std::string_view text = AsText({data, size});
  if (const auto bytes = Base64Decode(text)) TS_CHECK(Base64Encode(*bytes) == text);
  if (const auto bytes = Base64UrlDecode(text)) TS_CHECK(Base64UrlEncode(*bytes) == text);
  if (const auto bytes = HexDecode(text)) TS_CHECK(bytes->size() * 2 == size);
  TS_CHECK(Base64Decode(Base64Encode({data, size})) == ToBytes({data, size}));
  TS_CHECK(Base64UrlDecode(Base64UrlEncode({data, size})) == ToBytes({data, size}));
  if (const auto value = FormDecode(text)) TS_CHECK(value->size() <= size);
  (void)IsUtf8(text);
  return 0;
}
