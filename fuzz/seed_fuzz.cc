// Seeds of the emulator: an error names a member by its JSON pointer.
#include "base/bytes.h"
#include "base/check.h"
#include "emulator/seed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const auto seed = emulator::ParseSeed(base::AsText({data, size}), "seed.json");
  if (seed) return 0;
  TS_CHECK(seed.error().code == ErrorCode::kInvalidArgument);
  TS_CHECK(seed.error().field.empty() || seed.error().field.starts_with('/'));
  return 0;
}
