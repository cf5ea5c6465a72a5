#include "store/row_mac.h"

#include <algorithm>
#include <optional>

#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "store/webhook_rules.h"

namespace tenantseal::store {
namespace {

// Separates these MACs from whatever else might once be computed under the same key.
constexpr std::string_view kRowLabel = "tenantseal/row/v1";
constexpr std::string_view kManifestLabel = "tenantseal/manifest/v1";
constexpr std::string_view kEventLabel = "tenantseal/event/v1";

std::uint64_t Millis(base::UtcTime time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

void Put(base::ByteWriter& out, const std::optional<base::UtcTime>& time) {
  out.U8(time ? 1 : 0);
  out.U64(time ? Millis(*time) : 0);
}

// Table, primary key and tenant come first in every row's message.
base::ByteWriter Row(std::string_view table, std::string_view key, std::string_view tenant) {
  base::ByteWriter out;
  out.Field(kRowLabel);
  out.Field(table);
  out.Field(key);
  out.Field(tenant);
  return out;
}

}  // namespace

Mac RowMac::Of(const model::Tenant& row, std::int64_t number) const {
  base::ByteWriter out = Row("tenants", row.id.text(), row.id.text());
  out.U64(static_cast<std::uint64_t>(number));
  out.Field(row.name);
  out.Field(row.region);
  out.U8(static_cast<std::uint8_t>(row.status));
  out.U64(Millis(row.created_at));
  Put(out, row.destroy_at);
  out.Field(row.current_provider.text());
  out.U32(row.active_version);
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

Mac RowMac::Of(const model::KeyProvider& row) const {
  base::ByteWriter out = Row("providers", row.fingerprint.text(), row.tenant.text());
  out.U8(static_cast<std::uint8_t>(row.kind));
  out.Field(row.arn);
  out.Field(row.replica_arn);
  out.Field(row.name);
  out.Field(row.description);
  out.U64(Millis(row.created_at));
  Put(out, row.promoted_at);
  Put(out, row.demoted_at);
  Put(out, row.revoked_at);
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

Mac RowMac::Of(const model::TenantKey& row) const {
  base::ByteWriter out = Row("tenant_keys", std::to_string(row.version), row.tenant.text());
  out.U32(row.version);
  out.Field(row.check_value);
  out.U64(Millis(row.created_at));
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

Mac RowMac::Of(const model::TenantKeyWrap& row) const {
  base::ByteWriter out = Row("tenant_key_wraps", std::to_string(row.version), row.tenant.text());
  out.U32(row.version);
  out.Field(row.provider.text());
  out.Field(row.wrapped);
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

Mac RowMac::Of(const model::Migration& row) const {
  base::ByteWriter out = Row("migrations", row.tenant.text(), row.tenant.text());
  out.Field(row.id);
  out.Field(row.from.text());
  out.Field(row.to.text());
  out.U8(static_cast<std::uint8_t>(row.state));
  out.U8(static_cast<std::uint8_t>(row.pause));
  out.Field(row.detail);
  out.U32(row.to_version);
  out.U64(row.quarantine_accepted);
  out.Field(row.started_by);
  out.U64(Millis(row.started_at));
  Put(out, row.finished_at);
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

Mac RowMac::Of(const model::ApiKey& row) const {
  base::ByteWriter out = Row("api_keys", row.id.text(), row.scope().text());
  out.Field(row.description);
  out.U8(static_cast<std::uint8_t>(row.role));
  out.U8(row.tenant ? 1 : 0);
  out.Field(row.secret_hash);
  out.U64(Millis(row.created_at));
  Put(out, row.expires_at);
  out.Field(row.created_by);
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

Mac RowMac::Of(const model::Session& row) const {
  base::ByteWriter out = Row("sessions", row.id.text(), row.scope().text());
  out.Field(row.secret_hash);
  out.U8(static_cast<std::uint8_t>(row.kind));
  out.U8(static_cast<std::uint8_t>(row.signed_in_with));
  out.Field(row.principal);
  out.Field(row.name);
  out.Field(row.email);
  out.U8(static_cast<std::uint8_t>(row.role));
  out.U8(row.tenant ? 1 : 0);
  out.Field(row.api_key ? row.api_key->text() : std::string());
  out.U64(Millis(row.created_at));
  out.U64(Millis(row.idle_expires_at));
  out.U64(Millis(row.expires_at));
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

Mac RowMac::Of(const model::Webhook& row) const {
  base::ByteWriter out = Row("webhooks", row.id.text(), row.scope.text());
  out.Field(row.name);
  out.Field(row.description);
  out.Field(row.url);
  out.Field(SerializeTexts(row.event_types));
  out.Field(row.filter);
  out.U8(static_cast<std::uint8_t>(row.origin));
  out.U8(row.enabled ? 1 : 0);
  out.U8(row.check_revocation ? 1 : 0);
  out.Field(row.disabled_reason);
  out.Field(SerializeHeaders(row.headers));
  out.Field(row.sealed_secret);
  out.Field(SerializeTexts(row.encrypted_headers));
  out.Field(row.sealed_headers);
  out.U64(Millis(row.created_at));
  out.U64(Millis(row.updated_at));
  out.Field(row.created_by);
  out.Field(row.updated_by);
  out.U64(row.revision);
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

Mac RowMac::OfManifest(std::string_view kind, const model::Scope& scope, std::uint64_t version,
                       std::vector<Mac> members) const {
  std::sort(members.begin(), members.end());
  base::ByteWriter out;
  out.Field(kManifestLabel);
  out.Field(kind);
  out.Field(scope.text());
  out.U64(version);
  out.U64(members.size());
  for (const Mac& member : members) out.Raw(member);
  return crypto::HmacSha256(key_.Reveal(), out.bytes());
}

bool RowMac::Same(base::ByteSpan stored, const Mac& computed) {
  return base::ConstantTimeEqual(stored, computed);
}

std::array<std::uint8_t, 32> EventHash(const std::array<std::uint8_t, 32>& previous_hash,
                                       std::uint64_t sequence, const model::NewEvent& event) {
  base::ByteWriter out;
  out.Field(previous_hash);
  out.Field(kEventLabel);
  out.U64(sequence);
  out.Field(event.scope.text());
  out.Field(event.id);
  out.U64(Millis(event.time));
  out.Field(event.type);
  out.Field(event.source);
  out.Field(event.actor);
  out.Field(event.data);
  return crypto::Sha256(out.bytes());
}

}  // namespace tenantseal::store
