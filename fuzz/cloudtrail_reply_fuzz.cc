// Replies of CloudTrail: an event that is believed has what every event has, within its bounds.
#include "aws/cloudtrail.h"
#include "base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const base::ByteSpan body(data, size);
  TS_CHECK(aws::ParseJsonErrorCode(body).size() <= 128);
  const auto page = aws::ParseLookupEvents(body);
  if (!page) return 0;
  TS_CHECK(page->events.size() + page->unreadable <= aws::kLookupEventsMax);
  for (const aws::TrailEvent& event : page->events) {
    TS_CHECK(!event.event_id.empty() && !event.name.empty() && !event.source.empty() &&
             !event.region.empty() && event.tenant.size() <= 2048);
  }
  return 0;
}
