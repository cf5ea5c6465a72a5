// Whole and streamed opening agree. The key is that of the frozen samples, which are the seeds.
#include "base/check.h"
#include "base/random.h"
#include "formats/content_message.h"
#include "formats/content_stream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const base::ByteSpan in(data, size);
  const base::Secret256 key = base::FakeRandom(1002).Key();
  base::Bytes out;
  formats::ContentOpener opener([&](const auto&) -> Result<base::Secret256> { return key.Copy(); });
  const auto sink = [&](base::ByteSpan b) {
    return out.insert(out.end(), b.begin(), b.end()), Result<void>();
  };
  const bool streamed = opener.Push(in, sink).ok() && opener.Finish().ok();
  const auto header = formats::ParseWholeContentHeader(in);
  TS_CHECK(header.ok() || !streamed);
  if (!header.ok()) return 0;
  const auto whole = formats::OpenMessage(*header, key, in);
  TS_CHECK(whole.ok() == streamed && (!streamed || base::ToBytes(whole->Reveal()) == out));
  return 0;
}
