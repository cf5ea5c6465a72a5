// Server-sent events.
#include <charconv>

#include "api/control_json.h"
#include "api/error_table.h"
#include "api/handler.h"
#include "api/live_streams.h"
#include "api/routes.h"

namespace tenantseal::api {
namespace {

Result<std::optional<std::uint64_t>> LastEventId(const net::Request& request) {
  const auto header = request.Header("Last-Event-ID");
  if (!header || header->empty()) return std::optional<std::uint64_t>();
  std::uint64_t id = 0;
  const auto [end, error] = std::from_chars(header->data(), header->data() + header->size(), id);
  if (error != std::errc() || end != header->data() + header->size()) {
    return InvalidArgument("Last-Event-ID",
                           "The header Last-Event-ID must be the id of an event of this stream.");
  }
  return std::optional(id);
}

// The caller, with what it showed, to be checked again while it follows.
Result<Follower> FollowerOf(const Call& call) {
  Follower follower{.principal = *call.principal};
  const std::string_view shown =
      call.session ? *call.session : BearerToken(call.request).value_or("");
  follower.credentials = base::SecretBytes::CopyOf(base::AsBytes(shown));
  follower.session = call.session.has_value();
  TS_ASSIGN_OR_RETURN(follower.place.base_url, BaseUrl(call.request));
  TS_ASSIGN_OR_RETURN(follower.after, LastEventId(call.request));
  return follower;
}

Result<LiveStreams*> Streams(const Call& call) {
  if (call.services.live != nullptr) return call.services.live;
  return Error{ErrorCode::kUnavailable, std::string(kNoStreams)};
}

}  // namespace

Result<net::Response> FollowMigration(Call& call) {
  TS_ASSIGN_OR_RETURN(LiveStreams* const streams, Streams(call));
  TS_ASSIGN_OR_RETURN(Follower follower, FollowerOf(call));
  const Services& services = call.services;
  return streams->Follow(
      "migration " + call.tenant->text(),
      [&services, tenant = *call.tenant] {
        return std::make_unique<MigrationFeed>(services.migrations, services.clock, tenant);
      },
      std::move(follower));
}

Result<net::Response> FollowAudits(Call& call) {
  TS_ASSIGN_OR_RETURN(LiveStreams* const streams, Streams(call));
  TS_ASSIGN_OR_RETURN(const model::Scope scope, AuditScope(call));
  TS_ASSIGN_OR_RETURN(Follower follower, FollowerOf(call));
  const Services& services = call.services;
  return streams->Follow(
      "audits " + scope.text(),
      [&services, scope] { return std::make_unique<AuditFeed>(services.store, scope); },
      std::move(follower));
}

}  // namespace tenantseal::api
