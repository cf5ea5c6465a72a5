#include "tenantseal/client.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/result.h"
#include "sdk/rest.h"
#include "sdk/secret_json.h"

namespace tenantseal {
namespace {

using sdk::Rest;

constexpr const char* kDataKeys = "/api/v1/encryption/data-keys";

Error BadAnswer(std::string_view what) {
  return Internal("The service's answer " + std::string(what) + "; is this a Tenantseal service?");
}

// Pairs as a JSON object; TenantId is left to the service, which adds it.
nlohmann::json ContextJson(const Context& context) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [key, value] : context.pairs()) json[key] = value;
  return json;
}

Result<base::SecretBytes> Post(const Rest& rest, const std::string& path,
                               const nlohmann::json& json) {
  const std::string body = json.dump();
  return rest.Call(net::Method::kPost, path, base::AsBytes(body), Rest::Repeat::kAnyFailure);
}

// A data key from {"plaintext","usableForMs","wrappedKey"?}.
Result<DataKey> ReadDataKey(base::SecretBytes body, bool with_wrapped) {
  const sdk::SecretJson json(std::move(body));
  std::string_view plaintext, wrapped, usable;
  if (!json.Read({{"plaintext", &plaintext}, {"wrappedKey", &wrapped}, {"usableForMs", &usable}})) {
    return BadAnswer("is not the JSON that was expected");
  }
  const auto key = base::Base64DecodeSecret(plaintext);
  if (!key || key->size() != SecretKey::kBytes) return BadAnswer("holds no data key of 32 bytes");
  if (with_wrapped && wrapped.empty()) return BadAnswer("holds no wrapped key");
  std::int64_t usable_ms = 0;
  const auto parsed = std::from_chars(usable.data(), usable.data() + usable.size(), usable_ms);
  if (parsed.ec != std::errc() || usable_ms < 0)
    return BadAnswer("does not say how long a key may be kept");
  return DataKey{SecretKey(key->Reveal().first<SecretKey::kBytes>()), std::string(wrapped),
                 std::chrono::milliseconds(usable_ms)};
}

Result<std::string> AskTenant(const Rest& rest) {
  TS_ASSIGN_OR_RETURN(
      const base::SecretBytes body,
      rest.Call(net::Method::kGet, "/api/v1/tenants/me", {}, Rest::Repeat::kAnyFailure));
  const auto json = nlohmann::json::parse(body.RevealText(), nullptr, false);
  if (!json.is_object() || !json.contains("id") || !json["id"].is_string()) {
    return BadAnswer("names no tenant");
  }
  return json["id"].get<std::string>();
}

}  // namespace

Client::Client(std::unique_ptr<Rest> rest, std::string tenant_id)
    : rest_(std::move(rest)), tenant_id_(std::move(tenant_id)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::Connect(ClientOptions options) {
  TS_ASSIGN_OR_RETURN(std::unique_ptr<Rest> rest, sdk::NewRest(options));
  base::Wipe({reinterpret_cast<std::uint8_t*>(options.api_key.data()), options.api_key.size()});
  if (options.tenant_id.empty()) {
    TS_ASSIGN_OR_RETURN(options.tenant_id, AskTenant(*rest));
    TS_RETURN_IF_ERROR(Context::Make(options.tenant_id));
  }
  return Client(std::move(rest), std::move(options.tenant_id));
}

Result<DataKey> Client::Mint(const Context& context) const {
  TS_ASSIGN_OR_RETURN(
      base::SecretBytes body,
      Post(*rest_, kDataKeys, {{"managed", false}, {"encryptionContext", ContextJson(context)}}));
  return ReadDataKey(std::move(body), true);
}

Result<DataKey> Client::Unwrap(std::string_view wrapped, const Context& context) const {
  // A message from elsewhere may hold any bytes; JSON can only carry text.
  if (!base::IsUtf8(wrapped)) return DecryptFailed();
  TS_ASSIGN_OR_RETURN(base::SecretBytes body,
                      Post(*rest_, std::string(kDataKeys) + "/actions/unwrap",
                           {{"wrappedKey", wrapped}, {"encryptionContext", ContextJson(context)}}));
  TS_ASSIGN_OR_RETURN(DataKey key, ReadDataKey(std::move(body), false));
  key.wrapped = wrapped;
  return key;
}

Result<RewrappedKey> Client::Rewrap(std::string_view wrapped, const Context& context) const {
  if (!base::IsUtf8(wrapped)) return DecryptFailed();
  TS_ASSIGN_OR_RETURN(const base::SecretBytes body,
                      Post(*rest_, std::string(kDataKeys) + "/actions/rewrap",
                           {{"wrappedKey", wrapped}, {"encryptionContext", ContextJson(context)}}));
  const auto json = nlohmann::json::parse(body.RevealText(), nullptr, false);
  if (!json.is_object() || !json.contains("wrappedKey") || !json["wrappedKey"].is_string() ||
      !json.contains("changed") || !json["changed"].is_boolean()) {
    return BadAnswer("holds no rewrapped key");
  }
  return RewrappedKey{json["wrappedKey"].get<std::string>(), json["changed"].get<bool>()};
}

}  // namespace tenantseal
