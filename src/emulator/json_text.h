// Writing JSON and UUIDs as text, without a tree: for the paths that every call takes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"

namespace tenantseal::emulator {

// Appends `text` as a JSON string, quotes included. Bytes that are not UTF-8 become '?'.
void AppendJsonText(std::string_view text, std::string& out);
// Appends `"name":"value"`.
void AppendJsonMember(std::string_view name, std::string_view value, std::string& out);

using Uuid = std::array<std::uint8_t, 16>;
Uuid NewUuid(const base::Random& random);  // RFC 9562: version 4.
std::string UuidText(const Uuid& uuid);
std::optional<Uuid> ParseUuid(std::string_view text);

}  // namespace tenantseal::emulator
