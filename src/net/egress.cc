#include "net/egress.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tenantseal::net {
namespace {

struct Range {
  std::string_view network;
  unsigned bits;
};

// IANA's registry of special-purpose IPv4 addresses, multicast, and what clouds keep for
// themselves.
constexpr Range kInsideV4[] = {
    {"0.0.0.0", 8},        {"10.0.0.0", 8},     {"100.64.0.0", 10},
    {"127.0.0.0", 8},      {"169.254.0.0", 16}, {"172.16.0.0", 12},
    {"192.0.0.0", 24},     {"192.0.2.0", 24},   {"192.88.99.0", 24},
    {"192.168.0.0", 16},   {"198.18.0.0", 15},  {"198.51.100.0", 24},
    {"203.0.113.0", 24},   {"224.0.0.0", 4},    {"240.0.0.0", 4},
    {"168.63.129.16", 32},  // Azure's.
};
// Global unicast is 2000::/3; these of it are not: IETF assignments with Teredo, documentation,
// 6to4.
constexpr Range kInsideV6[] = {{"2001::", 23}, {"2001:db8::", 32}, {"2002::", 16}, {"3fff::", 20}};

bool SamePrefix(const IpAddress& a, const IpAddress& b, unsigned bits) {
  const unsigned whole = bits / 8, rest = bits % 8;
  if (!std::equal(a.bytes.begin(), a.bytes.begin() + whole, b.bytes.begin())) return false;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return (a.bytes[whole] & mask) == (b.bytes[whole] & mask);
}

bool IsIn(const Range& range, const IpAddress& address) {
  const auto network = ParseIpAddress(range.network);
  return network && network->v6 == address.v6 && SamePrefix(*network, address, range.bits);
}

bool HasBitsBehind(const IpAddress& address, unsigned bits) {
  for (unsigned bit = bits; bit < (address.v6 ? 128U : 32U); ++bit) {
    if ((address.bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) return true;
  }
  return false;
}

Error BadNetwork(std::string_view text) {
  return InvalidArgument("", "'" + std::string(text.substr(0, 64)) +
                                 "' is not a network such as 10.0.0.0/8, fd00::/8 or 127.0.0.1");
}

}  // namespace

std::optional<IpAddress> ParseIpAddress(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string terminated(text);
  IpAddress out;
  if (inet_pton(AF_INET, terminated.c_str(), out.bytes.data()) == 1) return out;
  out.v6 = true;
  if (inet_pton(AF_INET6, terminated.c_str(), out.bytes.data()) == 1) return out;
  return std::nullopt;
}

bool IsPublic(const IpAddress& address) {
  const auto has = [&address](const Range& range) { return IsIn(range, address); };
  if (!address.v6) return std::ranges::none_of(kInsideV4, has);
  const bool global = (address.bytes[0] & 0xe0) == 0x20;
  return global && std::ranges::none_of(kInsideV6, has);
}

Result<void> Egress::Allow(std::string_view network) {
  const std::size_t slash = network.find('/');
  const auto address = ParseIpAddress(network.substr(0, slash));
  if (!address) return BadNetwork(network);
  const unsigned bits_max = address->v6 ? 128 : 32;
  unsigned bits = bits_max;
  if (slash != network.npos) {
    const std::string_view text = network.substr(slash + 1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
    if (error != std::errc() || end != text.data() + text.size() || bits > bits_max)
      return BadNetwork(network);
  }
  if (HasBitsBehind(*address, bits)) return BadNetwork(network);
  allowed_.push_back({*address, bits});
  return {};
}

bool Egress::Contains(const Network& network, const IpAddress& address) {
  return network.address.v6 == address.v6 && SamePrefix(network.address, address, network.bits);
}

bool Egress::AllowsExplicitly(const IpAddress& address) const {
  return std::ranges::any_of(
      allowed_, [&address](const Network& network) { return Contains(network, address); });
}

bool Egress::Allows(const IpAddress& address) const {
  return IsPublic(address) || AllowsExplicitly(address);
}

}  // namespace tenantseal::net
