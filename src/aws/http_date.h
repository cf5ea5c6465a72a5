// The Date header, from which a clock that is wrong learns the time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "aws/sigv4.h"

namespace tenantseal::aws {

// "Tue, 24 Nov 2026 12:00:00 GMT" (RFC 9110 section 5.6.7, IMF-fixdate); nothing else.
inline std::optional<base::UtcTime> ParseHttpDate(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  const std::size_t month = kMonths.find(text.substr(8, 3));
  if (month == kMonths.npos || month % 3 != 0) return std::nullopt;
  const std::string number = std::to_string(month / 3 + 1);
  std::string amz(text.substr(12, 4));
  amz.append(number.size() < 2 ? "0" : "").append(number).append(text.substr(5, 2)) += 'T';
  amz.append(text.substr(17, 2)).append(text.substr(20, 2)).append(text.substr(23, 2)) += 'Z';
  const auto time = ParseAmzDate(amz);
  if (!time) return std::nullopt;
  return *time;
}

}  // namespace tenantseal::aws
