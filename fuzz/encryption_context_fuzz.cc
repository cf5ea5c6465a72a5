// What parses has exactly one serialised form: the input.
#include "base/check.h"
#include "model/encryption_context.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const auto context = model::EncryptionContext::Parse({data, size});
  if (context.ok()) TS_CHECK(context->serialized() == base::ToBytes({data, size}));
  return 0;
}
