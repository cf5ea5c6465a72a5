// What callers send about webhooks: bodies of creations and changes, and filters.
#include <nlohmann/json.hpp>

#include "api/webhook_json.h"
#include "base/check.h"
#include "events/webhook_filter.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const base::ByteSpan input(data, size);
  if (const auto webhook = api::ParseWebhook(input)) TS_CHECK(size > 2);
  if (const auto change = api::ParseWebhookPatch(input)) TS_CHECK(size > 2);
  const auto filter = events::WebhookFilter::Parse(base::AsText(input));
  if (!filter) return 0;
  for (const char* event : {R"({"id":"1","spaceId":"a"})", "[]", "null"})
    (void)filter->Matches(nlohmann::json::parse(event));
  return 0;
}
