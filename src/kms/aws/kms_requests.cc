#include <cstring>
#include <initializer_list>
#include <span>

#include "base/encoding.h"
#include "kms/aws/kms_protocol.h"

namespace tenantseal::kms {
namespace {

// A piece of a request: text as it is, or bytes in base64.
struct Piece {
  std::string_view text = {};
  base::ByteSpan bytes = {};
};

base::SecretBytes Join(std::span<const Piece> pieces) {
  std::size_t size = 0;
  for (const Piece& piece : pieces) {
    size += piece.text.size() + base::Base64Size(piece.bytes.size());
  }
  base::SecretBytes out(size);
  auto* at = reinterpret_cast<char*>(out.RevealMutable().data());
  for (const Piece& piece : pieces) {
    if (!piece.text.empty()) std::memcpy(at, piece.text.data(), piece.text.size());
    at += piece.text.size();
    base::Base64EncodeTo(piece.bytes, at);
    at += base::Base64Size(piece.bytes.size());
  }
  return out;
}
base::SecretBytes Join(std::initializer_list<Piece> pieces) {
  return Join(std::span<const Piece>(pieces.begin(), pieces.size()));
}

// ,"NAME":{"TenantId":"TENANT"}, or nothing.
std::string Context(std::string_view name, std::string_view tenant) {
  if (tenant.empty()) return {};
  std::string out = ",\"";
  out.append(name).append("\":{\"TenantId\":\"").append(tenant).append("\"}");
  return out;
}

}  // namespace

base::SecretBytes GenerateDataKeyBody(std::string_view key_arn, std::string_view tenant) {
  const std::string context = Context("EncryptionContext", tenant);
  return Join({{"{\"KeyId\":\""}, {key_arn}, {"\",\"KeySpec\":\"AES_256\""}, {context}, {"}"}});
}

base::SecretBytes EncryptBody(std::string_view key_arn, std::string_view tenant,
                              base::ByteSpan plaintext) {
  const std::string context = Context("EncryptionContext", tenant);
  return Join({{"{\"KeyId\":\""},
               {key_arn},
               {"\",\"Plaintext\":\""},
               {{}, plaintext},
               {"\""},
               {context},
               {"}"}});
}

base::SecretBytes DecryptBody(std::string_view key_arn, std::string_view tenant,
                              base::ByteSpan ciphertext) {
  const std::string context = Context("EncryptionContext", tenant);
  return Join({{"{\"KeyId\":\""},
               {key_arn},
               {"\",\"CiphertextBlob\":\""},
               {{}, ciphertext},
               {"\""},
               {context},
               {"}"}});
}

base::SecretBytes ReEncryptBody(std::string_view from_arn, std::string_view to_arn,
                                std::string_view tenant, base::ByteSpan ciphertext) {
  const std::string source = Context("SourceEncryptionContext", tenant);
  const std::string destination = Context("DestinationEncryptionContext", tenant);
  return Join({{"{\"SourceKeyId\":\""},
               {from_arn},
               {"\",\"DestinationKeyId\":\""},
               {to_arn},
               {"\",\"CiphertextBlob\":\""},
               {{}, ciphertext},
               {"\""},
               {source},
               {destination},
               {"}"}});
}

base::SecretBytes DescribeKeyBody(std::string_view arn_or_alias) {
  return Join({{"{\"KeyId\":\""}, {arn_or_alias}, {"\"}"}});
}

}  // namespace tenantseal::kms
