// The tables, and how files of earlier versions become the present one.
#pragma once

#include <span>

#include "store/sqlite/connection.h"

namespace tenantseal::store {

// Steps in order: step i turns a file of version i (PRAGMA user_version) into version i + 1, in one
// transaction. Steps that were ever released are never edited; a new one is appended.
std::span<const char* const> SchemaSteps();

// Added to a data key's version where it is stored, so that every version takes four bytes and a
// rewrapped row keeps its size: it is overwritten in place instead of moving others.
inline constexpr std::int64_t kStoredVersionOffset = 1 << 24;

// Brings the file to the version of `steps`. Refuses a file that is not a Tenantseal database, is
// damaged, or is of a newer version.
Result<void> Upgrade(Connection& connection, const std::string& path,
                     std::span<const char* const> steps);

}  // namespace tenantseal::store
