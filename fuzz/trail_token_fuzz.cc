// A token made by somebody without the key is never taken.
#include "base/check.h"
#include "base/random.h"
#include "emulator/trail.h"
#include "emulator/trail_token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  static const base::Secret256 key = base::SystemRandom().Key();
  const std::string_view text = base::AsText({data, size});
  emulator::TrailQuery query;
  query.region = text;
  TS_CHECK(!emulator::ParseTrailToken(key, query, text));
  const std::string token = emulator::MakeTrailToken(key, query, size);
  TS_CHECK(emulator::ParseTrailToken(key, query, token) == size);
  (void)emulator::ParseUuid(text);
  return 0;
}
