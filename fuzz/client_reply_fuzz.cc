// What a service, or somebody in its place, answers to the client library.
#include "base/check.h"
#include "sdk/secret_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const sdk::SecretJson reply(base::SecretBytes::CopyOf({data, size}));
  std::string_view id, plaintext, usable;
  if (reply.Read({{"id", &id}, {"plaintext", &plaintext}, {"usableForMs", &usable}})) {
    for (const std::string_view view : {id, plaintext, usable}) TS_CHECK(view.size() <= size);
    TS_CHECK(plaintext.find('\\') == std::string_view::npos);
  }
  return 0;
}
