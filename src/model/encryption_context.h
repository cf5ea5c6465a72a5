// The encryption context: string pairs that are authenticated with whatever they accompany, in
// clear. It always holds TenantId.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "model/ids.h"

namespace tenantseal::model {

class EncryptionContext {
 public:
  using Pair = std::pair<std::string, std::string>;
  static constexpr const char* kTenantIdKey = "TenantId";

  // Checks the caller's pairs and adds TenantId. Refused, naming the pair in `field`
  // ("encryptionContext/<key>"): an empty key, text that is not UTF-8, a key twice, a key that
  // starts with "aws-crypto-" (reserved by the AWS Encryption SDK), TenantId with another value,
  // more than kContextPairsMax pairs, more than kContextBytesMax bytes serialised.
  static Result<EncryptionContext> Make(const TenantId& tenant, std::vector<Pair> pairs);

  // Reads Serialize()'s output, as it comes out of a content header or a row. Same checks; the
  // pair TenantId must be there.
  static Result<EncryptionContext> Parse(base::ByteSpan serialized);

  // The AWS Encryption SDK's form: pair count (2), then for each pair, sorted by the bytes of the
  // key: key length (2), key, value length (2), value. Big-endian.
  const base::Bytes& serialized() const { return serialized_; }
  const std::vector<Pair>& pairs() const { return pairs_; }  // Sorted by key, TenantId included.
  // The value of `key`, or nullptr.
  const std::string* Find(std::string_view key) const;
  bool operator==(const EncryptionContext&) const = default;

 private:
  EncryptionContext() = default;
  static Result<EncryptionContext> FromSorted(std::vector<Pair> pairs);
  std::vector<Pair> pairs_;
  base::Bytes serialized_;
};

}  // namespace tenantseal::model
