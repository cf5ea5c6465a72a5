// Reads columns into model types. Values that no row of ours can hold make ok() false, so that a
// reader checks once.
#pragma once

#include <limits>

#include "store/sqlite/connection.h"

namespace tenantseal::store {

class Columns {
 public:
  explicit Columns(const Statement& row) : row_(row) {}

  template <typename IdType>
  IdType Id(int column) {
    Result<IdType> id = IdType::Parse(row_.Text(column));
    ok_ = ok_ && id.ok();
    return id ? std::move(*id) : IdType();
  }
  template <typename E>
  E Enum(int column, std::int64_t first, std::int64_t last) {
    return static_cast<E>(Between(column, first, last));
  }
  std::uint32_t U32(int column) {
    return static_cast<std::uint32_t>(
        Between(column, 0, std::numeric_limits<std::uint32_t>::max()));
  }
  std::uint64_t U64(int column) {
    return static_cast<std::uint64_t>(Between(column, 0, std::numeric_limits<std::int64_t>::max()));
  }
  bool ok() const { return ok_; }

 private:
  std::int64_t Between(int column, std::int64_t first, std::int64_t last) {
    const std::int64_t value = row_.Int(column);
    if (value >= first && value <= last) return value;
    ok_ = false;
    return first;
  }
  const Statement& row_;
  bool ok_ = true;
};

}  // namespace tenantseal::store
