#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "api/control_json.h"
#include "api/error_table.h"
#include "api/handler.h"
#include "api/links.h"
#include "api/routes.h"
#include "api/webhook_json.h"
#include "api/webhook_list.h"
#include "base/encoding.h"
#include "events/event.h"
#include "store/webhook_rules.h"

namespace tenantseal::api {
namespace {

using nlohmann::json;

// Whose events: those of the administrator's tenant, or, for operators, the deployment's own.
Result<model::Scope> ScopeOf(const Call& call) {
  const identity::Principal& who = *call.principal;
  if (who.role == model::Role::kPlatformOperator && !call.request.Header("Tenantseal-Tenant"))
    return model::Scope::Deployment();
  TS_ASSIGN_OR_RETURN(const auto tenant, Authorize(Access::kTenantAdmin, who, call.request));
  return model::Scope::Of(*tenant);
}

struct Ground {
  events::Webhooks& webhooks;
  model::Scope scope;
};
Result<Ground> GroundOf(const Call& call) {
  TS_ASSIGN_OR_RETURN(model::Scope scope, ScopeOf(call));
  if (call.services.webhooks == nullptr)
    return Error{ErrorCode::kUnavailable, std::string(kNoWebhooks)};
  return Ground{*call.services.webhooks, std::move(scope)};
}

// --- Cursors of deliveries: the place in the order that the page lies beyond. ---

std::string Cursor(const store::DeliveryPlace& place) {
  base::ByteWriter out;
  out.U8(place.rank);
  out.U64(static_cast<std::uint64_t>(place.triggered_at.time_since_epoch().count()));
  out.Field(place.id);
  return base::Base64UrlEncode(out.bytes());
}

Result<std::optional<store::DeliveryPlace>> ReadPlace(std::string_view query,
                                                      const std::string& name) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, name));
  if (!text) return std::optional<store::DeliveryPlace>();
  const auto bytes = base::Base64UrlDecode(*text);
  base::ByteReader in(bytes ? base::ByteSpan(*bytes) : base::ByteSpan());
  store::DeliveryPlace place;
  place.rank = in.U8();
  place.triggered_at =
      base::UtcTime(std::chrono::milliseconds(static_cast<std::int64_t>(in.U64())));
  place.id = base::AsText(in.Field());
  if (!bytes || !in.AtEnd() || !model::DeliveryId::Parse(place.id))
    return InvalidArgument(name, "The parameter " + name + " is not a cursor of this list.");
  return std::optional(std::move(place));
}

struct DeliveriesRequest {
  store::DeliveryQuery query;
  std::size_t limit = 0;
  bool backwards = false;  // The page before a cursor.
};

Result<void> ReadStatus(std::string_view query, store::DeliveryQuery& out) {
  TS_ASSIGN_OR_RETURN(const auto status, QueryParameter(query, "status"));
  if (!status) return {};
  using enum model::DeliveryState;
  for (const model::DeliveryState state : {kFailed, kWaiting, kSucceeded}) {
    if (*status == DeliveryStatus(state)) out.rank = store::DeliveryRank(state);
  }
  if (out.rank) return {};
  return InvalidArgument("status", "The parameter status must be success, fail or pending.");
}

Result<DeliveriesRequest> ReadDeliveriesRequest(std::string_view query) {
  DeliveriesRequest out;
  TS_RETURN_IF_ERROR(ReadStatus(query, out.query));
  TS_ASSIGN_OR_RETURN(const auto type, QueryParameter(query, "eventType"));
  out.query.event_type = type.value_or("");
  TS_ASSIGN_OR_RETURN(const SortOrder sort,
                      ReadSort(query, {"triggeredAt", "status"}, "-triggeredAt"));
  out.query.by_rank = sort.field == "status";
  TS_ASSIGN_OR_RETURN(out.limit, QueryLimit(query));
  TS_ASSIGN_OR_RETURN(const auto next, ReadPlace(query, "next"));
  TS_ASSIGN_OR_RETURN(const auto prev, ReadPlace(query, "prev"));
  if (next && prev) return InvalidArgument("prev", "Send next or prev, not both.");
  out.backwards = prev.has_value();
  out.query.after = prev ? prev : next;
  out.query.descending = sort.descending != out.backwards;
  out.query.limit = out.limit + 1;
  return out;
}

}  // namespace

// --- Webhooks ---

Result<net::Response> ListWebhooks(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_ASSIGN_OR_RETURN(const WebhookListRequest request, ReadWebhookListRequest(call.request.query));
  TS_ASSIGN_OR_RETURN(const std::string base_url, BaseUrl(call.request));
  TS_ASSIGN_OR_RETURN(auto webhooks, ground.webhooks.List(ground.scope));
  const WebhookPage page = PageOf(std::move(webhooks), request);
  json answer = {{"data", json::array()},
                 {"links", {{"self", {{"href", SelfUrl(call, base_url)}}}}}};
  for (const model::Webhook& webhook : page.webhooks)
    answer["data"].push_back(WebhookJson(webhook));
  if (!page.next.empty())
    answer["links"]["next"]["href"] = PageUrl(call, base_url) + "next=" + page.next;
  if (!page.prev.empty())
    answer["links"]["prev"]["href"] = PageUrl(call, base_url) + "prev=" + page.prev;
  return Json(200, Dump(answer));
}

Result<net::Response> CreateWebhook(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_ASSIGN_OR_RETURN(const events::WebhookInput input, ParseWebhook(call.request.body));
  TS_ASSIGN_OR_RETURN(const auto webhook,
                      ground.webhooks.Create(ground.scope, input, call.principal->id));
  return Json(201, Dump(WebhookJson(webhook)));
}

Result<net::Response> ListWebhookEventTypes(Call& call) {
  TS_RETURN_IF_ERROR(ScopeOf(call));
  json answer = {{"data", json::array()}};
  for (const std::string_view type : events::AllEventTypes())
    answer["data"].push_back(EventTypeJson(type));
  return Json(200, Dump(answer));
}

Result<net::Response> GetWebhook(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_ASSIGN_OR_RETURN(const auto webhook, ground.webhooks.Get(ground.scope, call.parameter));
  return Json(200, Dump(WebhookJson(webhook)));
}

Result<net::Response> ReplaceWebhook(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_ASSIGN_OR_RETURN(const events::WebhookInput input, ParseWebhook(call.request.body));
  TS_ASSIGN_OR_RETURN(const auto webhook, ground.webhooks.Replace(ground.scope, call.parameter,
                                                                  input, call.principal->id));
  return Json(200, Dump(WebhookJson(webhook)));
}

Result<net::Response> PatchWebhook(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_ASSIGN_OR_RETURN(const events::WebhookChange change, ParseWebhookPatch(call.request.body));
  TS_RETURN_IF_ERROR(
      ground.webhooks.Patch(ground.scope, call.parameter, change, call.principal->id));
  return NoContent();
}

Result<net::Response> DeleteWebhook(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_RETURN_IF_ERROR(ParseControlBody(call.request.body, {}));  // Nothing, or {}.
  TS_RETURN_IF_ERROR(ground.webhooks.Delete(ground.scope, call.parameter, call.principal->id));
  return NoContent();
}

// --- Deliveries ---

Result<net::Response> ListWebhookDeliveries(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_ASSIGN_OR_RETURN(const auto request, ReadDeliveriesRequest(call.request.query));
  TS_ASSIGN_OR_RETURN(const std::string base_url, BaseUrl(call.request));
  TS_ASSIGN_OR_RETURN(auto deliveries,
                      ground.webhooks.Deliveries(ground.scope, call.parameter, request.query));
  const bool more = deliveries.size() > request.limit;
  if (more) deliveries.pop_back();
  if (request.backwards) std::ranges::reverse(deliveries);
  json answer = {{"data", json::array()},
                 {"links", {{"self", {{"href", SelfUrl(call, base_url)}}}}}};
  for (const model::WebhookDelivery& delivery : deliveries)
    answer["data"].push_back(DeliveryJson(delivery));
  const auto link = [&](const char* name, const model::WebhookDelivery& delivery) {
    answer["links"][name]["href"] = PageUrl(call, base_url) + name + "=" +
                                    Cursor(store::PlaceOf(delivery, request.query.by_rank));
  };
  const bool before = request.backwards ? more : request.query.after.has_value();
  if (!deliveries.empty() && (request.backwards || more)) link("next", deliveries.back());
  if (!deliveries.empty() && before) link("prev", deliveries.front());
  return Json(200, Dump(answer));
}

Result<net::Response> GetWebhookDelivery(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_ASSIGN_OR_RETURN(const auto view, ground.webhooks.Delivery(ground.scope, call.parameter,
                                                                call.second_parameter));
  return Json(200, Dump(DeliveryJson(view)));
}

Result<net::Response> ResendWebhookDelivery(Call& call) {
  TS_ASSIGN_OR_RETURN(const Ground ground, GroundOf(call));
  TS_RETURN_IF_ERROR(ParseControlBody(call.request.body, {}));  // Nothing, or {}.
  TS_ASSIGN_OR_RETURN(const auto view,
                      ground.webhooks.Resend(ground.scope, call.parameter, call.second_parameter));
  return Json(201, Dump(DeliveryJson(view)));
}

}  // namespace tenantseal::api
