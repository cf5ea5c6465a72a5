#include "store/manifest.h"

#include <algorithm>

namespace tenantseal::store {
namespace {

std::string ManifestKey(std::string_view kind, const model::Scope& scope) {
  return std::string(kind) + " " + scope.text();
}

std::size_t Slot(std::string_view kind, const model::Scope& scope) {
  return std::hash<std::string>()(ManifestKey(kind, scope));
}

}  // namespace

std::vector<Mac> MemberMacs(const RowMac& row_mac, const model::TenantState& state,
                            std::int64_t number) {
  std::vector<Mac> macs;
  macs.reserve(1 + state.providers.size() + state.keys.size() + state.wraps.size() + 1);
  macs.push_back(row_mac.Of(state.tenant, number));
  for (const auto& row : state.providers) macs.push_back(row_mac.Of(row));
  for (const auto& row : state.keys) macs.push_back(row_mac.Of(row));
  for (const auto& row : state.wraps) macs.push_back(row_mac.Of(row));
  if (state.migration) macs.push_back(row_mac.Of(*state.migration));
  return macs;
}

Error TamperedRow(std::string_view table, std::string_view key) {
  return IntegrityError("The row " + std::string(key) + " of table " + std::string(table) +
                        " is not what Tenantseal wrote. Find out who changed the database, then "
                        "restore a backup.");
}

Result<void> VerifyManifest(const RowMac& row_mac, std::string_view kind, const model::Scope& scope,
                            const Manifest& stored, std::vector<Mac> members) {
  if (stored.version == 0 && members.empty()) return {};
  const Mac computed = row_mac.OfManifest(kind, scope, stored.version, std::move(members));
  if (stored.version == 0 || !RowMac::Same(stored.mac, computed)) {
    return TamperedRow("manifests", ManifestKey(kind, scope));
  }
  return {};
}

std::uint64_t VersionGuard::Floor(std::string_view kind, const model::Scope& scope) const {
  base::MutexLock lock(mutex_);
  const auto found = versions_.find(Slot(kind, scope));
  return found == versions_.end() ? 0 : found->second;
}

void VersionGuard::Saw(std::string_view kind, const model::Scope& scope, std::uint64_t version) {
  base::MutexLock lock(mutex_);
  if (versions_.size() >= kScopesMax) versions_.erase(versions_.begin());
  std::uint64_t& known = versions_[Slot(kind, scope)];
  known = std::max(known, version);
}

Result<void> VersionGuard::Check(std::string_view kind, const model::Scope& scope,
                                 std::uint64_t version, std::uint64_t floor) {
  if (version >= floor) return {};
  return IntegrityError("The manifest " + ManifestKey(kind, scope) + " went back from version " +
                        std::to_string(floor) + " to " + std::to_string(version) +
                        ": rows of an earlier time were put in place of the present ones.");
}

}  // namespace tenantseal::store
