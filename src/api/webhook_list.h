// What of a scope's webhooks a list shows, and in which order. A scope has at most 150, so a page
// is made of all of them.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/webhook.h"

namespace tenantseal::api {

// The parameter sort: a field's name, which '-' or '+' may precede.
struct SortOrder {
  std::string field;
  bool descending = false;
};
// kInvalidArgument unless the field is one of `fields`.
Result<SortOrder> ReadSort(std::string_view query, std::initializer_list<std::string_view> fields,
                           std::string_view by_default);

struct WebhookListRequest {
  std::string name, url;  // With '*' for any text, or a part; in any case. Empty: any.
  std::optional<bool> enabled;
  std::vector<std::string> event_types;  // One of them; empty: any.
  std::vector<std::string> origins;      // The same.
  std::string created_by, updated_by;
  bool none = false;  // Asks for what no webhook is (another level, an owner).
  SortOrder sort;
  std::size_t limit = 20;
  // Past this place, or, with `backwards`, before it: the sorted-by text and the id.
  std::optional<std::pair<std::string, std::string>> after;
  bool backwards = false;
};
Result<WebhookListRequest> ReadWebhookListRequest(std::string_view query);

struct WebhookPage {
  std::vector<model::Webhook> webhooks;
  std::string next, prev;  // Cursors; empty: there is no such page.
};
WebhookPage PageOf(std::vector<model::Webhook> all, const WebhookListRequest& request);

// Whether `text` is like `pattern` in any case of ASCII letters: '*' stands for any text; a pattern
// without one may be any part.
bool IsLike(std::string_view text, std::string_view pattern);

}  // namespace tenantseal::api
