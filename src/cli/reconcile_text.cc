#include "cli/reconcile_text.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace tenantseal::cli {
namespace {

using aws::TrailEvent;
using nlohmann::json;

std::string Principal(const TrailEvent& event) {
  return event.principal_arn.empty() ? event.principal_type : event.principal_arn;
}

std::string Outcome(const TrailEvent& event) {
  return event.error_code.empty() ? "ok" : event.error_code;
}

base::UtcTime VerifiedUntil(const ReconcileInput& input) {
  return std::min<base::UtcTime>(input.to, input.now - kTrailLag);
}

json CallJson(const KeptCall& call) {
  json out = {
      {"time", base::FormatUtc(call.time)}, {"region", call.region},   {"keyArn", call.key_arn},
      {"operation", call.operation},        {"outcome", call.outcome}, {"attempt", call.attempt},
      {"awsRequestId", call.request_id}};
  if (!call.tenant.empty()) out["tenantId"] = call.tenant;
  return out;
}

json EventJson(const TrailEvent& event) {
  json out = {{"time", base::FormatUtcSeconds(event.time)},
              {"region", event.region},
              {"operation", event.name},
              {"outcome", Outcome(event)},
              {"awsRequestId", event.request_id},
              {"eventId", event.event_id},
              {"account", event.recipient},
              {"principal", Principal(event)},
              {"accessKeyId", event.access_key_id},
              {"sourceIp", event.source_ip}};
  if (!event.tenant.empty()) out["tenantId"] = event.tenant;
  return out;
}

json DoubtJson(const LogDoubt& doubt) {
  json out = {{"reason", doubt.reason},
              {"from", base::FormatUtc(doubt.from)},
              {"to", base::FormatUtc(doubt.to)}};
  if (!doubt.process.empty()) out["process"] = doubt.process;
  if (doubt.calls) out["calls"] = *doubt.calls;
  return out;
}

json NotVerifiedJson(const ReconcileReport& report) {
  const Reconciliation& found = report.found;
  json out = {{"duringGaps", json::array()},
              {"gaps", json::array()},
              {"places", json::array()},
              {"accounts", report.missing},
              {"replicas", report.replicas_unknown},
              {"recent", found.recent},
              {"withoutRequestId", found.without_id},
              {"fitting", found.fitting},
              {"neverLogged", found.never_logged},
              {"askedByAlias", found.by_alias},
              {"unread", found.unread},
              {"unreadableEvents", report.unreadable}};
  for (const auto& [event, doubt] : found.in_doubt)
    out["duringGaps"].push_back({{"event", EventJson(event)}, {"gap", DoubtJson(doubt)}});
  for (const LogDoubt& doubt : report.input.doubts) out["gaps"].push_back(DoubtJson(doubt));
  for (const TrailPlace& place : report.input.places) {
    if (place.failure.empty()) continue;
    out["places"].push_back(
        {{"account", place.account}, {"region", place.region}, {"reason", place.failure}});
  }
  return out;
}

std::vector<std::string> Row(const TrailEvent& event) {
  return {base::FormatUtcSeconds(event.time),
          event.region,
          event.name,
          Outcome(event),
          event.request_id,
          Principal(event),
          event.source_ip};
}

void PrintEvents(const std::vector<TrailEvent>& events, const std::string& title) {
  if (events.empty()) return;
  std::printf("\n%s\n", title.c_str());
  std::vector<std::vector<std::string>> rows = {
      {"TIME", "REGION", "OPERATION", "OUTCOME", "REQUEST", "PRINCIPAL", "FROM"}};
  for (const TrailEvent& event : events) rows.push_back(Row(event));
  PrintTable(rows);
}

void PrintCalls(const std::vector<KeptCall>& calls, const std::string& title) {
  if (calls.empty()) return;
  std::printf("\n%s\n", title.c_str());
  std::vector<std::vector<std::string>> rows = {
      {"TIME", "REGION", "OPERATION", "OUTCOME", "REQUEST"}};
  for (const KeptCall& call : calls) {
    rows.push_back(
        {base::FormatUtc(call.time), call.region, call.operation, call.outcome, call.request_id});
  }
  PrintTable(rows);
}

std::string Calls(std::size_t count, const std::string& what) {
  return std::to_string(count) + (count == 1 ? " call " : " calls ") + what;
}

std::string DoubtText(const LogDoubt& doubt) {
  const std::string span = base::FormatUtc(doubt.from) + " to " + base::FormatUtc(doubt.to);
  const std::string process = doubt.process.empty() ? "" : "process " + doubt.process;
  if (doubt.reason == "killed")
    return span + ": " + process + " was killed; its last calls were not kept.";
  if (doubt.reason == "not-kept")
    return span + ": " + process + " could not keep " + std::to_string(doubt.calls.value_or(0)) +
           " calls.";
  if (doubt.reason == "not-written")
    return span + ": " + process + " has yet to write its latest calls.";
  if (doubt.reason == "no-log") return span + ": the service kept no calls yet.";
  if (doubt.reason == "forgotten") return span + ": the service keeps calls no longer than this.";
  return span + ": " + doubt.reason + " " + process;
}

// One sentence for each thing that could not be verified.
std::vector<std::string> NotVerified(const ReconcileReport& report) {
  const Reconciliation& found = report.found;
  std::vector<std::string> out = report.missing;
  if (!report.replicas_unknown.empty()) out.push_back(report.replicas_unknown);
  if (const base::UtcTime until = VerifiedUntil(report.input); until < report.input.to) {
    out.push_back("What CloudTrail alone knows of after " + base::FormatUtc(until) +
                  ": it may have a call as late as 15 minutes after it was made.");
  }
  for (const TrailPlace& place : report.input.places) {
    if (!place.failure.empty()) {
      out.push_back("CloudTrail of account " + place.account + " in " + place.region +
                    " was not read to the end: " + place.failure);
    }
  }
  const auto add = [&out](std::size_t count, const std::string& what) {
    if (count > 0) out.push_back(Calls(count, what));
  };
  add(found.unread, "went where CloudTrail was not read.");
  add(found.recent, "of the last 15 minutes: CloudTrail may have them later.");
  add(found.fitting, "without AWS's request id, each with an event that fits.");
  add(found.without_id,
      "without AWS's request id, and no event that fits: AWS may not have seen "
      "them.");
  add(found.never_logged, "that AWS refused before it knew who called: CloudTrail has no such.");
  add(found.by_alias, "that asked an alias in vain: which key it names was not told.");
  if (report.unreadable > 0)
    out.push_back(std::to_string(report.unreadable) + " events that cannot be read.");
  for (const LogDoubt& doubt : report.input.doubts) out.push_back(DoubtText(doubt));
  return out;
}

void PrintRest(const ReconcileReport& report) {
  const Reconciliation& found = report.found;
  std::vector<TrailEvent> in_doubt;
  for (const auto& each : found.in_doubt) in_doubt.push_back(each.event);
  PrintEvents(in_doubt, "Only CloudTrail, at a time when the service may not have kept a call:");
  const auto not_verified = NotVerified(report);
  if (!not_verified.empty()) std::printf("\nNot verified:\n");
  for (const std::string& line : not_verified) std::printf("  %s\n", Printable(line).c_str());
  if (found.others.empty() && found.by_aws == 0) return;
  std::printf("\nOther calls on the key, not the service's:\n");
  std::vector<std::vector<std::string>> rows = {{"PRINCIPAL", "CALLS"}};
  for (const auto& [principal, count] : found.others)
    rows.push_back({principal, std::to_string(count)});
  if (found.by_aws > 0) rows.push_back({"AWS itself", std::to_string(found.by_aws)});
  PrintTable(rows);
}

}  // namespace

json ReconcileJson(const ReconcileReport& report) {
  const ReconcileInput& input = report.input;
  const Reconciliation& found = report.found;
  json out = {{"arnFingerPrint", report.fingerprint},
              {"keyArns", report.key_arns},
              {"from", base::FormatUtc(input.from)},
              {"to", base::FormatUtc(input.to)},
              {"verifiedUntil", base::FormatUtc(VerifiedUntil(input))},
              {"agrees", found.agrees()},
              {"calls", found.calls},
              {"agreed", found.agreed},
              {"read", json::array()},
              {"onlyTenantseal", json::array()},
              {"onlyCloudTrail", json::array()},
              {"differing", json::array()},
              {"notVerified", NotVerifiedJson(report)},
              {"others", json::array()},
              {"byAws", found.by_aws}};
  for (const TrailPlace& place : input.places) {
    if (place.failure.empty())
      out["read"].push_back({{"account", place.account}, {"region", place.region}});
  }
  for (const KeptCall& call : found.only_kept) out["onlyTenantseal"].push_back(CallJson(call));
  for (const TrailEvent& event : found.only_trail)
    out["onlyCloudTrail"].push_back(EventJson(event));
  for (const auto& [call, event] : found.differing)
    out["differing"].push_back({{"call", CallJson(call)}, {"event", EventJson(event)}});
  for (const auto& [principal, count] : found.others)
    out["others"].push_back({{"principal", principal}, {"calls", count}});
  return out;
}

void PrintReconciliation(const ReconcileReport& report) {
  const Reconciliation& found = report.found;
  PrintFields({{"keyProvider", report.fingerprint},
               {"from", base::FormatUtc(report.input.from)},
               {"to", base::FormatUtc(report.input.to)},
               {"verifiedUntil", base::FormatUtc(VerifiedUntil(report.input))},
               {"calls", std::to_string(found.calls)},
               {"agreed", std::to_string(found.agreed)},
               {"onlyTenantseal", std::to_string(found.only_kept.size())},
               {"onlyCloudTrail", std::to_string(found.only_trail.size())},
               {"differing", std::to_string(found.differing.size())}});
  PrintCalls(found.only_kept, "Only Tenantseal:");
  PrintEvents(found.only_trail, "Only CloudTrail:");
  std::vector<TrailEvent> differing;
  for (const auto& each : found.differing) differing.push_back(each.event);
  PrintEvents(differing, "The same request id, and another operation than Tenantseal's:");
  PrintRest(report);
}

}  // namespace tenantseal::cli
