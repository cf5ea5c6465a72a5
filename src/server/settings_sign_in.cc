#include <algorithm>
#include <array>

#include "model/records.h"
#include "server/settings_values.h"

namespace tenantseal::server {
namespace {

constexpr std::size_t kTextMax = 1024;

// A visible text: no control characters, not too long.
template <auto Field>
Result<void> SetVisibleText(Settings& s, const std::string& text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (text.empty() || text.size() > kTextMax || std::any_of(text.begin(), text.end(), is_control))
    return Bad("must have 1 to 1024 characters, none of them a control character");
  s.sign_in.*Field = text;
  return {};
}

Result<void> SetSessionsMax(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(s.sign_in.sessions_max, Number<std::size_t>(text, 1, 1'000'000));
  return {};
}

Result<void> SetAttempts(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(s.sign_in.attempts_per_minute, Number<double>(text, 1, 1e6));
  return {};
}

Result<void> SetRoleMap(Settings& s, const std::string& text) {
  s.sign_in.oidc_role_map = Split(text);
  for (const std::string& pair : s.sign_in.oidc_role_map) {
    const std::size_t equals = pair.rfind('=');
    if (equals == std::string::npos || equals == 0 || !model::ParseRole(pair.substr(equals + 1))) {
      return Bad(
          "must hold VALUE=ROLE, where ROLE is PlatformOperator, TenantAdmin, ContentService or "
          "Auditor, not \"" +
          pair + "\"");
    }
  }
  return {};
}

Result<void> SetAudiences(Settings& s, const std::string& text) {
  s.sign_in.oidc_audiences = Split(text);
  return {};
}

// Host, port and scheme of a URL, without what may follow.
struct Origin {
  std::string scheme, host, rest;
};

std::optional<Origin> OriginOf(const std::string& url) {
  const std::size_t colon = url.find("://");
  if (colon == std::string::npos) return std::nullopt;
  Origin out;
  out.scheme = url.substr(0, colon);
  const std::size_t begin = colon + 3;
  const std::size_t end = std::min(url.find('/', begin), url.size());
  const std::string authority = url.substr(begin, end - begin);
  out.rest = url.substr(end);
  const auto allowed = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view(".-:[]").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (authority.empty() || !std::all_of(authority.begin(), authority.end(), allowed))
    return std::nullopt;
  const std::size_t port = authority.rfind(':');
  const bool has_port = port != std::string::npos && authority.back() != ']';
  out.host = authority.substr(0, has_port ? port : authority.size());
  if (out.host.empty() || (out.scheme != "https" && out.scheme != "http")) return std::nullopt;
  return out;
}

bool IsThisMachine(std::string_view host) {
  const bool numeric = std::all_of(host.begin(), host.end(),
                                   [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  return host == "localhost" || host == "[::1]" || (numeric && host.starts_with("127."));
}

// Elsewhere names and tokens would cross the network in clear.
bool IsSafe(const Origin& origin) { return origin.scheme == "https" || IsThisMachine(origin.host); }

Result<void> SetPublicUrl(Settings& s, const std::string& text) {
  const auto origin = OriginOf(text);
  if (!origin || (!origin->rest.empty() && origin->rest != "/"))
    return Bad("must be http(s)://HOST[:PORT], e.g. https://seal.example.com");
  s.sign_in.public_url = text.substr(0, text.size() - origin->rest.size());
  return {};
}

Result<void> SetIssuer(Settings& s, const std::string& text) {
  const auto origin = OriginOf(text);
  if (!origin || !IsSafe(*origin) || text.find_first_of("?# ") != std::string::npos) {
    return Bad(
        "must be the provider's issuer as its tokens name it: an https URL (http for this machine "
        "alone), without query");
  }
  s.sign_in.oidc_issuer = text;
  return {};
}

Result<void> SetEmulatedPage(Settings& s, const std::string& text) {
  const auto origin = OriginOf(text);
  if (!origin || !IsSafe(*origin) || text.find_first_of("\"<> ") != std::string::npos)
    return Bad("must be an https URL (http for this machine alone)");
  s.sign_in.emulated_page = text;
  return {};
}

using S = SignInSettings;

constexpr std::array kTable = {
    Setting{"public-url", "URL",
            "How browsers reach this service, e.g. https://seal.example.com. Needed with "
            "oidc-issuer; behind a proxy that ends TLS it makes cookies secure.",
            SetPublicUrl},
    Setting{"session-idle", "TIME", "How long a session lives without being used. Default 30m.",
            SetDuration<&S::session_idle, 60, 86400>},
    Setting{"session-max", "TIME", "How long a session lives at most. Default 12h.",
            SetDuration<&S::session_max, 60, 86400L * 30>},
    Setting{"access-token-life", "TIME",
            "How long an access token of /oauth/token lives. Default 1h.",
            SetDuration<&S::access_token_life, 60, 86400>},
    Setting{"sessions-max", "N", "Sessions and access tokens that are open. Default 100000.",
            SetSessionsMax},
    Setting{"sign-in-rate", "N",
            "Attempts a minute to sign in or to get an access token, of one address; a failed one "
            "counts six times. Default 60.",
            SetAttempts},
    Setting{"sign-in-with-api-key", "",
            "Let people sign in with an API key, too, where a provider is configured.",
            SetSwitch<&S::with_api_key>},
    Setting{"aws-emulated", "", "Say on every page that AWS is the emulator. A label only.",
            SetSwitch<&S::emulated>},
    Setting{"aws-emulated-page", "URL", "The emulator's own page, for the console to link to.",
            SetEmulatedPage},
    Setting{"oidc-issuer", "URL",
            "OpenID Connect provider that people sign in at. Its configuration is discovered.",
            SetIssuer},
    Setting{"oidc-name", "NAME", "What the provider is called. Default: the issuer's host.",
            SetVisibleText<&S::oidc_name>},
    Setting{"oidc-client-id", "ID", "This service's client id at the provider.",
            SetVisibleText<&S::oidc_client_id>},
    Setting{"oidc-client-secret-file", "FILE",
            "File with the client secret, mode 0600; or give TENANTSEAL_OIDC_CLIENT_SECRET. "
            "Default: a public client, held by PKCE alone.",
            SetVisibleText<&S::oidc_client_secret_file>},
    Setting{"oidc-scopes", "SCOPES",
            "Scopes that are asked for, separated by spaces. Default \"openid profile email\".",
            SetVisibleText<&S::oidc_scopes>},
    Setting{"oidc-tenant-claim", "NAME",
            "Claim that holds the tenant's id; with slashes: a path, e.g. app/tenant. Default "
            "tenant.",
            SetVisibleText<&S::oidc_tenant_claim>},
    Setting{"oidc-role-claim", "NAME",
            "Claim that holds the role, or a list of groups; see oidc-role-map. Default role.",
            SetVisibleText<&S::oidc_role_claim>},
    Setting{"oidc-role-map", "VALUE=ROLE",
            "Role of whoever has VALUE in the role claim; the first that fits counts. Repeatable. "
            "Default: the values are names of roles.",
            SetRoleMap, true},
    Setting{
        "oidc-audience", "NAME",
        "Take the provider's tokens for this audience as bearer tokens. Repeatable. Default: the "
        "client id.",
        SetAudiences, true},
    Setting{"oidc-ca-file", "FILE", "PEM roots for the provider in place of the system's.",
            SetVisibleText<&S::oidc_ca_file>},
};

}  // namespace

std::span<const Setting> SignInSettingTable() { return kTable; }

Result<void> CheckSignIn(const Settings& s) {
  const SignInSettings& in = s.sign_in;
  if (in.session_idle > in.session_max)
    return InvalidArgument("session-idle", "--session-idle must not exceed --session-max.");
  const auto origin = OriginOf(in.public_url);
  if (origin && !IsSafe(*origin) && !s.insecure_http) {
    return InvalidArgument("public-url",
                           "--public-url must be https: sessions would cross the network in "
                           "clear. --insecure-http accepts that.");
  }
  if (in.oidc_issuer.empty()) {
    if (!in.oidc_client_id.empty() || !in.oidc_client_secret_file.empty())
      return InvalidArgument("oidc-issuer", "--oidc-client-id goes with --oidc-issuer.");
    return {};
  }
  if (in.oidc_client_id.empty())
    return InvalidArgument("oidc-client-id", "--oidc-issuer goes with --oidc-client-id.");
  if (in.public_url.empty()) {
    return InvalidArgument("public-url",
                           "--oidc-issuer goes with --public-url: the provider sends people back "
                           "to it.");
  }
  const std::string scopes = " " + in.oidc_scopes + " ";
  if (scopes.find(" openid ") == std::string::npos)
    return InvalidArgument("oidc-scopes", "--oidc-scopes must name openid.");
  return {};
}

}  // namespace tenantseal::server
