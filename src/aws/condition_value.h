// The values that conditions of policies compare by more than their letters: numbers, dates and
// addresses. What cannot be read is nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tenantseal::aws {

// "7", "-1.5".
std::optional<double> ReadNumber(std::string_view text);

// Seconds since 1970, of a number of them or of a date by W3C NOTE-datetime, the profile of ISO
// 8601 that AWS documents: "2020-01", "2020-01-31", "2020-01-31T10:00Z",
// "2020-01-31T10:00:00.5+01:00". Four digits alone could be a year or seconds, and are neither.
std::optional<double> ReadDate(std::string_view text);

struct AddressRange {
  std::array<std::uint8_t, 16> bytes{};
  int bits = 128;  // Length of the prefix that counts. IPv4 stands as ::ffff:a.b.c.d.
  // A range of IPv6 holds no address of IPv4, not even "::/0".
  bool Contains(const AddressRange& address) const;
};

// "10.0.0.0/8", "2001:db8::1".
std::optional<AddressRange> ReadAddress(std::string_view text);

}  // namespace tenantseal::aws
