#include "crypto/digest.h"

#include "crypto/hash_context.h"

namespace tenantseal::crypto {

Sha256Digest Sha256(base::ByteSpan data) { return Sha256({data}); }

Sha256Digest Sha256(std::initializer_list<base::ByteSpan> parts) {
  HashContext& hash = ThreadSha256();
  Sha256Digest out;
  hash.Start();
  for (base::ByteSpan part : parts) hash.Update(part);
  // Nothing is left of the parts then, and the digest is no secret: keys come from HMAC alone.
  hash.Finish(out.data());
  return out;
}

}  // namespace tenantseal::crypto
