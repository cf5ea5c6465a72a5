// What a change of sessions requires, apart from how rows are kept; see rules.h.
#pragma once

#include "store/session_store.h"

namespace tenantseal::store {

Error SessionNotFound();

// A session fits beside `kept` others.
Result<void> CheckRoomForSession(std::uint64_t kept, const SessionBounds& bounds);

// Another completed sign-in fits beside `remembered` others.
Result<void> CheckRoomForSignIn(std::uint64_t remembered);

// Where the end of idleness moves to.
base::UtcTime ExtendedIdleness(const model::Session& session, base::UtcTime idle_expires_at);

}  // namespace tenantseal::store
