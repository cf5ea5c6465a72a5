// JSON that another party wrote: read without throwing, bounded, with no name twice in an object.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/bytes.h"

namespace tenantseal::identity {

// An object of at most `bytes_max` bytes and 16 levels. Nothing for everything else.
std::optional<nlohmann::json> ParseHostileObject(base::ByteSpan text, std::size_t bytes_max);

// A member that is a string of 1 to `chars_max` bytes. Nothing otherwise.
std::optional<std::string> TextMember(const nlohmann::json& object, const std::string& name,
                                      std::size_t chars_max);

}  // namespace tenantseal::identity
