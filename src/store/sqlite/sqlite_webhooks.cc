// Webhooks, the progress of delivering to them, and the log of deliveries.
#include <array>
#include <limits>
#include <string>

#include "store/sqlite/access.h"
#include "store/sqlite/columns.h"
#include "store/sqlite/webhook_rows.h"

namespace tenantseal::store {
namespace {

constexpr const char* kCountWebhooks = "SELECT count(*) FROM webhooks WHERE scope=?";
constexpr const char* kSelectTenantStatus = "SELECT status FROM tenants WHERE id=?";
constexpr const char* kSelectChainEnd =
    "SELECT version FROM manifests WHERE kind='events' AND scope=?";
constexpr const char* kDeleteWebhook = "DELETE FROM webhooks WHERE scope=? AND id=?";
constexpr const char* kDeleteProgress = "DELETE FROM webhook_progress WHERE webhook=?";
constexpr const char* kDeleteDeliveries = "DELETE FROM webhook_deliveries WHERE webhook=?";
constexpr const char* kGiveUp =
    "UPDATE webhook_deliveries SET state=?, due_at=NULL, message=? "
    "WHERE webhook=? AND due_at IS NOT NULL";
// What lies too far ahead is of a clock that was wrong. BindIsDue() binds the parameters.
#define WEBHOOK_IS_DUE                                                                 \
  "(p.resume_at<=? OR p.resume_at>?) "                                                 \
  "AND (p.lease_until IS NULL OR p.lease_until<=? OR p.lease_until>?) "                \
  "AND (p.sequence<coalesce((SELECT m.version FROM manifests m WHERE m.kind='events' " \
  "AND m.scope=w.scope),0) OR EXISTS(SELECT 1 FROM webhook_deliveries d "              \
  "WHERE d.webhook=w.id AND (d.due_at<=? OR d.due_at>?))) "
constexpr const char* kSelectDue =
    "SELECT w.scope, w.id FROM webhooks w JOIN webhook_progress p ON p.webhook=w.id "
    "WHERE w.enabled=1 AND (w.scope,w.id)>(?,?) AND " WEBHOOK_IS_DUE
    "ORDER BY w.scope, w.id LIMIT ?";
constexpr const char* kSelectIsDue =
    "SELECT 1 FROM webhooks w JOIN webhook_progress p ON p.webhook=w.id "
    "WHERE w.enabled=1 AND w.scope=? AND w.id=? AND " WEBHOOK_IS_DUE;
constexpr const char* kSelectDueDeliveries = "SELECT " WEBHOOK_DELIVERY_COLUMNS
                                             " FROM webhook_deliveries WHERE webhook=? "
                                             "AND (due_at<=? OR due_at>?) "
                                             "ORDER BY due_at, id LIMIT ?";
constexpr const char* kSelectUnfinished =
    "SELECT count(*), min(due_at) FROM webhook_deliveries WHERE webhook=? AND due_at IS NOT NULL";
constexpr const char* kRetryAll =
    "UPDATE webhook_deliveries SET due_at=? WHERE webhook=? AND due_at>?";
constexpr const char* kDeleteOld =
    "DELETE FROM webhook_deliveries WHERE number IN (SELECT number FROM webhook_deliveries "
    "WHERE due_at IS NULL AND triggered_at<? LIMIT ?)";
constexpr const char* kSelectCrowded =
    "SELECT webhook FROM webhook_deliveries WHERE due_at IS NULL GROUP BY webhook "
    "HAVING count(*)>? LIMIT 1";
constexpr const char* kDeleteSurplus =
    "DELETE FROM webhook_deliveries WHERE number IN (SELECT number FROM (SELECT number FROM "
    "webhook_deliveries WHERE webhook=? AND due_at IS NULL "
    "ORDER BY triggered_at DESC, id DESC LIMIT -1 OFFSET ?) LIMIT ?)";
constexpr std::int64_t kForgottenAtOnce = 1000;

// The rank of store/webhook_rules.h.
#define DELIVERY_RANK "CASE state WHEN 3 THEN 2 WHEN 1 THEN 1 ELSE 0 END"

std::string ListSql(bool by_rank, bool descending) {
  const std::string rank = by_rank ? DELIVERY_RANK : "0";
  const std::string direction = descending ? " DESC" : "";
  return "SELECT " WEBHOOK_DELIVERY_COLUMNS
         " FROM webhook_deliveries WHERE webhook=? AND (?='' OR event_type=?) "
         "AND (?<0 OR " DELIVERY_RANK "=?) AND (" +
         rank + ",triggered_at,id)" + (descending ? "<" : ">") + "(?,?,?) ORDER BY " +
         (by_rank ? rank + direction + "," : "") + "triggered_at" + direction + ",id" + direction +
         " LIMIT ?";
}

// Statements are kept by the address of their text, so each is made once.
const char* ListSqlOf(const DeliveryQuery& query) {
  static const std::array<std::string, 4> texts = {ListSql(false, false), ListSql(false, true),
                                                   ListSql(true, false), ListSql(true, true)};
  return texts[(query.by_rank ? 2 : 0) + (query.descending ? 1 : 0)].c_str();
}

Result<std::int64_t> Number(Session& session, const char* sql, const std::string& parameter) {
  Statement row(session.db, sql);
  row.Bind(parameter);
  const std::int64_t number = row.Step() ? row.Int(0) : 0;
  TS_RETURN_IF_ERROR(row.Check());
  return number;
}

// Unverified: whoever reads the events verifies.
Result<std::uint64_t> ChainEnd(Session& session, const model::Scope& scope) {
  TS_ASSIGN_OR_RETURN(const std::int64_t end, Number(session, kSelectChainEnd, scope.text()));
  return static_cast<std::uint64_t>(end);
}

Result<bool> ScopeIsThere(Session& session, const model::Scope& scope) {
  if (scope.is_deployment()) return true;
  TS_ASSIGN_OR_RETURN(const std::int64_t status,
                      Number(session, kSelectTenantStatus, scope.text()));
  return status != 0 && status != static_cast<std::int64_t>(model::TenantStatus::kDestroyed);
}

Result<void> GiveUpAll(Session& session, const model::WebhookId& webhook) {
  const std::string message = kGivenUpMessage;
  Statement update(session.db, kGiveUp);
  return update.Bind(model::DeliveryState::kFailed).Bind(message).Bind(webhook).Run();
}

void BindIsDue(Statement& statement, base::UtcTime now) {
  statement.Bind(now).Bind(now + kWebhookWaitMax);
  statement.Bind(now).Bind(now + kWebhookLeaseMax);
  statement.Bind(now).Bind(now + kWebhookWaitMax);
}

Result<bool> StillDue(Session& session, const WebhookPlace& place, base::UtcTime now) {
  Statement row(session.db, kSelectIsDue);
  row.Bind(place.scope).Bind(place.id);
  BindIsDue(row, now);
  const bool due = row.Step();
  TS_RETURN_IF_ERROR(row.Check());
  return due;
}

struct Unfinished {
  std::uint64_t count = 0;
  std::optional<base::UtcTime> next_due;
};
Result<Unfinished> CountUnfinished(Session& session, const model::WebhookId& webhook) {
  Statement row(session.db, kSelectUnfinished);
  row.Bind(webhook);
  Unfinished out;
  if (row.Step()) out = {static_cast<std::uint64_t>(row.Int(0)), row.OptionalTime(1)};
  TS_RETURN_IF_ERROR(row.Check());
  return out;
}

Result<std::vector<model::WebhookDelivery>> ReadDeliveries(Statement& rows) {
  std::vector<model::WebhookDelivery> out;
  while (rows.Step()) {
    TS_ASSIGN_OR_RETURN(model::WebhookDelivery delivery, ReadDeliveryRow(rows));
    out.push_back(std::move(delivery));
  }
  TS_RETURN_IF_ERROR(rows.Check());
  return out;
}

// Makes the webhook's progress that of one that is enabled just now.
Result<void> BeginAtChainEnd(Session& session, const model::Webhook& webhook, std::uint64_t fence) {
  ProgressRow row;
  TS_ASSIGN_OR_RETURN(row.progress.sequence, ChainEnd(session, webhook.scope));
  row.fence = fence;
  return PutProgress(session, webhook.id, row);
}

// After a change between enabled and disabled: whoever delivers, does not any more.
Result<void> SwitchDelivery(Session& session, const model::Webhook& webhook) {
  TS_ASSIGN_OR_RETURN(ProgressRow row, ReadProgress(session, webhook.id));
  if (webhook.enabled) return BeginAtChainEnd(session, webhook, row.fence + 1);
  ++row.fence;
  row.lease_until.reset();
  TS_RETURN_IF_ERROR(PutProgress(session, webhook.id, row));
  return GiveUpAll(session, webhook.id);
}

}  // namespace

// --- Webhooks ---

Result<void> SqliteStore::CreateWebhook(const model::Webhook& webhook,
                                        const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(const bool is_there, ScopeIsThere(session, webhook.scope));
    TS_ASSIGN_OR_RETURN(const std::int64_t count,
                        Number(session, kCountWebhooks, webhook.scope.text()));
    TS_RETURN_IF_ERROR(CheckNewWebhook(is_there, static_cast<std::uint64_t>(count)));
    TS_RETURN_IF_ERROR(PutWebhook(session, webhook));
    TS_RETURN_IF_ERROR(session.Append(event));
    return BeginAtChainEnd(session, webhook, 0);
  });
}

Result<model::Webhook> SqliteStore::LoadWebhook(const model::Scope& scope,
                                                const model::WebhookId& id) const {
  return Read([&](Session& session) { return ReadWebhook(session, scope, id); });
}

Result<std::vector<model::Webhook>> SqliteStore::ListWebhooks(const model::Scope& scope) const {
  return Read([&](Session& session) { return ReadWebhooks(session, scope); });
}

Result<void> SqliteStore::ChangeWebhook(const model::Webhook& changed,
                                        const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(const model::Webhook stored,
                        ReadWebhook(session, changed.scope, changed.id));
    TS_RETURN_IF_ERROR(CheckWebhookChange(stored, changed));
    TS_RETURN_IF_ERROR(PutWebhook(session, changed));
    TS_RETURN_IF_ERROR(session.Append(event));
    if (stored.enabled == changed.enabled) return {};
    return SwitchDelivery(session, changed);
  });
}

Result<void> SqliteStore::DeleteWebhook(const model::Scope& scope, const model::WebhookId& id,
                                        const model::NewEvent& event) {
  return Write([&](Session& session) -> Result<void> {
    TS_RETURN_IF_ERROR(ReadWebhook(session, scope, id));
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteWebhook).Bind(scope).Bind(id).Run());
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteProgress).Bind(id).Run());
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteDeliveries).Bind(id).Run());
    return session.Append(event);
  });
}

// --- Delivering ---

Result<std::vector<WebhookPlace>> SqliteStore::DueWebhooks(base::UtcTime now,
                                                           const WebhookPlace& after,
                                                           std::size_t limit) const {
  return Read([&](Session& session) -> Result<std::vector<WebhookPlace>> {
    std::vector<WebhookPlace> out;
    Statement rows(session.db, kSelectDue);
    rows.Bind(after.scope).Bind(after.id);
    BindIsDue(rows, now);
    rows.Bind(limit);
    while (rows.Step()) out.push_back({std::string(rows.Text(0)), std::string(rows.Text(1))});
    TS_RETURN_IF_ERROR(rows.Check());
    return out;
  });
}

Result<std::optional<ClaimedWebhook>> SqliteStore::ClaimWebhook(const WebhookPlace& place,
                                                                base::UtcTime now,
                                                                base::UtcTime lease_until,
                                                                std::size_t due_max) {
  TS_ASSIGN_OR_RETURN(const model::Scope scope, model::Scope::Parse(place.scope));
  TS_ASSIGN_OR_RETURN(const model::WebhookId id, model::WebhookId::Parse(place.id));
  return Write([&](Session& session) -> Result<std::optional<ClaimedWebhook>> {
    TS_ASSIGN_OR_RETURN(const bool due, StillDue(session, place, now));
    if (!due) return std::optional<ClaimedWebhook>();
    ClaimedWebhook out;
    TS_ASSIGN_OR_RETURN(out.webhook, ReadWebhook(session, scope, id));
    TS_ASSIGN_OR_RETURN(ProgressRow row, ReadProgress(session, id));
    ++row.fence;
    row.lease_until = lease_until;
    TS_RETURN_IF_ERROR(PutProgress(session, id, row));
    out.claim = {scope, id, row.fence};
    out.progress = row.progress;
    Statement rows(session.db, kSelectDueDeliveries);
    rows.Bind(id).Bind(now).Bind(now + kWebhookWaitMax).Bind(due_max);
    TS_ASSIGN_OR_RETURN(out.due, ReadDeliveries(rows));
    TS_ASSIGN_OR_RETURN(const Unfinished unfinished, CountUnfinished(session, id));
    out.unfinished = unfinished.count;
    out.next_due = unfinished.next_due;
    return std::optional(std::move(out));
  });
}

Result<std::uint64_t> SqliteStore::SaveWebhookStep(const WebhookStep& step) {
  const WebhookClaim& claim = step.claim;
  return Write([&](Session& session) -> Result<std::uint64_t> {
    TS_ASSIGN_OR_RETURN(model::Webhook webhook, ReadWebhook(session, claim.scope, claim.webhook));
    TS_ASSIGN_OR_RETURN(ProgressRow row, ReadProgress(session, claim.webhook));
    TS_RETURN_IF_ERROR(CheckClaim(row.fence, claim));
    row.progress = step.progress;
    row.lease_until = step.lease_until;
    TS_RETURN_IF_ERROR(PutProgress(session, claim.webhook, row));
    if (step.delivery) TS_RETURN_IF_ERROR(PutDelivery(session, *step.delivery));
    if (step.retry_all_at) {
      Statement update(session.db, kRetryAll);
      update.Bind(*step.retry_all_at).Bind(claim.webhook).Bind(*step.retry_all_at);
      TS_RETURN_IF_ERROR(update.Run());
    }
    if (!step.disabling) return webhook.revision;
    ApplyDisabling(webhook, *step.disabling);
    TS_RETURN_IF_ERROR(PutWebhook(session, webhook));
    TS_RETURN_IF_ERROR(session.Append(step.disabling->event));
    TS_RETURN_IF_ERROR(SwitchDelivery(session, webhook));
    return webhook.revision;
  });
}

// --- Deliveries ---

Result<void> SqliteStore::AddDelivery(const model::WebhookDelivery& delivery) {
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(const model::Webhook webhook,
                        ReadWebhook(session, delivery.scope, delivery.webhook));
    TS_ASSIGN_OR_RETURN(const Unfinished unfinished, CountUnfinished(session, delivery.webhook));
    TS_RETURN_IF_ERROR(CheckNewDelivery(webhook, unfinished.count));
    TS_ASSIGN_OR_RETURN(ProgressRow row, ReadProgress(session, delivery.webhook));
    row.progress.resume_at = {};
    TS_RETURN_IF_ERROR(PutProgress(session, delivery.webhook, row));
    return InsertDelivery(session, delivery);
  });
}

Result<model::WebhookDelivery> SqliteStore::LoadDelivery(const model::WebhookId& webhook,
                                                         const model::DeliveryId& id) const {
  return Read([&](Session& session) { return ReadDelivery(session, webhook, id); });
}

Result<std::vector<model::WebhookDelivery>> SqliteStore::ListDeliveries(
    const DeliveryQuery& query) const {
  using Limits = std::numeric_limits<std::int64_t>;
  return Read([&](Session& session) {
    Statement rows(session.db, ListSqlOf(query));
    rows.Bind(query.webhook).Bind(query.event_type).Bind(query.event_type);
    const std::int64_t rank = query.rank ? *query.rank : -1;
    rows.Bind(rank).Bind(rank);
    const std::string last_id = "~";  // Behind every id.
    if (query.after) {
      rows.Bind(query.by_rank ? query.after->rank : 0);
      rows.Bind(query.after->triggered_at).Bind(query.after->id);
    } else if (query.descending) {
      rows.Bind(Limits::max()).Bind(Limits::max()).Bind(last_id);
    } else {
      rows.Bind(Limits::min()).Bind(Limits::min()).Bind(std::string_view());
    }
    rows.Bind(query.limit);
    return ReadDeliveries(rows);
  });
}

Result<bool> SqliteStore::ForgetDeliveries(base::UtcTime before) {
  return Write([&](Session& session) -> Result<bool> {
    TS_RETURN_IF_ERROR(Statement(session.db, kDeleteOld).Bind(before).Bind(kForgottenAtOnce).Run());
    if (session.db.changes() >= kForgottenAtOnce) return true;
    std::string crowded;
    {
      Statement row(session.db, kSelectCrowded);
      row.Bind(kFinishedDeliveriesMax);
      if (row.Step()) crowded = row.Text(0);
      TS_RETURN_IF_ERROR(row.Check());
    }
    if (crowded.empty()) return false;
    Statement surplus(session.db, kDeleteSurplus);
    surplus.Bind(crowded).Bind(kFinishedDeliveriesMax).Bind(kForgottenAtOnce);
    TS_RETURN_IF_ERROR(surplus.Run());
    return true;
  });
}

}  // namespace tenantseal::store
