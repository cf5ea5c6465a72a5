// Rotation of the root key, in steps that each are done wholly or not at all:
//   1. the new root is written to the root file, beside the old one   (BeginRootRotation)
//   2. the keystore is wrapped under it                               (AdvanceRootRotation)
//   3. the database is told its id                                    (AdvanceRootRotation)
//   4. the old root is removed from the root file                     (RetireRoot)
// What is to be done next follows from the files alone, so that a rotation killed anywhere is gone
// on with by another call. Servers may run meanwhile: they read the root file again when they meet
// a root that they do not know. Those whose root is not from that file must have been started with
// the new one, too; a rotation that would strand one is refused. Database rows are never touched;
// no data key is rewrapped.
#pragma once

#include <string>
#include <vector>

#include "server/data_dir.h"

namespace tenantseal::server {

struct RootStatus {
  struct Root {
    std::string id;
    bool active = false;
    base::UtcTime created_at;  // The epoch when unknown (roots that are not from a file).
  };
  std::string origin;            // Where the roots come from.
  std::vector<Root> roots;       // The active one first.
  std::string keystore_root_id;  // What the keystore is wrapped under.
  std::string database_root_id;
  std::uint64_t keys = 0;  // Live provider keys in the keystore.
  bool pending = false;    // Keystore or database are not at the active root yet.
  bool retirable = false;  // There are previous roots and nothing needs them.
};

Result<RootStatus> ReadRootStatus(const DataDir& dir);

// Of running processes that would not have the new root.
enum class Stranded : std::uint8_t { kRefuse, kAllow };

// kConflict while a rotation is pending, previous roots are not retired or a process would be
// stranded; kInvalidArgument when the root is not from a file (then the operator puts the new root
// before the old one).
Result<void> BeginRootRotation(const DataDir& dir, const base::Clock& clock,
                               const base::Random& random, Stranded stranded = Stranded::kRefuse);
// Does the next step. False when there is none. kConflict when a process would be stranded.
Result<bool> AdvanceRootRotation(DataDir& dir, Stranded stranded = Stranded::kRefuse);
// kConflict while a rotation is pending, kNotFound when there is no previous root.
Result<void> RetireRoot(const DataDir& dir);

}  // namespace tenantseal::server
