// The parts of a URL that decide where a request goes.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace tenantseal::net {

inline constexpr std::size_t kUrlBytesMax = 8 << 10;

struct UrlParts {
  std::string scheme;  // "http" or "https".
  // As the client will look it up: in lower case, IPv6 in brackets, and every way to write an IPv4
  // address ("0x7f.1", "2130706433") as four decimal numbers.
  std::string host;
  std::uint16_t port = 0;
};

// Takes a URL apart by the rules of the client that will use it. kInvalidArgument (field "url")
// unless it is http:// or https:// with a host, without user, password or fragment, without spaces
// and control characters, and of at most kUrlBytesMax.
Result<UrlParts> SplitUrl(const std::string& url);

}  // namespace tenantseal::net
