// The keystore as a file: opening it and telling whether it is one. Private to kms/internal.
#pragma once

#include <cstdint>
#include <string>

#include "kms/internal/sqlite_file.h"

namespace tenantseal::kms {

inline constexpr std::int64_t kKeystoreApplicationId = 0x54534b53;  // "TSKS"
inline constexpr std::int64_t kKeystoreFormat = 1;

// An existing, owner-only file. kNotFound, kPermissionDenied, kUnavailable.
Result<Db> OpenKeystoreFile(const std::string& path);
// kIntegrity when it is damaged or something else, kConflict when a newer release wrote it.
Result<void> CheckKeystoreFormat(sqlite3* db, const std::string& path);
// kIntegrity, with what is wrong in a few words.
Error Damaged(const std::string& path, const std::string& what);

}  // namespace tenantseal::kms
