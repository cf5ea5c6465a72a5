// Sessions and access tokens, and which sign-ins have been completed.
//
// The database is not trusted: a session's row carries a RowMac over every column, so that nobody
// who can write to the database gives a session to whom it was not given, or more rights, or a
// longer life. A row that was deleted and is put back within its life is not noticed; see
// docs/threat-model.md.
//
// Errors of every method: kUnavailable, kIntegrity, and what is listed at the method. All methods
// block, are one transaction each, and are thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "model/session.h"

namespace tenantseal::store {

// How many sessions are kept.
struct SessionBounds {
  std::size_t of_principal = 20;  // Of one kind. One more ends the oldest.
  std::size_t in_all = 100'000;   // Of both kinds. One more is refused.
};

// Completed sign-ins that are remembered at the same time.
inline constexpr std::size_t kSpentSignInsMax = 100'000;

class SessionStore {
 public:
  virtual ~SessionStore() = default;

  // Adds a session, after forgetting what has run out by its created_at, and the oldest of its
  // principal and kind beyond the bounds. Those that it forgets for the bounds may be relied on by
  // processes that have them cached for as long as they cache. kAlreadyExists when the id is
  // taken; kRateLimited when there are too many in all.
  virtual Result<void> CreateSession(const model::Session& session, const SessionBounds& bounds,
                                     const std::optional<model::NewEvent>& event) = 0;
  // kNotFound. One that has run out may still be returned: the caller compares its times.
  virtual Result<model::Session> LoadSession(const model::SessionId& id) const = 0;
  // Moves the end of idleness to `idle_expires_at`, never back and never past expires_at.
  // kNotFound.
  virtual Result<void> ExtendSession(const model::SessionId& id, base::UtcTime idle_expires_at) = 0;
  // Returns the epoch of the change; see keyring/store_lease.h. kNotFound.
  virtual Result<std::uint64_t> DeleteSession(const model::SessionId& id,
                                              const std::optional<model::NewEvent>& event) = 0;
  // All that are kept, of both kinds.
  virtual Result<std::uint64_t> CountSessions() const = 0;

  // Remembers until `expires_at` that the sign-in `id` is completed, and forgets those that have
  // run out by `now`. kAlreadyExists when it has been completed before; kRateLimited when
  // kSpentSignInsMax are remembered.
  virtual Result<void> SpendSignIn(const std::string& id, base::UtcTime now,
                                   base::UtcTime expires_at) = 0;
};

}  // namespace tenantseal::store
