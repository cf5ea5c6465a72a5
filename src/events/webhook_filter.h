// The filter of a webhook: which events it gets, by a resource that they tell of.
//
// A part of SCIM's filters (RFC 7644 section 3.4.2.2):
//   filter     = and-terms *(" or " and-terms)
//   and-terms  = comparison *(" and " comparison)
//   comparison = ("id" / "spaceId" / "topLevelResourceId") " " ("eq" / "ne") " " JSON string
// Operators and attributes are read in any case of letters; there are no parentheses.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tenantseal::events {

class WebhookFilter {
 public:
  static constexpr std::size_t kComparisonsMax = 64;

  // An empty text is a filter that everything passes. kInvalidArgument (field "filter").
  static Result<WebhookFilter> Parse(std::string_view text);

  // `data` is the event's object. An attribute that is not there, or is no text, equals nothing.
  bool Matches(const nlohmann::json& data) const;

 private:
  struct Comparison {
    const char* attribute;
    bool equal;
    std::string value;
  };
  std::vector<std::vector<Comparison>> any_of_;  // Of which all.
};

}  // namespace tenantseal::events
