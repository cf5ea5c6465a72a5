// Checkpoint files of event chains, which anybody may have written: read whole or refused.
#include "base/check.h"
#include "events/head.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const std::string_view text = base::AsText({data, size});
  if (const auto head = events::ParseHead(text)) {
    const std::string line = events::SerializeHead(*head);
    TS_CHECK(events::SerializeHead(events::ParseHead(line).value()) == line);
    TS_CHECK(!head->SignedBy({}));
  }
  if (const auto key = events::ParsePublicKey(text)) {
    TS_CHECK(events::ParsePublicKey(events::SerializePublicKey(*key)).value() == *key);
  }
  return 0;
}
