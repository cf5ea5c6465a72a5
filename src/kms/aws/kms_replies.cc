#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "aws/arn.h"
#include "aws/quote.h"
#include "base/encoding.h"
#include "kms/aws/kms_protocol.h"
#include "kms/aws/reply_scan.h"

namespace tenantseal::kms {
namespace {

constexpr std::size_t kErrorMessageBytesMax = 1024;
constexpr std::size_t kErrorCodeBytesMax = 128;
constexpr std::size_t kReplicasMax = 64;

bool IsCodeChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
}

Error CutOff() {
  return {ErrorCode::kKeyUnavailable, "The reply of AWS KMS is not one JSON object, or too long."};
}
Error WrongValue(std::string_view name) {
  return IntegrityError("The reply of AWS KMS has a wrong '" + std::string(name) + "'.");
}

Result<void> Scan(base::ByteSpan body, std::span<WantedString> wanted) {
  if (body.size() > kReplyBytesMax || !ScanObject(base::AsText(body), wanted)) return CutOff();
  return {};
}

// The key that the reply names, when it is one that the request may have meant.
Result<std::string> KeyArn(const WantedString& named, const std::string& asked) {
  if (named.raw == asked && !asked.empty()) return asked;
  const auto meant = aws::ParseKmsArn(asked);
  const auto answered = aws::ParseKmsArn(named.raw);
  const bool resolved = meant && answered && meant->kind == aws::KmsArn::Kind::kAlias &&
                        answered->kind == aws::KmsArn::Kind::kKey &&
                        answered->partition == meant->partition &&
                        answered->region == meant->region && answered->account == meant->account;
  if (resolved) return std::string(named.raw);
  return IntegrityError("The reply of AWS KMS names the key " + aws::Quote(named.raw) + ", not " +
                        aws::Quote(asked) + ".");
}

Result<base::Bytes> Ciphertext(const WantedString& blob) {
  auto bytes = blob.raw.size() <= base::Base64Size(kCiphertextBytesMax)
                   ? base::Base64Decode(blob.raw)
                   : std::nullopt;
  if (!bytes || bytes->empty() || bytes->size() > kCiphertextBytesMax) return WrongValue(blob.name);
  return std::move(*bytes);
}

Result<base::SecretBytes> Key(const WantedString& plaintext) {
  auto bytes = plaintext.raw.size() == base::Base64Size(kKeyBytes)
                   ? base::Base64DecodeSecret(plaintext.raw)
                   : std::nullopt;
  if (!bytes || bytes->size() != kKeyBytes) return WrongValue(plaintext.name);
  return std::move(*bytes);
}

using nlohmann::json;

std::string Text(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return {};
  return found->get<std::string>();
}
bool Flag(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}
const json* Object(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? &*found : nullptr;
}

void ReadRegions(const json& metadata, KeyDescription& description) {
  const json* regions = Object(metadata, "MultiRegionConfiguration");
  if (regions == nullptr) return;
  description.multi_region_type = Text(*regions, "MultiRegionKeyType");
  if (const json* primary = Object(*regions, "PrimaryKey")) {
    description.primary_arn = Text(*primary, "Arn");
  }
  const auto replicas = regions->find("ReplicaKeys");
  if (replicas == regions->end() || !replicas->is_array()) return;
  for (const json& replica : *replicas) {
    if (!replica.is_object() || description.replica_arns.size() >= kReplicasMax) break;
    description.replica_arns.push_back(Text(replica, "Arn"));
  }
}

}  // namespace

Result<KmsGenerated> ParseGenerateDataKey(base::ByteSpan body, const std::string& asked) {
  std::array<WantedString, 3> found = {{{"KeyId"}, {"CiphertextBlob"}, {"Plaintext"}}};
  TS_RETURN_IF_ERROR(Scan(body, found));
  TS_ASSIGN_OR_RETURN(std::string arn, KeyArn(found[0], asked));
  TS_ASSIGN_OR_RETURN(base::Bytes blob, Ciphertext(found[1]));
  TS_ASSIGN_OR_RETURN(base::SecretBytes key, Key(found[2]));
  return KmsGenerated{std::move(key), {std::move(blob), std::move(arn)}};
}

Result<KmsCiphertext> ParseEncrypt(base::ByteSpan body, const std::string& asked) {
  std::array<WantedString, 2> found = {{{"KeyId"}, {"CiphertextBlob"}}};
  TS_RETURN_IF_ERROR(Scan(body, found));
  TS_ASSIGN_OR_RETURN(std::string arn, KeyArn(found[0], asked));
  TS_ASSIGN_OR_RETURN(base::Bytes blob, Ciphertext(found[1]));
  return KmsCiphertext{std::move(blob), std::move(arn)};
}

Result<KmsPlaintext> ParseDecrypt(base::ByteSpan body, const std::string& asked) {
  std::array<WantedString, 2> found = {{{"KeyId"}, {"Plaintext"}}};
  TS_RETURN_IF_ERROR(Scan(body, found));
  TS_ASSIGN_OR_RETURN(std::string arn, KeyArn(found[0], asked));
  TS_ASSIGN_OR_RETURN(base::SecretBytes key, Key(found[1]));
  return KmsPlaintext{std::move(key), std::move(arn)};
}

Result<KmsCiphertext> ParseReEncrypt(base::ByteSpan body, const std::string& asked_from,
                                     const std::string& asked_to) {
  std::array<WantedString, 3> found = {{{"KeyId"}, {"CiphertextBlob"}, {"SourceKeyId"}}};
  TS_RETURN_IF_ERROR(Scan(body, found));
  TS_ASSIGN_OR_RETURN(std::string arn, KeyArn(found[0], asked_to));
  TS_ASSIGN_OR_RETURN(base::Bytes blob, Ciphertext(found[1]));
  TS_RETURN_IF_ERROR(KeyArn(found[2], asked_from));
  return KmsCiphertext{std::move(blob), std::move(arn)};
}

Result<KeyDescription> ParseDescribeKey(base::ByteSpan body, const std::string& asked) {
  // The scan bounds the nesting, and refuses what is cut off, before the tree is built.
  TS_RETURN_IF_ERROR(Scan(body, {}));
  const json reply = json::parse(base::AsText(body), nullptr, /*allow_exceptions=*/false);
  const json* metadata = reply.is_object() ? Object(reply, "KeyMetadata") : nullptr;
  if (metadata == nullptr) return WrongValue("KeyMetadata");
  KeyDescription description;
  const std::string arn = Text(*metadata, "Arn");
  TS_ASSIGN_OR_RETURN(description.arn, KeyArn({"Arn", arn}, asked));
  description.account = Text(*metadata, "AWSAccountId");
  description.key_state = Text(*metadata, "KeyState");
  description.key_usage = Text(*metadata, "KeyUsage");
  description.key_spec = Text(*metadata, "KeySpec");
  description.origin = Text(*metadata, "Origin");
  description.manager = Text(*metadata, "KeyManager");
  description.enabled = Flag(*metadata, "Enabled");
  description.multi_region = Flag(*metadata, "MultiRegion");
  ReadRegions(*metadata, description);
  return description;
}

std::string AnsweringKey(base::ByteSpan body, const std::string& asked) {
  std::array<WantedString, 1> found = {{{"KeyId"}}};
  if (!Scan(body, found)) return asked;
  if (found[0].raw.data() != nullptr) {
    const auto arn = KeyArn(found[0], asked);
    return arn ? *arn : asked;
  }
  const auto described = ParseDescribeKey(body, asked);
  return described ? described->arn : asked;
}

ErrorReply ParseErrorReply(base::ByteSpan body, std::string_view error_type) {
  std::array<WantedString, 3> found = {{{"__type"}, {"message"}, {"Message"}}};
  if (body.size() > kReplyBytesMax || !ScanObject(base::AsText(body), found)) {
    for (WantedString& each : found) each.raw = {};
  }
  std::string_view code = found[0].raw.empty() ? error_type : found[0].raw;
  if (const std::size_t hash = code.rfind('#'); hash != code.npos) code.remove_prefix(hash + 1);
  code = code.substr(0, std::min(code.find(':'), kErrorCodeBytesMax));
  if (!std::ranges::all_of(code, IsCodeChar)) code = {};  // It is a label of metrics.
  const std::string_view message = found[1].raw.empty() ? found[2].raw : found[1].raw;
  return {std::string(code), std::string(message.substr(0, kErrorMessageBytesMax))};
}

}  // namespace tenantseal::kms
