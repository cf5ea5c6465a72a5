// Who calls: finds the access key that a request was signed with, and verifies the signature.
// Rules: AWS IAM User Guide, "Create a signed AWS API request"; the errors are AWS's.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "aws/sigv4.h"
#include "emulator/kms_fault.h"
#include "emulator/trail_record.h"
#include "emulator/world.h"
#include "net/message.h"

namespace tenantseal::emulator {

// The account's root user, for --allow-unsigned.
std::shared_ptr<const AccessKey> RootOf(const std::string& account);

// A request's claim, not yet verified.
struct Claim {
  std::shared_ptr<const AccessKey> key;
  std::optional<aws::Authorization> authorization;  // None: unsigned, and allowed to be.
};

// Thread-safe.
class Authenticator {
 public:
  // `unsigned_account`: every caller is its root user and nothing is verified; empty: signatures
  // are needed. `clock` is the machine's: signatures are judged by it.
  Authenticator(const World& world, const base::Clock& clock, const std::string& unsigned_account)
      : world_(world),
        clock_(clock),
        root_(unsigned_account.empty() ? nullptr : RootOf(unsigned_account)) {}

  // Whose key it is: the key exists, its session token came along, and it has not expired.
  Answer<Claim> Identify(const net::Request& request) const;

  // Whether the request was signed with the claim's key for `service` and, unless it is empty,
  // `region`. `skew`: how far the service's clock is ahead of ours. Keys are derived once per
  // thread, access key and scope.
  Answer<std::shared_ptr<const TrailIdentity>> Verify(const net::Request& request,
                                                      const Claim& claim, std::string_view service,
                                                      std::string_view region,
                                                      base::Duration skew) const;
  // What the service's clock tells.
  base::UtcTime Now(base::Duration skew) const {
    return clock_.Utc() + std::chrono::duration_cast<std::chrono::milliseconds>(skew);
  }
  bool allows_unsigned() const { return root_ != nullptr; }

 private:
  const World& world_;
  const base::Clock& clock_;
  const std::shared_ptr<const AccessKey> root_;  // Of every caller; null: sign.
};

}  // namespace tenantseal::emulator
