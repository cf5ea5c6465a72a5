// Bodies and queries of the HTTP API: whatever arrives, a value or an error with a field.
#include "api/control_json.h"
#include "api/data_plane_json.h"
#include "base/check.h"
#include "base/limits.h"
#include "identity/api_keys.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const base::ByteSpan body(data, size);
  const std::string_view text = base::AsText(body);
  const api::FieldSet all{true, false, true, true, true, true, true};
  if (const auto parsed = api::ParseDataPlane(body, all, true)) {
    TS_CHECK(!parsed->items.empty() && parsed->items.size() <= base::kBatchItemsMax);
    for (const auto& item : parsed->items) {
      if (item.plaintext) (void)api::DecodeBase64Field(*item.plaintext, "plaintext");
    }
  }
  api::ForgetDataPlaneBody();
  if (const auto json = api::ParseControlBody(body, {"a", "b"})) TS_CHECK(json->is_object());
  (void)api::QueryLimit(text);
  (void)identity::ParseDuration(text);
  return 0;
}
