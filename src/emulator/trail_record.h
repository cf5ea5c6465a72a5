// One record of the trail, and its form in AWS CloudTrail.
// Rules: AWS CloudTrail User Guide, "CloudTrail record contents"; AWS KMS Developer Guide, "Logging
// AWS KMS API calls with AWS CloudTrail".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "emulator/call.h"
#include "emulator/json_text.h"

namespace tenantseal::emulator {

// Who called, as the trail tells it. Made once per access key, shared by its records.
struct TrailIdentity {
  std::string account, access_key_id;
  std::string user_name;  // Of LookupEvents: the user's name, or the session's.
  std::string json;       // The member userIdentity.
};
std::shared_ptr<const TrailIdentity> TrailIdentityOf(const Caller& caller);

struct TrailRecord {
  std::uint64_t sequence = 0;  // Order of arrival, from 1.
  base::UtcTime time;
  std::string region;
  std::string recipient;  // The account that finds it.
  std::string source;     // "kms", "sts", "cloudtrail": eventSource without ".amazonaws.com".
  std::string operation;
  std::string request_id;
  Uuid event_id{};
  std::optional<Uuid> shared_event_id;  // The record is in several accounts.
  std::string source_ip;
  std::shared_ptr<const std::string> user_agent;
  std::shared_ptr<const TrailIdentity> who;
  bool service_event = false;  // AwsServiceEvent: nobody called.
  std::string error_code, error_message;
  TrailNote note;

  std::size_t bytes() const;  // About what it takes of memory.
};

// The text of LookupEvents' CloudTrailEvent.
std::string CloudTrailJson(const TrailRecord& record);
// "AWS::KMS::Key" or "AWS::IAM::Role", by the ARN.
std::string_view ResourceType(std::string_view arn);
// The account part of an ARN; empty when it has none.
std::string_view AccountOfArn(std::string_view arn);

// The row that the trail's file keeps, and back. kIntegrity when it cannot be read.
std::string ToRow(const TrailRecord& record);
Result<TrailRecord> TrailRecordFromRow(std::string_view row);

}  // namespace tenantseal::emulator
