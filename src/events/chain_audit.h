// Checks whole event chains, and what signed heads say of them.
//
// A chain proves that nothing in it was altered, reordered or left out *given its end*; whoever can
// write the whole database can write another chain. A signed head that was kept elsewhere fixes the
// chain up to it: what is before it can then be neither rewritten nor cut off.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "events/head.h"
#include "model/records.h"

namespace tenantseal::events {

struct AuditFinding {
  std::string scope;
  std::uint64_t sequence = 0;
  std::string what;  // A clause, e.g. "was altered: it is not what its hash says".
};

struct AuditReport {
  std::uint64_t chains = 0;
  std::uint64_t events = 0;
  std::uint64_t heads = 0;             // Signed heads that were compared with a chain.
  std::vector<AuditFinding> findings;  // The first kFindingsMax of them.
  std::uint64_t findings_total = 0;
};

// Not thread-safe. Give it the signed heads, then every event, chain by chain and each in the order
// of its sequence, then Finish().
class ChainAudit {
 public:
  static constexpr std::size_t kFindingsMax = 100;

  // Lines of signed heads. kInvalidArgument, with the line's number, for one that is no head, not
  // signed by `key` or of another deployment. An empty `deployment` is any, but the same in all.
  // A last line without its end is one that a crash has cut off, and is passed over.
  Result<void> AddHeads(std::string_view lines, const crypto::Ed25519PublicKey& key,
                        std::string deployment);
  void Add(const model::Event& event);
  AuditReport Finish();

  // The end of each chain seen so far.
  const std::map<model::Scope, store::EventHead>& ends() const { return ends_; }
  // The deployment that the heads are of; empty when there is none.
  const std::string& deployment() const { return deployment_; }
  void Find(const model::Scope& scope, std::uint64_t sequence, std::string what);

 private:
  void Compare(const store::EventHead& place);

  std::string deployment_;
  // By scope and sequence: what was signed.
  std::map<std::pair<model::Scope, std::uint64_t>, store::EventHead> heads_;
  std::map<model::Scope, store::EventHead> ends_;
  AuditReport report_;
};

}  // namespace tenantseal::events
