#include "identity/oidc_metadata.h"

#include <algorithm>

#include "identity/hostile_json.h"

namespace tenantseal::identity {
namespace {

using nlohmann::json;

constexpr std::size_t kMetadataBytesMax = 256 << 10;
constexpr std::size_t kUrlCharsMax = 2048;

Error Bad(const std::string& what) {
  return {ErrorCode::kUnavailable, "the provider's configuration " + what};
}

bool IsThisMachine(std::string_view host) {
  const bool numeric = std::all_of(host.begin(), host.end(),
                                   [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  return host == "localhost" || host == "[::1]" || (numeric && host.starts_with("127."));
}

bool Lists(const json& document, const char* name, const char* value, bool when_absent) {
  const auto found = document.find(name);
  if (found == document.end()) return when_absent;
  return found->is_array() && std::find(found->begin(), found->end(), value) != found->end();
}

}  // namespace

bool IsEndpoint(std::string_view url, std::string_view issuer) {
  const auto is_visible = [](char c) { return c > ' ' && c < 0x7f; };
  if (url.size() > kUrlCharsMax || !std::all_of(url.begin(), url.end(), is_visible) ||
      url.find_first_of("#\\\"<>") != url.npos)
    return false;
  const std::size_t scheme = url.find("://");
  if (scheme == url.npos) return false;
  const std::string_view authority =
      url.substr(scheme + 3, url.find_first_of("/?", scheme + 3) - (scheme + 3));
  if (authority.empty() || authority.find('@') != authority.npos) return false;
  if (url.starts_with("https://")) return true;
  const std::size_t port = authority.rfind(':');
  const bool has_port = port != authority.npos && !authority.ends_with(']');
  const std::string_view host = authority.substr(0, has_port ? port : authority.size());
  return url.starts_with("http://") && issuer.starts_with("http://") && IsThisMachine(host);
}

std::string MetadataUrl(std::string_view issuer) {
  while (issuer.ends_with('/')) issuer.remove_suffix(1);
  return std::string(issuer) + "/.well-known/openid-configuration";
}

Result<OidcMetadata> ParseOidcMetadata(base::ByteSpan text, std::string_view issuer) {
  const auto document = ParseHostileObject(text, kMetadataBytesMax);
  if (!document) return Bad("is not a JSON object of at most 256 KiB");
  OidcMetadata out;
  out.issuer = TextMember(*document, "issuer", kUrlCharsMax).value_or("");
  if (out.issuer != issuer) return Bad("is of another issuer than the one configured");
  const auto endpoint = [&](const char* name, std::string& url) {
    url = TextMember(*document, name, kUrlCharsMax).value_or("");
    return IsEndpoint(url, issuer);
  };
  if (!endpoint("authorization_endpoint", out.authorization_endpoint))
    return Bad("has no valid authorization_endpoint");
  if (!endpoint("token_endpoint", out.token_endpoint)) return Bad("has no valid token_endpoint");
  if (!endpoint("jwks_uri", out.jwks_uri)) return Bad("has no valid jwks_uri");
  if (document->contains("end_session_endpoint") &&
      !endpoint("end_session_endpoint", out.end_session_endpoint))
    return Bad("has no valid end_session_endpoint");
  if (!Lists(*document, "code_challenge_methods_supported", "S256", true))
    return Bad("does not offer PKCE with S256");
  const char* methods = "token_endpoint_auth_methods_supported";
  if (!Lists(*document, methods, "client_secret_basic", true) &&
      Lists(*document, methods, "client_secret_post", false))
    out.client_secret_in = ClientSecretIn::kBody;
  const auto names = document->find("authorization_response_iss_parameter_supported");
  out.names_issuer_in_callback = names != document->end() && *names == true;
  return out;
}

}  // namespace tenantseal::identity
