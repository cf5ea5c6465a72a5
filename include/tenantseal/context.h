// The encryption context: string pairs that are authenticated with the content they accompany and
// stand in clear in its header. It always holds the pair TenantId.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tenantseal/result.h"

namespace tenantseal {

namespace model {
class EncryptionContext;
}

// Checked and serialised once, then cheap to copy and to use for any number of messages.
// Immutable, so thread-safe.
class Context {
 public:
  using Pair = std::pair<std::string, std::string>;
  using Pairs = std::vector<Pair>;

  // Adds TenantId to the caller's pairs. kInvalidArgument, with `field` naming the pair: a tenant
  // id that is none, an empty key or a key twice, text that is not UTF-8, a key that starts with
  // "aws-crypto-", TenantId with another value, more than 64 pairs or 8 KiB.
  static Result<Context> Make(std::string_view tenant_id, Pairs pairs = {});

  const std::string& tenant_id() const;
  const Pairs& pairs() const;  // Sorted by key, TenantId included.

  // For the library itself.
  explicit Context(model::EncryptionContext inner);
  const model::EncryptionContext& inner() const { return *inner_; }

 private:
  std::shared_ptr<const model::EncryptionContext> inner_;
};

}  // namespace tenantseal
