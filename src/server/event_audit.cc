#include "server/event_audit.h"

#include <set>

#include "base/file.h"
#include "events/head_writer.h"
#include "store/sqlite/event_scan.h"

namespace tenantseal::server {
namespace {

constexpr std::string_view kSeedLabel = "tenantseal event heads v1";
constexpr std::size_t kCheckpointBytesMax = std::size_t{256} << 20;
constexpr std::size_t kHeadsPerRead = 1000;

Result<void> AddCheckpoint(events::ChainAudit& audit, const std::string& path,
                           const crypto::Ed25519PublicKey& key, const std::string& deployment) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes lines, base::ReadFile(path, kCheckpointBytesMax));
  return audit.AddHeads(lines.RevealText(), key, deployment);
}

Result<crypto::Ed25519PublicKey> ReadPublicKey(const std::string& path) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes text, base::ReadFile(path, 1024));
  return events::ParsePublicKey(text.RevealText());
}

// The ends of the chains as the service itself has stored them, under its own key.
Result<void> CheckManifests(const store::Store& store, events::ChainAudit& audit) {
  std::set<model::Scope> scopes;
  for (const auto& [scope, end] : audit.ends()) scopes.insert(scope);
  std::string after;
  for (;;) {
    TS_ASSIGN_OR_RETURN(const auto heads, store.ListEventHeads(after, kHeadsPerRead));
    for (const store::EventHead& head : heads) scopes.insert(head.scope);
    if (heads.size() < kHeadsPerRead) break;
    after = heads.back().scope.text();
  }
  for (const model::Scope& scope : scopes) {
    const auto end = audit.ends().find(scope);
    const std::uint64_t sequence = end == audit.ends().end() ? 0 : end->second.sequence;
    const auto read = store.ListEvents(scope, sequence == 0 ? 0 : sequence - 1, 1);
    if (!read && read.error().code != ErrorCode::kIntegrity) return Error(read.error());
    const bool same =
        read && !read->empty() && sequence > 0 && read->front().hash == end->second.hash;
    if (!same)
      audit.Find(scope, sequence, "is the end, but not the one that the service has recorded");
  }
  return {};
}

}  // namespace

base::Secret256 EventHeadSeed(const DataDir& dir) {
  return dir.kms->keystore().DeploymentKey(kSeedLabel);
}

Result<events::AuditReport> AuditDataDir(const DataDir& dir, const EventAuditOptions& options) {
  crypto::Ed25519PublicKey key = crypto::Ed25519Public(EventHeadSeed(dir));
  if (!options.public_key.empty()) {
    TS_ASSIGN_OR_RETURN(key, ReadPublicKey(options.public_key));
  }
  const bool own = options.checkpoint.empty();
  const std::string checkpoint = own ? events::HeadsFile(dir.path) : options.checkpoint;
  events::ChainAudit audit;
  // The heads before the events: a service that runs may append to both.
  if (!own || base::FileExists(checkpoint))
    TS_RETURN_IF_ERROR(AddCheckpoint(audit, checkpoint, key, dir.deployment.id));
  TS_RETURN_IF_ERROR(store::ScanEvents(dir.database_path,
                                       [&audit](const model::Event& event) { audit.Add(event); }));
  TS_RETURN_IF_ERROR(CheckManifests(*dir.store, audit));
  return audit.Finish();
}

Result<events::AuditReport> AuditDatabase(const std::string& database,
                                          const EventAuditOptions& options) {
  events::ChainAudit audit;
  if (!options.checkpoint.empty()) {
    if (options.public_key.empty())
      return InvalidArgument("public-key",
                             "Without a data directory, --checkpoint needs --public-key.");
    TS_ASSIGN_OR_RETURN(const auto key, ReadPublicKey(options.public_key));
    TS_RETURN_IF_ERROR(AddCheckpoint(audit, options.checkpoint, key, ""));
  }
  TS_ASSIGN_OR_RETURN(
      const std::string deployment,
      store::ScanEvents(database, [&audit](const model::Event& event) { audit.Add(event); }));
  if (!audit.deployment().empty() && audit.deployment() != deployment)
    return InvalidArgument("checkpoint", "The checkpoint is of deployment " + audit.deployment() +
                                             ", the database of " + deployment + ".");
  return audit.Finish();
}

}  // namespace tenantseal::server
