// When the log of KMS calls may lack a call, as far as its marks tell.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "model/kms_call.h"
#include "store/kms_call_store.h"

namespace tenantseal::events {

// From `from` until `until`, inclusive, a call that was made may be missing.
struct KmsCallDoubt {
  enum class Reason : std::uint8_t {
    kNotKept,     // A process could not keep `calls` calls.
    kKilled,      // A process ended without a last flush.
    kNotWritten,  // A process runs, and has yet to write what it has gathered.
    kNoLog,       // No process kept calls yet.
    kForgotten,   // They are older than the retention.
  };
  Reason reason = Reason::kNotKept;
  base::UtcTime from, until;
  std::optional<model::ProcessId> process = {};
  std::optional<std::uint64_t> calls = {};
  bool operator==(const KmsCallDoubt&) const = default;
};
// "not-kept", "killed", "not-written", "no-log", "forgotten".
std::string_view KmsCallDoubtName(KmsCallDoubt::Reason reason);

// Those that touch the span from..until, by `from`. `logs` is what the store lists for that span.
std::vector<KmsCallDoubt> KmsCallDoubts(const store::KmsCallLogs& logs, base::UtcTime from,
                                        base::UtcTime until, base::UtcTime now,
                                        base::Duration retention);

}  // namespace tenantseal::events
