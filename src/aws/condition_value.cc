#include "aws/condition_value.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "base/clock.h"

namespace tenantseal::aws {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// ::ffff:0:0/96, as which addresses of IPv4 are kept.
bool IsMapped(const std::array<std::uint8_t, 16>& bytes) {
  return bytes[10] == 0xff && bytes[11] == 0xff &&
         std::all_of(bytes.begin(), bytes.begin() + 10, [](auto b) { return b == 0; });
}

// Takes the zone off the end of a time: "Z", or "+hh:mm" east of Greenwich. In seconds.
std::optional<int> TakeZone(std::string_view& time) {
  if (time.ends_with('Z')) {
    time.remove_suffix(1);
    return 0;
  }
  if (time.size() < 6) return std::nullopt;
  const std::string_view zone = time.substr(time.size() - 6);
  const bool good = (zone[0] == '+' || zone[0] == '-') && zone[3] == ':' && IsDigit(zone[1]) &&
                    IsDigit(zone[2]) && IsDigit(zone[4]) && IsDigit(zone[5]);
  if (!good) return std::nullopt;
  const int hours = (zone[1] - '0') * 10 + zone[2] - '0';
  const int minutes = (zone[4] - '0') * 10 + zone[5] - '0';
  if (hours > 23 || minutes > 59) return std::nullopt;
  time.remove_suffix(6);
  return (zone[0] == '-' ? -60 : 60) * (hours * 60 + minutes);
}

// Takes ".5" off the end of "10:00:00.5".
std::optional<double> TakeFraction(std::string_view& time) {
  constexpr std::size_t kWhole = 8;
  if (time.size() <= kWhole) return 0;
  const std::string_view fraction = time.substr(kWhole);
  if (fraction[0] != '.' || fraction.size() < 2 ||
      !std::ranges::all_of(fraction.substr(1), IsDigit)) {
    return std::nullopt;
  }
  time = time.substr(0, kWhole);
  return ReadNumber("0" + std::string(fraction));
}

std::optional<double> SecondsOf(const std::string& utc) {
  const auto time = base::ParseUtc(utc);
  if (!time) return std::nullopt;
  return static_cast<double>(time->time_since_epoch().count()) / 1000;
}

}  // namespace

std::optional<double> ReadNumber(std::string_view text) {
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(out)) {
    return std::nullopt;
  }
  return out;
}

std::optional<double> ReadDate(std::string_view text) {
  if (text.size() == 4 && std::ranges::all_of(text, IsDigit)) return std::nullopt;
  if (const auto seconds = ReadNumber(text)) return seconds;
  const std::size_t t = text.find('T');
  const std::string date(text.substr(0, t));
  if (t == text.npos) return SecondsOf(date + (date.size() == 7 ? "-01" : "") + "T00:00:00Z");
  std::string_view time = text.substr(t + 1);
  const auto zone = TakeZone(time);
  const auto fraction = TakeFraction(time);
  if (!zone || !fraction) return std::nullopt;
  const auto local = SecondsOf(date + "T" + std::string(time) + (time.size() == 5 ? ":00Z" : "Z"));
  if (!local) return std::nullopt;
  return *local + *fraction - *zone;
}

bool AddressRange::Contains(const AddressRange& address) const {
  if (bits < 96 && IsMapped(address.bytes)) return false;
  for (int bit = 0; bit < bits; ++bit) {
    if (((bytes[bit / 8] ^ address.bytes[bit / 8]) >> (7 - bit % 8)) & 1) return false;
  }
  return true;
}

std::optional<AddressRange> ReadAddress(std::string_view text) {
  AddressRange out;
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  int offset = 0;
  if (host.contains(':')) {
    if (inet_pton(AF_INET6, host.c_str(), out.bytes.data()) != 1) return std::nullopt;
  } else {
    offset = 96;
    out.bytes[10] = out.bytes[11] = 0xff;
    if (inet_pton(AF_INET, host.c_str(), out.bytes.data() + 12) != 1) return std::nullopt;
  }
  if (slash == text.npos) return out;
  int bits = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data() + slash + 1, last, bits);
  if (error != std::errc() || end != last || bits < 0 || bits > 128 - offset) return std::nullopt;
  out.bits = offset + bits;
  return out;
}

}  // namespace tenantseal::aws
