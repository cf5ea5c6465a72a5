#include "api/webhook_list.h"

#include <algorithm>

#include "api/control_json.h"
#include "api/webhook_json.h"
#include "base/encoding.h"

namespace tenantseal::api {
namespace {

using model::Webhook;
using Key = std::pair<std::string, std::string>;

std::string Lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return out;
}

std::vector<std::string> SplitCommas(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    if (comma > at) out.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return out;
}

Key KeyOf(const Webhook& webhook, const SortOrder& sort) {
  const std::string id = webhook.id.text();
  if (sort.field == "name") return {Lower(webhook.name), id};
  if (sort.field == "url") return {Lower(webhook.url), id};
  // Texts of one length, so their order is that of the times.
  const base::UtcTime time = sort.field == "updatedAt" ? webhook.updated_at : webhook.created_at;
  return {base::FormatUtc(time), id};
}

std::string Cursor(const Key& key) {
  base::ByteWriter out;
  out.Field(key.first);
  out.Field(key.second);
  return base::Base64UrlEncode(out.bytes());
}

Result<std::optional<Key>> ReadKey(std::string_view query, const std::string& name) {
  TS_ASSIGN_OR_RETURN(const auto text, QueryParameter(query, name));
  if (!text) return std::optional<Key>();
  const auto bytes = base::Base64UrlDecode(*text);
  base::ByteReader in(bytes ? base::ByteSpan(*bytes) : base::ByteSpan());
  Key key;
  key.first = base::AsText(in.Field());
  key.second = base::AsText(in.Field());
  if (!bytes || !in.AtEnd())
    return InvalidArgument(name, "The parameter " + name + " is not a cursor of this list.");
  return std::optional(std::move(key));
}

bool Asked(const Webhook& webhook, const WebhookListRequest& request) {
  const auto wants = [&](const std::string& type) {
    return webhook.event_types.empty() ||
           std::ranges::find(webhook.event_types, type) != webhook.event_types.end();
  };
  const auto is_origin = [&](const std::string& origin) {
    return origin == OriginName(webhook.origin);
  };
  return !request.none && (request.name.empty() || IsLike(webhook.name, request.name)) &&
         (request.url.empty() || IsLike(webhook.url, request.url)) &&
         (!request.enabled || *request.enabled == webhook.enabled) &&
         (request.event_types.empty() || std::ranges::any_of(request.event_types, wants)) &&
         (request.origins.empty() || std::ranges::any_of(request.origins, is_origin)) &&
         (request.created_by.empty() || request.created_by == webhook.created_by) &&
         (request.updated_by.empty() || request.updated_by == webhook.updated_by);
}

Result<void> ReadFilters(std::string_view query, WebhookListRequest& out) {
  const auto text = [query](const char* name, std::string& to) -> Result<void> {
    TS_ASSIGN_OR_RETURN(auto value, QueryParameter(query, name));
    to = value.value_or("");
    return {};
  };
  std::string enabled, types, origins, level, owner;
  TS_RETURN_IF_ERROR(text("name", out.name));
  TS_RETURN_IF_ERROR(text("url", out.url));
  TS_RETURN_IF_ERROR(text("createdByUserId", out.created_by));
  TS_RETURN_IF_ERROR(text("updatedByUserId", out.updated_by));
  TS_RETURN_IF_ERROR(text("eventTypes", types));
  TS_RETURN_IF_ERROR(text("origins", origins));
  TS_RETURN_IF_ERROR(text("enabled", enabled));
  TS_RETURN_IF_ERROR(text("level", level));
  TS_RETURN_IF_ERROR(text("ownerId", owner));
  out.event_types = SplitCommas(types);
  out.origins = SplitCommas(origins);
  if (!enabled.empty() && enabled != "true" && enabled != "false")
    return InvalidArgument("enabled", "The parameter enabled must be true or false.");
  if (!enabled.empty()) out.enabled = enabled == "true";
  if (!level.empty() && level != "tenant" && level != "user")
    return InvalidArgument("level", "The parameter level must be tenant or user.");
  // Webhooks of single users have an owner; there are none.
  out.none = level == "user" || !owner.empty();
  return {};
}

}  // namespace

bool IsLike(std::string_view text, std::string_view pattern) {
  const std::string in = Lower(text), like = Lower(pattern);
  if (like.find('*') == std::string::npos) return in.find(like) != std::string::npos;
  // The parts between stars, each as early as it can be; the first and the last hold the ends.
  std::size_t at = 0, part = 0;
  while (true) {
    const std::size_t star = like.find('*', part);
    const std::string_view piece = std::string_view(like).substr(
        part, star == std::string::npos ? std::string::npos : star - part);
    if (star == std::string::npos) {
      return in.size() >= at + piece.size() && std::string_view(in).ends_with(piece);
    }
    const std::size_t found = in.find(piece, at);
    if (found == std::string::npos || (part == 0 && found != 0)) return false;
    at = found + piece.size();
    part = star + 1;
  }
}

Result<SortOrder> ReadSort(std::string_view query, std::initializer_list<std::string_view> fields,
                           std::string_view by_default) {
  TS_ASSIGN_OR_RETURN(const auto given, QueryParameter(query, "sort"));
  std::string_view text = given ? std::string_view(*given) : by_default;
  SortOrder out;
  out.descending = text.starts_with('-');
  // A '+' that is not encoded arrives as a space.
  if (text.starts_with('-') || text.starts_with('+') || text.starts_with(' '))
    text.remove_prefix(1);
  out.field = text;
  if (std::ranges::find(fields, text) != fields.end()) return out;
  std::string names;
  for (const std::string_view field : fields)
    names += (names.empty() ? "" : ", ") + std::string(field);
  return InvalidArgument(
      "sort", "The parameter sort must be one of " + names + ", which + or - may precede.");
}

Result<WebhookListRequest> ReadWebhookListRequest(std::string_view query) {
  WebhookListRequest out;
  TS_RETURN_IF_ERROR(ReadFilters(query, out));
  TS_ASSIGN_OR_RETURN(out.sort,
                      ReadSort(query, {"name", "url", "createdAt", "updatedAt"}, "-createdAt"));
  TS_ASSIGN_OR_RETURN(out.limit, QueryLimit(query));
  TS_ASSIGN_OR_RETURN(const auto next, ReadKey(query, "next"));
  TS_ASSIGN_OR_RETURN(const auto prev, ReadKey(query, "prev"));
  if (next && prev) return InvalidArgument("prev", "Send next or prev, not both.");
  out.backwards = prev.has_value();
  out.after = prev ? prev : next;
  return out;
}

WebhookPage PageOf(std::vector<Webhook> all, const WebhookListRequest& request) {
  std::erase_if(all, [&request](const Webhook& one) { return !Asked(one, request); });
  const auto before = [&request](const Key& a, const Key& b) {
    return request.sort.descending ? b < a : a < b;
  };
  const auto key = [&request](const Webhook& one) { return KeyOf(one, request.sort); };
  std::ranges::sort(all, before, key);
  std::size_t begin = 0, end = all.size();
  if (request.after && !request.backwards) {
    begin = static_cast<std::size_t>(std::ranges::upper_bound(all, *request.after, before, key) -
                                     all.begin());
  } else if (request.after) {
    end = static_cast<std::size_t>(std::ranges::lower_bound(all, *request.after, before, key) -
                                   all.begin());
    begin = end - std::min(end, request.limit);
  }
  end = std::min(end, begin + request.limit);
  WebhookPage page;
  if (begin < end && end < all.size()) page.next = Cursor(key(all[end - 1]));
  if (begin < end && begin > 0) page.prev = Cursor(key(all[begin]));
  const auto at = [&all](std::size_t i) { return all.begin() + static_cast<std::ptrdiff_t>(i); };
  page.webhooks.assign(std::make_move_iterator(at(begin)), std::make_move_iterator(at(end)));
  return page;
}

}  // namespace tenantseal::api
