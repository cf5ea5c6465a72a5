#include "identity/oidc_sign_in.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "identity/token_reply.h"

namespace tenantseal::identity {
namespace {

constexpr std::string_view kSignInLabel = "tenantseal/oidc-sign-in/v1";
constexpr std::size_t kCookieCharsMax = 2048;
constexpr std::size_t kPathCharsMax = 1024;
constexpr std::size_t kParameterCharsMax = 4096;
constexpr base::Duration kExchangeTimeout = std::chrono::seconds(10);
// A completed sign-in is remembered longer than its cookie can be used.
constexpr std::chrono::milliseconds kRemembered = std::chrono::minutes(12);

std::unexpected<SignInRefusal> Refuse(SignInFailure failure, std::string reason) {
  return std::unexpected(SignInRefusal{failure, std::move(reason)});
}

std::string PercentEncoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (plain)
      out += c;
    else
      out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

using Parameters = std::vector<std::pair<std::string_view, std::string_view>>;

std::string FormOf(const Parameters& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    out += (out.empty() ? "" : "&") + std::string(name) + "=" + PercentEncoded(value);
  }
  return out;
}

std::string WithQuery(const std::string& url, const Parameters& parameters) {
  return url + (url.find('?') == std::string::npos ? "?" : "&") + FormOf(parameters);
}

}  // namespace

struct OidcSignIn::Start {
  std::array<std::uint8_t, 32> random{};
  base::UtcTime at;
  std::string return_to;
};

bool IsLocalPath(std::string_view path) {
  const auto is_plain = [](char c) { return c > ' ' && c < 0x7f && c != '\\'; };
  return path.starts_with('/') && !path.starts_with("//") && path.size() <= kPathCharsMax &&
         std::all_of(path.begin(), path.end(), is_plain);
}

std::string_view SignInFailureName(SignInFailure failure) {
  switch (failure) {
    case SignInFailure::kDenied:
      return "denied";
    case SignInFailure::kState:
      return "state";
    case SignInFailure::kExpired:
      return "expired";
    case SignInFailure::kProvider:
      return "provider";
    case SignInFailure::kToken:
      return "token";
    case SignInFailure::kRole:
      return "role";
    case SignInFailure::kTenant:
      return "tenant";
    case SignInFailure::kBusy:
      return "busy";
    case SignInFailure::kInternal:
      break;
  }
  return "internal";
}

OidcSignIn::OidcSignIn(OidcProvider& provider, store::SessionStore& sessions,
                       const base::Clock& clock, const base::Random& random,
                       const base::Secret256& pepper, OidcSignInOptions options)
    : provider_(provider),
      sessions_(sessions),
      clock_(clock),
      random_(random),
      key_(crypto::HmacSha256(pepper.Reveal(), base::AsBytes(kSignInLabel))),
      options_(std::move(options)) {}

std::string OidcSignIn::Derived(std::string_view label, const Start& start) const {
  base::ByteWriter out;
  out.Field(label);
  out.Field(start.random);
  out.U64(static_cast<std::uint64_t>(start.at.time_since_epoch().count()));
  out.Field(start.return_to);
  return base::Base64UrlEncode(crypto::HmacSha256(key_.Reveal(), out.bytes()));
}

// RANDOM.TIME.PATH.MAC
std::string OidcSignIn::CookieOf(const Start& start) const {
  return base::Base64UrlEncode(start.random) + "." +
         std::to_string(start.at.time_since_epoch().count()) + "." +
         base::Base64UrlEncode(base::AsBytes(start.return_to)) + "." + Derived("cookie", start);
}

std::expected<OidcSignIn::Start, SignInRefusal> OidcSignIn::ReadCookie(
    std::string_view cookie) const {
  const auto bad = Refuse(SignInFailure::kState, "there is no cookie of a sign-in that was begun");
  if (cookie.empty() || cookie.size() > kCookieCharsMax) return bad;
  std::array<std::string_view, 4> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = std::min(cookie.find('.'), cookie.size());
    parts[i] = cookie.substr(0, end);
    cookie.remove_prefix(std::min(cookie.size(), end + 1));
  }
  const auto random = base::Base64UrlDecode(parts[0]);
  const auto path = base::Base64UrlDecode(parts[2]);
  std::int64_t at_ms = 0;
  const auto [end, error] =
      std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), at_ms);
  if (!cookie.empty() || !random || random->size() != 32 || !path || error != std::errc() ||
      end != parts[1].data() + parts[1].size() || at_ms < 0)
    return bad;
  Start start;
  std::copy(random->begin(), random->end(), start.random.begin());
  start.at = base::UtcTime(std::chrono::milliseconds(at_ms));
  start.return_to = base::AsText(*path);
  const std::string mac = Derived("cookie", start);
  if (!base::ConstantTimeEqual(base::AsBytes(mac), base::AsBytes(parts[3])))
    return Refuse(SignInFailure::kState, "the cookie of the sign-in was altered");
  return start;
}

Result<OidcSignIn::Begun> OidcSignIn::Begin(std::string_view return_to) {
  if (!IsLocalPath(return_to))
    return InvalidArgument("returnto", "The parameter returnto must be a path of this service.");
  TS_ASSIGN_OR_RETURN(const OidcMetadata metadata, provider_.Metadata());
  Start start;
  random_.Fill(start.random);
  start.at = clock_.Utc();
  start.return_to = return_to;
  const std::string state = Derived("state", start), nonce = Derived("nonce", start);
  const std::string verifier = Derived("verifier", start);
  const std::string challenge = base::Base64UrlEncode(crypto::Sha256(base::AsBytes(verifier)));
  return Begun{WithQuery(metadata.authorization_endpoint, {{"response_type", "code"},
                                                           {"client_id", options_.rules.client_id},
                                                           {"redirect_uri", options_.redirect_uri},
                                                           {"scope", options_.scopes},
                                                           {"state", state},
                                                           {"nonce", nonce},
                                                           {"code_challenge", challenge},
                                                           {"code_challenge_method", "S256"}}),
               CookieOf(start)};
}

std::expected<void, SignInRefusal> OidcSignIn::CheckAnswer(const Answer& answer, const Start& start,
                                                           const OidcMetadata& metadata) {
  const std::string state = Derived("state", start);
  if (!base::ConstantTimeEqual(base::AsBytes(state), base::AsBytes(answer.state)))
    return Refuse(SignInFailure::kState, "the state is not that of this browser's sign-in");
  const base::UtcTime now = clock_.Utc();
  if (start.at + kLife <= now || start.at - kClockSkew > now)
    return Refuse(SignInFailure::kExpired, "it was begun too long ago");
  // RFC 9207: an answer of another provider would give our code away.
  const bool named = !answer.issuer.empty();
  if ((named || metadata.names_issuer_in_callback) && answer.issuer != metadata.issuer)
    return Refuse(SignInFailure::kProvider, "the answer is of another issuer");
  return {};
}

std::expected<void, SignInRefusal> OidcSignIn::Spend(const Start& start) {
  const auto spent =
      sessions_.SpendSignIn(Derived("spent", start), clock_.Utc(), start.at + kRemembered);
  if (spent) return {};
  switch (spent.error().code) {
    case ErrorCode::kAlreadyExists:
      return Refuse(SignInFailure::kState, "the state was used before");
    case ErrorCode::kRateLimited:
      return Refuse(SignInFailure::kBusy, spent.error().message);
    default:
      return Refuse(SignInFailure::kInternal, spent.error().message);
  }
}

Result<base::SecretBytes> OidcSignIn::Exchange(const OidcMetadata& metadata, std::string_view code,
                                               std::string_view verifier) const {
  const std::string& client = options_.rules.client_id;
  const bool secret = !options_.client_secret.empty();
  const bool in_body = secret && metadata.client_secret_in == ClientSecretIn::kBody;
  Parameters parameters = {{"grant_type", "authorization_code"},
                           {"code", code},
                           {"redirect_uri", options_.redirect_uri},
                           {"code_verifier", verifier}};
  if (!secret || in_body) parameters.push_back({"client_id", client});
  if (in_body) parameters.push_back({"client_secret", options_.client_secret.RevealText()});
  const std::string body = FormOf(parameters);
  net::HttpRequest request;
  request.method = net::Method::kPost;
  request.url = metadata.token_endpoint;
  request.timeout = kExchangeTimeout;
  request.body = base::AsBytes(body);
  request.headers = {{"Accept", "application/json"},
                     {"Content-Type", "application/x-www-form-urlencoded"}};
  if (secret && !in_body) {
    const std::string pair =
        PercentEncoded(client) + ":" + PercentEncoded(options_.client_secret.RevealText());
    request.headers.push_back(
        {"Authorization", "Basic " + base::Base64Encode(base::AsBytes(pair))});
  }
  TS_ASSIGN_OR_RETURN(const net::HttpResponse response, provider_.http().Send(request));
  TS_ASSIGN_OR_RETURN(TokenReply reply, ParseTokenReply(response.body.Reveal()));
  if (response.status == 200 && !reply.id_token.empty()) return std::move(reply.id_token);
  return Error{ErrorCode::kUnavailable,
               "the token endpoint answers " + std::to_string(response.status) + " " + reply.error};
}

std::expected<OidcSignIn::Finished, SignInRefusal> OidcSignIn::Finish(const Answer& answer,
                                                                      std::string_view cookie) {
  const auto start = ReadCookie(cookie);
  if (!start) return std::unexpected(start.error());
  const auto metadata = provider_.Metadata();
  if (!metadata) return Refuse(SignInFailure::kProvider, metadata.error().message);
  if (auto checked = CheckAnswer(answer, *start, *metadata); !checked)
    return std::unexpected(std::move(checked).error());
  if (auto spent = Spend(*start); !spent) return std::unexpected(std::move(spent).error());
  if (!answer.error.empty()) return Refuse(SignInFailure::kDenied, answer.error);
  if (answer.code.empty() || answer.code.size() > kParameterCharsMax)
    return Refuse(SignInFailure::kProvider, "the answer has no code");
  const auto token = Exchange(*metadata, answer.code, Derived("verifier", *start));
  if (!token) return Refuse(SignInFailure::kProvider, token.error().message);
  const auto claims = provider_.Verify(token->RevealText());
  if (!claims) {
    const bool ours = claims.error().code == ErrorCode::kUnavailable;
    return Refuse(ours ? SignInFailure::kProvider : SignInFailure::kToken, claims.error().message);
  }
  const auto checked =
      CheckIdToken(*claims, options_.rules, Derived("nonce", *start), clock_.Utc());
  if (!checked) return Refuse(SignInFailure::kToken, checked.error().message);
  auto who = ReadIdentity(*claims, options_.rules);
  if (who) return Finished{std::move(*who), start->return_to};
  const bool tenant = who.error().field == options_.rules.tenant_claim;
  const bool access = who.error().code == ErrorCode::kPermissionDenied;
  return Refuse(!access  ? SignInFailure::kToken
                : tenant ? SignInFailure::kTenant
                         : SignInFailure::kRole,
                who.error().message);
}

std::optional<std::string> OidcSignIn::EndSessionUrl() {
  const auto metadata = provider_.Metadata();
  if (!metadata || metadata->end_session_endpoint.empty()) return std::nullopt;
  return WithQuery(metadata->end_session_endpoint,
                   {{"client_id", options_.rules.client_id},
                    {"post_logout_redirect_uri", options_.after_sign_out}});
}

}  // namespace tenantseal::identity
