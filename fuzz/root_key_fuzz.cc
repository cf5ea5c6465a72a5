// Root key files: what parses serializes to what parses to the same active root.
#include "base/check.h"
#include "kms/internal/root_key.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const auto roots = kms::RootKeys::Parse(base::AsText({data, size}));
  if (!roots) return 0;
  TS_CHECK(!roots->entries().empty() && roots->entries().size() <= kms::RootKeys::kRootsMax);
  const auto again = kms::RootKeys::Parse(roots->Serialize().RevealText());
  TS_CHECK(again && again->active().id() == roots->active().id());
  return 0;
}
