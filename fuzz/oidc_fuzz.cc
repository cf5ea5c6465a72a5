// What an OpenID Connect provider answers, and tokens that strangers present: read within bounds.
#include "base/check.h"
#include "identity/claims.h"
#include "identity/hostile_json.h"
#include "identity/jose.h"
#include "identity/oidc_metadata.h"
#include "identity/token_reply.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  using namespace tenantseal::identity;
  const base::ByteSpan text{data, size};
  const std::string issuer = "https://login.example.com";
  if (const auto metadata = ParseOidcMetadata(text, issuer)) {
    TS_CHECK(metadata->issuer == issuer && metadata->token_endpoint.starts_with("https://"));
  }
  const auto header = ReadJwsHeader(base::AsText(text));
  if (const auto keys = KeySet::Parse(text)) TS_CHECK(keys->size() <= kKeySetKeysMax);
  // A key of ours, which has signed nothing that is made up here.
  static const auto kKeys = KeySet::Parse(base::AsBytes(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})"));
  TS_CHECK(kKeys && kKeys->size() == 1);
  if (header) (void)kKeys->Verify(base::AsText(text), *header);
  if (const auto reply = ParseTokenReply(text)) TS_CHECK(reply->error.size() <= 64);
  if (const auto claims = ParseHostileObject(text, 1 << 16)) {
    ClaimRules rules;
    rules.issuer = issuer;
    rules.client_id = "tenantseal";
    rules.role_claim = "a/b";
    const base::UtcTime now{std::chrono::milliseconds(1'700'000'000'000)};
    const bool held = CheckIdToken(*claims, rules, "nonce", now).ok();
    TS_CHECK(!held || claims->contains("exp"));
    const auto who = ReadIdentity(*claims, rules);
    TS_CHECK(!who || who->principal.starts_with("user:"));
  }
  return 0;
}
