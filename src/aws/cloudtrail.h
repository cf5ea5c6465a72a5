// LookupEvents of AWS CloudTrail: its requests and hostile replies, as pure functions.
//
// A reply has at most kLookupReplyBytesMax, is strict JSON in UTF-8 nested no deeper than 32, and
// holds at most 50 events; unknown members are ignored. An event that lacks what every event has,
// or has it of another type, is counted rather than believed. Source: AWS CloudTrail API Reference,
// LookupEvents; AWS CloudTrail User Guide, "CloudTrail record contents".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

namespace tenantseal::aws {

inline constexpr std::size_t kLookupReplyBytesMax = 16 << 20;
inline constexpr std::size_t kLookupEventsMax = 50;  // Of a page.

struct EventLookup {
  std::string attribute;  // "ResourceName", "EventSource", "EventId" ...
  std::string value;
  base::UtcTime start, end;  // Inclusive; whole seconds, `end` rounded up.
  std::string next_token = {};
};
std::string LookupEventsBody(const EventLookup& lookup);

// What a record says of one call. Texts are at most 2,048 bytes, and may hold any character.
struct TrailEvent {
  std::string event_id;
  std::string shared_event_id;  // Of the copies in several accounts; else empty.
  std::string request_id;       // AWS's; empty for what AWS itself did.
  base::UtcTime time;           // Whole seconds.
  std::string source;           // "kms.amazonaws.com".
  std::string name;             // "Decrypt".
  std::string region;
  std::string recipient;       // The account whose trail this is.
  std::string principal_type;  // "AssumedRole", "IAMUser", "AWSService" ...
  std::string principal_arn;   // Of a session: the session's; of a service: its name.
  std::string role_arn;        // Of a session.
  std::string account;         // The principal's.
  std::string access_key_id;
  std::string source_ip;
  std::string error_code;  // "AccessDenied"; empty for a success.
  std::string tenant;      // TenantId of the encryption context.
  bool of_aws = false;     // AWS itself did it.
  bool operator==(const TrailEvent&) const = default;
};

struct TrailPage {
  std::vector<TrailEvent> events;
  std::size_t unreadable = 0;  // Events that are not as described.
  std::string next_token;      // Empty at the end.
};
// kInvalidArgument: it is no reply of LookupEvents. The message quotes nothing of it.
Result<TrailPage> ParseLookupEvents(base::ByteSpan body);

// The code of an error reply, without namespace; empty when there is none.
std::string ParseJsonErrorCode(base::ByteSpan body);

}  // namespace tenantseal::aws
