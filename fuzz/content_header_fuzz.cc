// A header that parses needs each of its bytes, none after them, and does not open with any key.
#include "base/check.h"
#include "formats/content_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const base::ByteSpan in(data, size);
  const auto header = formats::ParseContentHeader(in);
  if (!header.ok() || !*header) return 0;
  const std::size_t bytes = (*header)->bytes.size();
  TS_CHECK(formats::ParseContentHeader(in.first(bytes)).value().has_value());
  TS_CHECK(!formats::ParseContentHeader(in.first(bytes - 1)).value().has_value());
  (void)(*header)->ParseContext();
  TS_CHECK(!formats::OpenContentHeader(**header, base::Secret256()).ok());
  return 0;
}
