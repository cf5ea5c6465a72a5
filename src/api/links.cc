#include "api/links.h"

#include <algorithm>

namespace tenantseal::api {
namespace {

// The query without its cursors, ready for another.
std::string WithoutCursors(std::string_view query) {
  std::string out;
  while (!query.empty()) {
    const std::string_view part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    if (!part.starts_with("next=") && !part.starts_with("prev="))
      out += std::string(part).append("&");
  }
  return out;
}

}  // namespace

std::string SelfUrl(const Call& call, const std::string& base_url) {
  const net::Request& request = call.request;
  return base_url + std::string(request.path) +
         (request.query.empty() ? "" : "?" + std::string(request.query));
}

std::string PageUrl(const Call& call, const std::string& base_url) {
  return base_url + std::string(call.request.path) + "?" + WithoutCursors(call.request.query);
}

}  // namespace tenantseal::api
