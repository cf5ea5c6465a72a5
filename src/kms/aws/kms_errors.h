// What a failure of AWS KMS means, decided by error code and message alone. Private to kms/aws.
// Sources: AWS KMS API Reference, "Common Errors" and the errors of each operation; AWS SDKs and
// Tools Reference Guide, "Retry behavior".
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace tenantseal::kms {

// The four classes of kms_client.h.
enum class FaultClass : std::uint8_t { kRevoked, kOurs, kIntegrity, kUnavailable };

struct Verdict {
  FaultClass fault = FaultClass::kUnavailable;
  bool retry = false;      // The same request may succeed in the same region.
  bool throttled = false;  // Retry slowly.
  bool timeout = false;    // No answer in time: retry only where there is no other region.
  bool region = false;     // The region, not one key, is in trouble.
  bool denied = false;     // AccessDenied: the control key tells whether it is the owner's word.
  bool expired = false;    // The credentials are to be fetched anew, once.
  bool clock = false;      // Our clock is wrong; the Date header tells the time, once.
};

// Of an answer that is not a success. Empty `code`: the body named none. The code decides, not the
// status, except where the code is unknown.
Verdict ClassifyFault(int http_status, std::string_view code, std::string_view message);
// Of an exchange without an answer: an error of net::HttpClient.
Verdict ClassifyTransport(ErrorCode code);

ErrorCode CodeOf(FaultClass fault);
std::string_view FaultName(FaultClass fault);  // "revoked", "ours", "integrity", "unavailable".

}  // namespace tenantseal::kms
