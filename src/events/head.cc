#include "events/head.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/encoding.h"

namespace tenantseal::events {
namespace {

using nlohmann::json;

constexpr std::string_view kLabel = "tenantseal event head v1";

base::Bytes SignedPart(const SignedHead& head) {
  base::ByteWriter out;
  out.Field(kLabel);
  out.Field(head.deployment);
  out.Field(head.head.scope.text());
  out.U64(head.head.sequence);
  out.Field(head.head.hash);
  out.U64(static_cast<std::uint64_t>(head.signed_at.time_since_epoch().count()));
  return out.Take();
}

Error NotAHead() {
  return InvalidArgument("checkpoint", "A line of the checkpoint is not a signed event head.");
}

std::string TextOf(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

template <std::size_t N>
bool Fill(const std::optional<base::Bytes>& bytes, std::array<std::uint8_t, N>& out) {
  if (!bytes || bytes->size() != N) return false;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return true;
}

}  // namespace

bool SignedHead::SignedBy(const crypto::Ed25519PublicKey& by) const {
  return crypto::Ed25519Verify(by, SignedPart(*this), signature);
}

SignedHead SignHead(const base::Secret256& seed, const std::string& deployment,
                    const store::EventHead& head, base::UtcTime now) {
  SignedHead out{deployment, head, now, crypto::Ed25519Public(seed), {}};
  out.signature = crypto::Ed25519Sign(seed, SignedPart(out));
  return out;
}

std::string SerializeHead(const SignedHead& head) {
  return json{{"deployment", head.deployment},
              {"scope", head.head.scope.text()},
              {"sequence", head.head.sequence},
              {"hash", base::HexEncode(head.head.hash)},
              {"signedAt", base::FormatUtc(head.signed_at)},
              {"key", base::HexEncode(head.key)},
              {"signature", base::Base64Encode(head.signature)}}
      .dump();
}

Result<SignedHead> ParseHead(std::string_view line) {
  const json parsed = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return NotAHead();
  SignedHead out;
  out.deployment = TextOf(parsed, "deployment");
  const auto scope = model::Scope::Parse(TextOf(parsed, "scope"));
  const auto signed_at = base::ParseUtc(TextOf(parsed, "signedAt"));
  const auto sequence = parsed.find("sequence");
  if (!scope || !signed_at || sequence == parsed.end() || !sequence->is_number_unsigned() ||
      !Fill(base::HexDecode(TextOf(parsed, "hash")), out.head.hash) ||
      !Fill(base::HexDecode(TextOf(parsed, "key")), out.key) ||
      !Fill(base::Base64Decode(TextOf(parsed, "signature")), out.signature))
    return NotAHead();
  out.head.scope = *scope;
  out.head.sequence = sequence->get<std::uint64_t>();
  out.signed_at = *signed_at;
  return out;
}

std::string SerializePublicKey(const crypto::Ed25519PublicKey& key) {
  return base::HexEncode(key) + "\n";
}

Result<crypto::Ed25519PublicKey> ParsePublicKey(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with('\r')) text.remove_suffix(1);
  crypto::Ed25519PublicKey key{};
  if (!Fill(base::HexDecode(text), key))
    return InvalidArgument("public-key", "A public key is a file of 64 hexadecimal digits.");
  return key;
}

}  // namespace tenantseal::events
