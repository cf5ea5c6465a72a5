// Links of lists.
#pragma once

#include <string>
#include <string_view>

#include "api/route.h"

namespace tenantseal::api {

// The request's own address, under the base of BaseUrl().
std::string SelfUrl(const Call& call, const std::string& base_url);
// The address of another page of the same list, ready for "next=..." or "prev=...".
std::string PageUrl(const Call& call, const std::string& base_url);

}  // namespace tenantseal::api
