#include "store/sqlite/webhook_rows.h"

#include "store/sqlite/columns.h"

namespace tenantseal::store {
namespace {

#define WEBHOOK_COLUMNS                                                                \
  "scope,id,name,description,url,event_types,filter,origin,enabled,check_revocation,"  \
  "disabled_reason,headers,sealed_secret,encrypted_headers,sealed_headers,created_at," \
  "updated_at,created_by,updated_by,revision,mac"
constexpr const char* kSelectWebhook =
    "SELECT " WEBHOOK_COLUMNS " FROM webhooks WHERE scope=? AND id=?";
constexpr const char* kSelectWebhooks =
    "SELECT " WEBHOOK_COLUMNS " FROM webhooks WHERE scope=? ORDER BY id";
constexpr const char* kPutWebhook = "INSERT OR REPLACE INTO webhooks(" WEBHOOK_COLUMNS
                                    ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* kSelectProgress =
    "SELECT sequence,failures,failing_since,resume_at,fence,lease_until FROM webhook_progress "
    "WHERE webhook=?";
constexpr const char* kPutProgress =
    "INSERT OR REPLACE INTO webhook_progress(webhook,sequence,failures,failing_since,resume_at,"
    "fence,lease_until) VALUES(?,?,?,?,?,?,?)";
constexpr const char* kSelectDelivery =
    "SELECT " WEBHOOK_DELIVERY_COLUMNS " FROM webhook_deliveries WHERE id=? AND webhook=?";
constexpr const char* kInsertDelivery = "INSERT INTO webhook_deliveries(" WEBHOOK_DELIVERY_COLUMNS
                                        ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)";
constexpr const char* kDeleteDelivery = "DELETE FROM webhook_deliveries WHERE id=?";
constexpr const char* kDeleteProgressOf =
    "DELETE FROM webhook_progress WHERE webhook IN (SELECT id FROM webhooks WHERE scope=?)";
constexpr const char* kDeleteDeliveriesOf =
    "DELETE FROM webhook_deliveries WHERE webhook IN (SELECT id FROM webhooks WHERE scope=?)";
constexpr const char* kDeleteWebhooksOf = "DELETE FROM webhooks WHERE scope=?";

bool ReadBool(const Statement& row, int column, bool& out) {
  const std::int64_t value = row.Int(column);
  out = value == 1;
  return value == 0 || value == 1;
}

template <typename T>
bool Take(std::optional<T> parsed, T& out) {
  if (!parsed) return false;
  out = std::move(*parsed);
  return true;
}

Result<model::Webhook> ReadWebhookRow(Session& session, const Statement& row) {
  Columns in(row);
  model::Webhook out;
  const auto scope = model::Scope::Parse(row.Text(0));
  if (!scope) return TamperedRow("webhooks", row.Text(1));
  out.scope = *scope;
  out.id = in.Id<model::WebhookId>(1);
  out.name = row.Text(2);
  out.description = row.Text(3);
  out.url = row.Text(4);
  bool whole = Take(ParseTexts(row.Blob(5)), out.event_types);
  out.filter = row.Text(6);
  out.origin = in.Enum<model::WebhookOrigin>(7, 1, 3);
  whole = ReadBool(row, 8, out.enabled) && whole;
  whole = ReadBool(row, 9, out.check_revocation) && whole;
  out.disabled_reason = row.Text(10);
  whole = Take(ParseHeaders(row.Blob(11)), out.headers) && whole;
  out.sealed_secret = base::ToBytes(row.Blob(12));
  whole = Take(ParseTexts(row.Blob(13)), out.encrypted_headers) && whole;
  out.sealed_headers = base::ToBytes(row.Blob(14));
  out.created_at = row.Time(15);
  out.updated_at = row.Time(16);
  out.created_by = row.Text(17);
  out.updated_by = row.Text(18);
  out.revision = in.U64(19);
  if (!whole || !in.ok() || !RowMac::Same(row.Blob(20), session.row_mac.Of(out)))
    return TamperedRow("webhooks", row.Text(1));
  return out;
}

}  // namespace

Result<model::Webhook> ReadWebhook(Session& session, const model::Scope& scope,
                                   const model::WebhookId& id) {
  Statement row(session.db, kSelectWebhook);
  row.Bind(scope).Bind(id);
  const bool found = row.Step();
  TS_RETURN_IF_ERROR(row.Check());
  if (!found) return WebhookNotFound();
  return ReadWebhookRow(session, row);
}

Result<std::vector<model::Webhook>> ReadWebhooks(Session& session, const model::Scope& scope) {
  std::vector<model::Webhook> out;
  Statement row(session.db, kSelectWebhooks);
  row.Bind(scope);
  while (row.Step()) {
    TS_ASSIGN_OR_RETURN(model::Webhook webhook, ReadWebhookRow(session, row));
    out.push_back(std::move(webhook));
  }
  TS_RETURN_IF_ERROR(row.Check());
  return out;
}

Result<void> PutWebhook(Session& session, const model::Webhook& webhook) {
  const Mac mac = session.row_mac.Of(webhook);
  const base::Bytes types = SerializeTexts(webhook.event_types);
  const base::Bytes headers = SerializeHeaders(webhook.headers);
  const base::Bytes encrypted = SerializeTexts(webhook.encrypted_headers);
  Statement put(session.db, kPutWebhook);
  put.Bind(webhook.scope).Bind(webhook.id).Bind(webhook.name).Bind(webhook.description);
  put.Bind(webhook.url).Bind(types).Bind(webhook.filter).Bind(webhook.origin);
  put.Bind(webhook.enabled).Bind(webhook.check_revocation).Bind(webhook.disabled_reason);
  put.Bind(headers).Bind(webhook.sealed_secret).Bind(encrypted).Bind(webhook.sealed_headers);
  put.Bind(webhook.created_at).Bind(webhook.updated_at).Bind(webhook.created_by);
  put.Bind(webhook.updated_by).Bind(webhook.revision).Bind(mac);
  return put.Run();
}

Result<ProgressRow> ReadProgress(Session& session, const model::WebhookId& webhook) {
  Statement row(session.db, kSelectProgress);
  row.Bind(webhook);
  const bool found = row.Step();
  TS_RETURN_IF_ERROR(row.Check());
  if (!found) return WebhookNotFound();
  Columns in(row);
  ProgressRow out;
  out.progress.sequence = in.U64(0);
  out.progress.failures = in.U32(1);
  out.progress.failing_since = row.OptionalTime(2);
  out.progress.resume_at = row.Time(3);
  out.fence = in.U64(4);
  out.lease_until = row.OptionalTime(5);
  if (!in.ok()) return TamperedRow("webhook_progress", webhook.text());
  return out;
}

Result<void> PutProgress(Session& session, const model::WebhookId& webhook,
                         const ProgressRow& row) {
  Statement put(session.db, kPutProgress);
  put.Bind(webhook).Bind(row.progress.sequence).Bind(row.progress.failures);
  put.Bind(row.progress.failing_since).Bind(row.progress.resume_at).Bind(row.fence);
  put.Bind(row.lease_until);
  return put.Run();
}

Result<model::WebhookDelivery> ReadDeliveryRow(const Statement& row) {
  Columns in(row);
  model::WebhookDelivery out;
  out.id = in.Id<model::DeliveryId>(0);
  out.webhook = in.Id<model::WebhookId>(1);
  const auto scope = model::Scope::Parse(row.Text(2));
  if (!scope) return TamperedRow("webhook_deliveries", row.Text(0));
  out.scope = *scope;
  out.sequence = in.U64(3);
  out.event_type = row.Text(4);
  out.state = in.Enum<model::DeliveryState>(5, 1, 4);
  out.triggered_at = row.Time(6);
  out.attempts = in.U32(7);
  out.next_attempt_at = row.OptionalTime(8);
  out.message = row.Text(9);
  out.url = row.Text(10);
  bool whole = Take(ParseHeaders(row.Blob(11)), out.request_headers);
  out.response_status = in.Enum<int>(12, 0, 999);
  whole = Take(ParseHeaders(row.Blob(13)), out.response_headers) && whole;
  out.response_body = row.Text(14);
  if (!whole || !in.ok() || out.unfinished() != out.next_attempt_at.has_value())
    return TamperedRow("webhook_deliveries", row.Text(0));
  return out;
}

Result<model::WebhookDelivery> ReadDelivery(Session& session, const model::WebhookId& webhook,
                                            const model::DeliveryId& id) {
  Statement row(session.db, kSelectDelivery);
  row.Bind(id).Bind(webhook);
  const bool found = row.Step();
  TS_RETURN_IF_ERROR(row.Check());
  if (!found) return DeliveryNotFound();
  return ReadDeliveryRow(row);
}

Result<void> InsertDelivery(Session& session, const model::WebhookDelivery& delivery) {
  const base::Bytes sent = SerializeHeaders(delivery.request_headers);
  const base::Bytes received = SerializeHeaders(delivery.response_headers);
  Statement insert(session.db, kInsertDelivery);
  insert.Bind(delivery.id).Bind(delivery.webhook).Bind(delivery.scope).Bind(delivery.sequence);
  insert.Bind(delivery.event_type).Bind(delivery.state).Bind(delivery.triggered_at);
  insert.Bind(delivery.attempts).Bind(delivery.next_attempt_at).Bind(delivery.message);
  insert.Bind(delivery.url).Bind(sent).Bind(delivery.response_status).Bind(received);
  insert.Bind(delivery.response_body);
  return insert.RunInsert("There is a delivery with this id.");
}

Result<void> PutDelivery(Session& session, const model::WebhookDelivery& delivery) {
  TS_RETURN_IF_ERROR(Statement(session.db, kDeleteDelivery).Bind(delivery.id).Run());
  return InsertDelivery(session, delivery);
}

Result<void> DeleteWebhooksOf(Session& session, const model::Scope& scope) {
  for (const char* sql : {kDeleteProgressOf, kDeleteDeliveriesOf, kDeleteWebhooksOf})
    TS_RETURN_IF_ERROR(Statement(session.db, sql).Bind(scope).Run());
  return {};
}

}  // namespace tenantseal::store
