// Bodies with secrets, forms and cookies: what is taken out of them stood in them.
#include "api/secret_fields.h"
#include "api/sign_in.h"
#include "base/check.h"
#include "base/encoding.h"
#include "identity/oidc_sign_in.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  static constexpr std::string_view kKnown[] = {"apiKey", "client_id", "client_secret"};
  const base::ByteSpan body{data, size};
  for (const auto& fields : {api::ParseSecretJson(body, kKnown, api::UnknownFields::kIgnored),
                             api::ParseSecretJson(body, kKnown, api::UnknownFields::kRefused),
                             api::ParseSecretForm(body, kKnown)}) {
    if (!fields) TS_CHECK(base::IsUtf8(fields.error().message));
    if (fields) TS_CHECK(fields->size() <= 3);
  }
  const std::string_view text = base::AsText(body);
  if (const auto value = api::CookieValue(text, "session")) {
    TS_CHECK(text.find("session") != text.npos && text.find(*value) != text.npos);
    TS_CHECK(value->find(';') == value->npos);
  }
  if (identity::IsLocalPath(text)) TS_CHECK(text.size() == 1 || text[1] != '/');
  return 0;
}
