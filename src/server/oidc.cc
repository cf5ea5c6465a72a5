#include "server/oidc.h"

#include <cstdlib>

#include "base/file.h"

namespace tenantseal::server {
namespace {

constexpr std::size_t kSecretBytesMax = 4096;
constexpr std::size_t kResponseBytesMax = 512 << 10;

identity::ClaimRules RulesOf(const SignInSettings& s) {
  identity::ClaimRules rules;
  rules.issuer = s.oidc_issuer;
  rules.client_id = s.oidc_client_id;
  rules.audiences = s.oidc_audiences;
  if (rules.audiences.empty()) rules.audiences = {s.oidc_client_id};
  rules.tenant_claim = s.oidc_tenant_claim;
  rules.role_claim = s.oidc_role_claim;
  for (const std::string& pair : s.oidc_role_map) {  // Checked when it was set.
    const std::size_t equals = pair.rfind('=');
    const auto role = model::ParseRole(pair.substr(equals + 1));
    if (role) rules.role_map.emplace_back(pair.substr(0, equals), *role);
  }
  return rules;
}

net::HttpClientOptions HttpOptionsOf(const SignInSettings& s) {
  net::HttpClientOptions options;
  options.response_bytes_max = kResponseBytesMax;
  options.ca_file = s.oidc_ca_file;
  return options;
}

}  // namespace

Oidc::Oidc(const SignInSettings& settings, const OidcGround& ground,
           identity::OidcSignInOptions options)
    : http(net::NewHttpClient(HttpOptionsOf(settings))),
      provider(settings.oidc_issuer, *http, ground.clock),
      sign_in(provider, ground.sessions, ground.clock, ground.random, ground.pepper,
              std::move(options)),
      bearer(provider, ground.store, ground.clock, RulesOf(settings)) {}

std::unique_ptr<Oidc> Oidc::Make(const SignInSettings& settings, const OidcGround& ground,
                                 const base::SecretBytes* client_secret) {
  if (settings.oidc_issuer.empty()) return nullptr;
  identity::OidcSignInOptions options;
  options.rules = RulesOf(settings);
  options.scopes = settings.oidc_scopes;
  options.redirect_uri = settings.public_url + "/login/callback";
  options.after_sign_out = settings.public_url + "/signin";
  if (client_secret != nullptr)
    options.client_secret = base::SecretBytes::CopyOf(client_secret->Reveal());
  return std::make_unique<Oidc>(settings, ground, std::move(options));
}

base::SecretBytes TakeSecretVariable(const char* name) {
  char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no thread exists.
  if (value == nullptr || *value == '\0') return {};
  auto secret = base::SecretBytes::CopyOf(base::AsBytes(value));
  base::Wipe({reinterpret_cast<std::uint8_t*>(value), secret.size()});
  ::unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  return secret;
}

Result<base::SecretBytes> OidcClientSecret(const SignInSettings& settings) {
  base::SecretBytes given = TakeSecretVariable("TENANTSEAL_OIDC_CLIENT_SECRET");
  if (!given.empty() || settings.oidc_client_secret_file.empty()) return given;
  TS_RETURN_IF_ERROR(base::RequirePrivateFile(settings.oidc_client_secret_file));
  TS_ASSIGN_OR_RETURN(base::SecretBytes secret,
                      base::ReadFile(settings.oidc_client_secret_file, kSecretBytesMax));
  // Editors end files with a line break.
  std::size_t size = secret.size();
  while (size > 0 && secret.Reveal()[size - 1] <= ' ') --size;
  secret.Truncate(size);
  if (secret.empty()) {
    return InvalidArgument("oidc-client-secret-file",
                           settings.oidc_client_secret_file + " is empty.");
  }
  return secret;
}

std::string OidcName(const SignInSettings& settings) {
  if (!settings.oidc_name.empty()) return settings.oidc_name;
  const std::size_t begin = settings.oidc_issuer.find("://");
  if (begin == std::string::npos) return settings.oidc_issuer;
  const std::size_t end = settings.oidc_issuer.find('/', begin + 3);
  return settings.oidc_issuer.substr(begin + 3, end - (begin + 3));
}

}  // namespace tenantseal::server
