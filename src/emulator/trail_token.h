// The paging token of LookupEvents: where the next page begins, for one query, authenticated.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace tenantseal::emulator {

struct TrailQuery;

// `key` is the process's own: a token ends with it.
std::string MakeTrailToken(const base::Secret256& key, const TrailQuery& query,
                           std::uint64_t before);
// Nothing when it is not a token of this key for this very query (its `before` and `max` aside).
std::optional<std::uint64_t> ParseTrailToken(const base::Secret256& key, const TrailQuery& query,
                                             std::string_view token);

}  // namespace tenantseal::emulator
