// Checks the events of a data directory, or of a copy of its database alone, without a service.
#pragma once

#include <string>

#include "base/secret.h"
#include "events/chain_audit.h"
#include "server/data_dir.h"

namespace tenantseal::server {

// The key that signs event heads: derived from the keystore's secret, so that the database alone,
// with whoever can write it, does not have it. Rotating the root keeps it.
base::Secret256 EventHeadSeed(const DataDir& dir);

struct EventAuditOptions {
  std::string checkpoint =
      {};  // A file of signed heads; empty: the directory's own, if there is one.
  std::string public_key = {};  // A file; empty: the directory's key.
};

// Every chain from its first event to its end, the end against its manifest, and all signed heads.
// What is wrong with the events is in the report; an Error says that they could not be checked.
Result<events::AuditReport> AuditDataDir(const DataDir& dir, const EventAuditOptions& options);

// The same without keystore and root: the manifests, which only the service can make, are not
// checked. A checkpoint needs the public key.
Result<events::AuditReport> AuditDatabase(const std::string& database,
                                          const EventAuditOptions& options);

}  // namespace tenantseal::server
