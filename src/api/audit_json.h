// Events as the audit routes show them. Ids are 24 hexadecimal digits: 8 of the time in seconds,
// 6 of the event's UUID, 10 of its place in its chain, so that an event is found by its id.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "model/records.h"

namespace tenantseal::api {

std::string AuditId(const model::Event& event);
// The place that an id names; nothing when it is none. The event there may have another id.
std::optional<std::uint64_t> AuditSequence(std::string_view id);

// `base_url` is scheme and authority of the links.
nlohmann::json AuditJson(const model::Event& event, const std::string& base_url);
// The same without id and links.
nlohmann::json ArchivedAuditJson(const model::Event& event);

}  // namespace tenantseal::api
