#include "store/session_rules.h"

#include <algorithm>

namespace tenantseal::store {
namespace {

constexpr std::uint32_t kRetryAfterSeconds = 60;

}  // namespace

Error SessionNotFound() { return NotFound("There is no such session."); }

Result<void> CheckRoomForSession(std::uint64_t kept, const SessionBounds& bounds) {
  if (kept < bounds.in_all) return {};
  return Error{ErrorCode::kRateLimited, "Too many sessions are open.", "", kRetryAfterSeconds};
}

Result<void> CheckRoomForSignIn(std::uint64_t remembered) {
  if (remembered < kSpentSignInsMax) return {};
  return Error{ErrorCode::kRateLimited, "Too many people are signing in.", "", kRetryAfterSeconds};
}

base::UtcTime ExtendedIdleness(const model::Session& session, base::UtcTime idle_expires_at) {
  return std::min(std::max(session.idle_expires_at, idle_expires_at), session.expires_at);
}

}  // namespace tenantseal::store
