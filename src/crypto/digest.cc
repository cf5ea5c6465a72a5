#include "crypto/digest.h"

#include "crypto/hash_context.h"

namespace tenantseal::crypto {

Sha256Digest Sha256(base::ByteSpan data) { return Sha256({data}); }

Sha256Digest Sha256(std::initializer_list<base::ByteSpan> parts) {
  HashContext& hash = ThreadSha256();
  Sha256Digest out;
  hash.Start();
  for (base::ByteSpan part : parts) hash.Update(part);
  hash.Finish(out.data());
  hash.Forget();
  return out;
}

}  // namespace tenantseal::crypto
