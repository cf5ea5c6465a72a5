// The requests and replies of AWS KMS's JSON protocol, as pure functions. Private to kms/aws.
//
// Replies are hostile: at most kReplyBytesMax, strict JSON, strict base64, unknown members ignored.
// A reply that is not one whole JSON object was cut off on its way and is kKeyUnavailable; one that
// names another key, or holds a value of the wrong kind or length, is kIntegrity. What is secret is
// only ever in base::SecretBytes. Source: AWS KMS API Reference.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "kms/aws/aws_kms.h"
#include "kms/kms_client.h"

namespace tenantseal::kms {

inline constexpr std::size_t kReplyBytesMax = 64 << 10;
inline constexpr std::size_t kKeyBytes = 32;  // Of every key that we have unwrapped.

// The encryption context is exactly {"TenantId": tenant}; an empty tenant: none. Key ARNs and
// tenant ids hold nothing that JSON escapes.
base::SecretBytes GenerateDataKeyBody(std::string_view key_arn, std::string_view tenant);
base::SecretBytes EncryptBody(std::string_view key_arn, std::string_view tenant,
                              base::ByteSpan plaintext);
base::SecretBytes DecryptBody(std::string_view key_arn, std::string_view tenant,
                              base::ByteSpan ciphertext);
base::SecretBytes ReEncryptBody(std::string_view from_arn, std::string_view to_arn,
                                std::string_view tenant, base::ByteSpan ciphertext);
base::SecretBytes DescribeKeyBody(std::string_view arn_or_alias);

// `asked` is the ARN that the request named; the reply must name it, or, where it is an alias ARN,
// a key of the same account and region.
Result<KmsGenerated> ParseGenerateDataKey(base::ByteSpan body, const std::string& asked);
Result<KmsCiphertext> ParseEncrypt(base::ByteSpan body, const std::string& asked);
Result<KmsPlaintext> ParseDecrypt(base::ByteSpan body, const std::string& asked);
Result<KmsCiphertext> ParseReEncrypt(base::ByteSpan body, const std::string& asked_from,
                                     const std::string& asked_to);
Result<KeyDescription> ParseDescribeKey(base::ByteSpan body, const std::string& asked);

// The key that a well-formed reply names, of whatever operation; `asked` when it names none.
std::string AnsweringKey(base::ByteSpan body, const std::string& asked);

// Why AWS refuses; both empty when the body does not say.
struct ErrorReply {
  std::string code;     // "AccessDeniedException": without namespace and URL.
  std::string message;  // At most 1,024 bytes, JSON escapes left as they are.
};
// `error_type` is the header x-amzn-ErrorType, for a body without "__type".
ErrorReply ParseErrorReply(base::ByteSpan body, std::string_view error_type);

}  // namespace tenantseal::kms
