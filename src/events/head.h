// Signed heads of event chains: what a chain was at a moment, kept outside the database, so that
// whoever rewrites, shortens or rolls back the database contradicts it.
//
// A head is one line of JSON:
//   {"deployment","scope","sequence","hash","signedAt","key","signature"}
// `hash` and `key` (the public key) are hexadecimal, `signature` is base64: Ed25519 over the other
// fields but `key`, each length-prefixed, after a label (docs/formats.md). `scope` is a tenant id,
// or "-" for the deployment.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "crypto/ed25519.h"
#include "store/store.h"

namespace tenantseal::events {

struct SignedHead {
  std::string deployment;
  store::EventHead head;
  base::UtcTime signed_at;
  crypto::Ed25519PublicKey key{};
  crypto::Ed25519Signature signature{};

  // Whether `by` has signed exactly this.
  [[nodiscard]] bool SignedBy(const crypto::Ed25519PublicKey& by) const;
};

SignedHead SignHead(const base::Secret256& seed, const std::string& deployment,
                    const store::EventHead& head, base::UtcTime now);

std::string SerializeHead(const SignedHead& head);  // One line, without its end.
// kInvalidArgument. Does not look at the signature.
Result<SignedHead> ParseHead(std::string_view line);

// Public keys are files of 64 hexadecimal digits.
std::string SerializePublicKey(const crypto::Ed25519PublicKey& key);
Result<crypto::Ed25519PublicKey> ParsePublicKey(std::string_view text);

}  // namespace tenantseal::events
