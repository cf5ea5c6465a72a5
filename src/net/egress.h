// Where requests may go whose target somebody else has chosen: to the public internet, and nowhere
// inside. Without it, whoever registers a URL would reach what only this machine reaches (metadata
// of the cloud, databases, other services on loopback).
//
// What counts is the address that is connected to, not the name: a name may resolve to another
// address each time. So HttpClient asks right before it connects.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tenantseal::net {

struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // Of IPv4 the first four.
  bool operator==(const IpAddress&) const = default;
};

// "192.0.2.1", "2001:db8::1" or "[2001:db8::1]"; nothing for anything else.
std::optional<IpAddress> ParseIpAddress(std::string_view text);

// Whether the address is one of the public internet: neither private, loopback, link-local, carrier
// grade NAT, multicast, reserved, for documentation, nor one that holds an IPv4 address inside
// (mapped, NAT64, 6to4, Teredo), nor the metadata address of a cloud.
bool IsPublic(const IpAddress& address);

// A value; thread-safe once it is made.
class Egress {
 public:
  // Allows a network that is not public: "10.0.0.0/8", "fd00::/8", or one address. Bits behind the
  // prefix must be 0. kInvalidArgument without a field.
  Result<void> Allow(std::string_view network);
  bool Allows(const IpAddress& address) const;
  // Whether Allow() has named it.
  bool AllowsExplicitly(const IpAddress& address) const;

 private:
  struct Network {
    IpAddress address;
    unsigned bits = 0;
  };
  static bool Contains(const Network& network, const IpAddress& address);
  std::vector<Network> allowed_;
};

}  // namespace tenantseal::net
