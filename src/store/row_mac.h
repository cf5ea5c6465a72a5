// HMACs that bind rows to their table, key, tenant and content under a key kept outside the
// database, and the hash that links events into a chain.
#pragma once

#include <array>

#include "base/secret.h"
#include "model/records.h"
#include "model/session.h"
#include "model/tenant.h"
#include "model/webhook.h"

namespace tenantseal::store {

using Mac = std::array<std::uint8_t, 32>;

// Const, thread-safe. The key never leaves.
class RowMac {
 public:
  explicit RowMac(base::Secret256 key) : key_(std::move(key)) {}

  // `number` is how data keys refer to the tenant.
  Mac Of(const model::Tenant& row, std::int64_t number) const;
  Mac Of(const model::KeyProvider& row) const;
  Mac Of(const model::TenantKey& row) const;
  Mac Of(const model::TenantKeyWrap& row) const;
  Mac Of(const model::Migration& row) const;  // Without its fence.
  Mac Of(const model::ApiKey& row) const;
  Mac Of(const model::Session& row) const;
  Mac Of(const model::Webhook& row) const;
  // Of a scope's manifest: `version` grows with every change, `members` are the sorted MACs of all
  // rows that the scope has (`kind` tells the tenant's rows from its API keys).
  Mac OfManifest(std::string_view kind, const model::Scope& scope, std::uint64_t version,
                 std::vector<Mac> members) const;
  // Tells whether `stored` is `computed`, in constant time.
  static bool Same(base::ByteSpan stored, const Mac& computed);

 private:
  base::Secret256 key_;
};

// The next link of a chain; see model::Event.
std::array<std::uint8_t, 32> EventHash(const std::array<std::uint8_t, 32>& previous_hash,
                                       std::uint64_t sequence, const model::NewEvent& event);

}  // namespace tenantseal::store
