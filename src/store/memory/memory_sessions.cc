// Sessions and completed sign-ins.
#include <algorithm>
#include <tuple>

#include "store/memory/memory_store.h"
#include "store/session_rules.h"

namespace tenantseal::store {

using base::MutexLock;

Result<void> MemoryStore::CreateSession(const model::Session& session, const SessionBounds& bounds,
                                        const std::optional<model::NewEvent>& event) {
  MutexLock lock(mutex_);
  const auto has_run_out = [&session](const auto& entry) {
    return entry.second.idle_expires_at <= session.created_at;
  };
  const auto total = static_cast<std::uint64_t>(
      sessions_.size() -
      static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), has_run_out)));
  std::vector<model::Session> own;
  for (const auto& entry : sessions_) {
    const model::Session& other = entry.second;
    if (!has_run_out(entry) && other.principal == session.principal && other.kind == session.kind)
      own.push_back(other);
  }
  std::sort(own.begin(), own.end(), [](const auto& a, const auto& b) {
    return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
  });
  const std::size_t surplus =
      own.size() + 1 > bounds.of_principal ? own.size() + 1 - bounds.of_principal : 0;
  TS_RETURN_IF_ERROR(CheckRoomForSession(total - surplus, bounds));
  const auto taken = sessions_.find(session.id);
  if (taken != sessions_.end() && !has_run_out(*taken))
    return Error{ErrorCode::kAlreadyExists, "There is a session with this id."};
  std::erase_if(sessions_, has_run_out);
  for (std::size_t i = 0; i < surplus; ++i) sessions_.erase(own[i].id);
  sessions_.emplace(session.id, session);
  if (event) Append(*event);
  return {};
}

Result<model::Session> MemoryStore::LoadSession(const model::SessionId& id) const {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return SessionNotFound();
  return found->second;
}

Result<void> MemoryStore::ExtendSession(const model::SessionId& id, base::UtcTime idle_expires_at) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return SessionNotFound();
  found->second.idle_expires_at = ExtendedIdleness(found->second, idle_expires_at);
  return {};
}

Result<std::uint64_t> MemoryStore::DeleteSession(const model::SessionId& id,
                                                 const std::optional<model::NewEvent>& event) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return SessionNotFound();
  const model::Scope scope = found->second.scope();
  sessions_.erase(found);
  return Record(scope, event);
}

Result<std::uint64_t> MemoryStore::CountSessions() const {
  MutexLock lock(mutex_);
  return sessions_.size();
}

Result<void> MemoryStore::SpendSignIn(const std::string& id, base::UtcTime now,
                                      base::UtcTime expires_at) {
  MutexLock lock(mutex_);
  std::erase_if(spent_sign_ins_, [now](const auto& entry) { return entry.second <= now; });
  if (spent_sign_ins_.contains(id))
    return Error{ErrorCode::kAlreadyExists, "This sign-in has been completed."};
  TS_RETURN_IF_ERROR(CheckRoomForSignIn(spent_sign_ins_.size()));
  spent_sign_ins_.emplace(id, expires_at);
  return {};
}

}  // namespace tenantseal::store
