#include "aws/arn.h"

#include <algorithm>

namespace tenantseal::aws {

std::string Arn::text() const {
  return "arn:" + partition + ":" + service + ":" + region + ":" + account + ":" + resource;
}

}  // namespace tenantseal::aws
