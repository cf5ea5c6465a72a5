#include "events/chain_audit.h"

#include "store/row_mac.h"

namespace tenantseal::events {

Result<void> ChainAudit::AddHeads(std::string_view lines, const crypto::Ed25519PublicKey& key,
                                  std::string deployment) {
  if (!deployment.empty()) deployment_ = std::move(deployment);
  std::uint64_t number = 0;
  for (std::size_t end = lines.find('\n'); end != std::string_view::npos; end = lines.find('\n')) {
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end + 1);
    ++number;
    if (line.empty()) continue;
    const std::string where = "Line " + std::to_string(number) + " of the checkpoint ";
    const Result<SignedHead> head = ParseHead(line);
    if (!head) return InvalidArgument("checkpoint", where + "is not a signed event head.");
    if (!head->SignedBy(key))
      return InvalidArgument("checkpoint", where + "is not signed by the key that is expected.");
    if (deployment_.empty()) deployment_ = head->deployment;
    if (head->deployment != deployment_)
      return InvalidArgument("checkpoint", where + "is of another deployment.");
    const auto [at, added] =
        heads_.emplace(std::pair(head->head.scope, head->head.sequence), head->head);
    // Both are signed: the chain was another one at another time.
    if (!added && at->second.hash != head->head.hash)
      Find(head->head.scope, head->head.sequence,
           "has two signed heads that contradict each other: the chain was rolled back between "
           "them");
  }
  return {};
}

void ChainAudit::Add(const model::Event& event) {
  const model::Scope& scope = event.content.scope;
  store::EventHead& end = ends_[scope];
  end.scope = scope;
  ++report_.events;
  if (event.sequence != end.sequence + 1) {
    Find(scope, event.sequence,
         "does not follow event " + std::to_string(end.sequence) + ": events are missing");
  } else if (event.previous_hash != end.hash) {
    Find(scope, event.sequence, "does not continue the chain: it or the one before it was altered");
  }
  if (event.hash != store::EventHash(event.previous_hash, event.sequence, event.content))
    Find(scope, event.sequence, "was altered: it is not what its hash says");
  end.sequence = event.sequence;
  end.hash = event.hash;
  Compare(end);
}

void ChainAudit::Compare(const store::EventHead& place) {
  const auto head = heads_.find({place.scope, place.sequence});
  if (head == heads_.end()) return;
  ++report_.heads;
  if (head->second.hash != place.hash)
    Find(place.scope, place.sequence, "is not what was signed: the chain was rewritten before it");
  heads_.erase(head);
}

AuditReport ChainAudit::Finish() {
  for (const auto& [place, head] : heads_) {
    const auto end = ends_.find(head.scope);
    const std::uint64_t length = end == ends_.end() ? 0 : end->second.sequence;
    if (head.sequence > length)
      Find(head.scope, head.sequence,
           "was signed and is gone: the chain was cut off or rolled back to event " +
               std::to_string(length));
    else
      Find(head.scope, head.sequence, "was signed and is missing");
  }
  heads_.clear();
  report_.chains = ends_.size();
  return report_;
}

void ChainAudit::Find(const model::Scope& scope, std::uint64_t sequence, std::string what) {
  ++report_.findings_total;
  if (report_.findings.size() < kFindingsMax)
    report_.findings.push_back({scope.text(), sequence, std::move(what)});
}

}  // namespace tenantseal::events
