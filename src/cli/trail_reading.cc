#include "cli/trail_reading.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "aws/arn.h"
#include "cli/progress.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

constexpr base::Duration kCredentialsTime = std::chrono::seconds(30);
constexpr std::chrono::minutes kAround{2};  // A denial's time: clocks differ.
constexpr int kDenialPagesMax = 400;
constexpr std::size_t kToldEvery = 20;  // Pages.

// The environment as the AWS SDKs see it for a named profile.
aws::Environment ForProfile(aws::Environment environment, const std::string& profile) {
  return [environment = std::move(environment),
          profile](const std::string& name) -> std::optional<std::string> {
    static const std::set<std::string> kHidden = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                                                  "AWS_SESSION_TOKEN",
                                                  "AWS_WEB_IDENTITY_TOKEN_FILE"};
    if (name == "AWS_PROFILE") return profile;
    return kHidden.contains(name) ? std::nullopt : environment(name);
  };
}

void Tell(const std::string& account, const std::string& region, const std::string& what) {
  std::fprintf(stderr, "CloudTrail of account %s in %s: %s\n", Printable(account).c_str(),
               Printable(region).c_str(), Printable(what).c_str());
}

std::string Counted(std::size_t pages, std::size_t events) {
  return std::to_string(pages) + (pages == 1 ? " page, " : " pages, ") + std::to_string(events) +
         (events == 1 ? " event" : " events");
}

// Spans of time around the calls, those that touch joined, by region.
struct Span {
  base::UtcTime from, to;
};
std::map<std::string, std::vector<Span>> SpansAround(std::vector<KeptCall> calls) {
  std::ranges::sort(calls, {}, &KeptCall::time);
  std::map<std::string, std::vector<Span>> out;
  for (const KeptCall& call : calls) {
    std::vector<Span>& spans = out[call.region];
    const Span span{call.time - kAround, call.time + kAround};
    if (!spans.empty() && spans.back().to >= span.from) {
      spans.back().to = span.to;
    } else {
      spans.push_back(span);
    }
  }
  return out;
}

}  // namespace

Result<TrailAccount> OpenTrailAccount(const TrailGround& ground, const std::string& profile,
                                      const std::string& region) {
  // Of a chain that assumes roles on its way, from the environment too, only the profile is forced.
  aws::CredentialsContext context{
      ground.http,
      ground.clock,
      ground.random,
      ground.endpoints,
      {},
      profile.empty() ? ground.environment : ForProfile(ground.environment, profile)};
  TrailAccount out;
  out.credentials = aws::DefaultCredentials(std::move(context));
  const base::Deadline deadline = ground.clock.Boot() + kCredentialsTime;
  TS_ASSIGN_OR_RETURN(const auto credentials, out.credentials->Get(region, deadline));
  const aws::StsClient sts(ground.http, ground.clock, ground.random, ground.endpoints);
  TS_ASSIGN_OR_RETURN(out.identity, sts.GetCallerIdentity(*credentials, region, deadline));
  return out;
}

void ReadTrail(const TrailGround& ground, TrailAccount& account,
               const std::vector<std::string>& key_arns, base::UtcTime from, base::UtcTime to,
               TrailReading& out) {
  aws::CloudTrailClient client(ground.http, *account.credentials, ground.clock, ground.endpoints,
                               ground.options);
  for (const std::string& key_arn : key_arns) {
    const auto arn = aws::ParseKmsArn(key_arn);
    TrailPlace place{account.identity.account, arn ? arn->region : ""};
    std::size_t pages = 0, events = 0;
    const auto take = [&](const aws::TrailPage& page) {
      out.events.insert(out.events.end(), page.events.begin(), page.events.end());
      out.unreadable += page.unreadable;
      events += page.events.size();
      if (++pages % kToldEvery == 0) Tell(place.account, place.region, Counted(pages, events));
      return !Interrupted();
    };
    const auto read = client.Read(place.region, {"ResourceName", key_arn, from, to}, take);
    if (!read) {
      place.failure = read.error().message;
    } else if (Interrupted()) {
      place.failure = "interrupted";
    }
    Tell(place.account, place.region,
         Counted(pages, events) + (place.failure.empty() ? "" : ", then: " + place.failure));
    out.places.push_back(std::move(place));
  }
}

bool FindDenials(const TrailGround& ground, TrailAccount& account,
                 const std::vector<KeptCall>& denials, TrailReading& out) {
  std::set<std::string> wanted;
  for (const KeptCall& call : denials) wanted.insert(call.request_id);
  aws::CloudTrailClient client(ground.http, *account.credentials, ground.clock, ground.endpoints,
                               ground.options);
  int pages = 0;
  for (const auto& [region, spans] : SpansAround(denials)) {
    Tell(account.identity.account, region, "looking for denials whose events name no key");
    for (const Span& span : spans) {
      const auto take = [&](const aws::TrailPage& page) {
        for (const aws::TrailEvent& event : page.events) {
          if (wanted.erase(event.request_id) > 0) out.events.push_back(event);
        }
        return ++pages < kDenialPagesMax && !wanted.empty() && !Interrupted();
      };
      const auto read =
          client.Read(region, {"EventSource", "kms.amazonaws.com", span.from, span.to}, take);
      if (wanted.empty()) return true;
      if (!read || pages >= kDenialPagesMax || Interrupted()) return false;
    }
  }
  return true;
}

}  // namespace tenantseal::cli
