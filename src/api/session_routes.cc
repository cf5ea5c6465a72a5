// Sessions: opened with an API key, shown, ended.
#include "api/control_json.h"
#include "api/routes.h"
#include "api/secret_fields.h"
#include "api/sign_in.h"
#include "base/log.h"

namespace tenantseal::api {
namespace {

Error NoSession() {
  return {ErrorCode::kUnauthenticated, "This request shows no session: sign in first."};
}

Result<nlohmann::json> SessionJson(const store::Store& store, const model::Session& session) {
  nlohmann::json principal = {{"id", session.principal}};
  if (!session.name.empty()) principal["name"] = session.name;
  if (!session.email.empty()) principal["email"] = session.email;
  nlohmann::json json = {
      {"principal", std::move(principal)},
      {"role", model::RoleName(session.role)},
      {"tenant", nullptr},
      {"signedInWith", identity::SignedInWithName(session.signed_in_with)},
      {"createdAt", base::FormatUtc(session.created_at)},
      {"idleExpiresAt", base::FormatUtc(session.idle_expires_at)},
      {"expiresAt", base::FormatUtc(session.expires_at)},
  };
  if (session.tenant) {
    TS_ASSIGN_OR_RETURN(const model::TenantState state, store.LoadTenant(*session.tenant));
    json["tenant"] = {{"id", state.tenant.id.text()},
                      {"name", state.tenant.name},
                      {"region", state.tenant.region}};
  }
  return json;
}

void LogRefusal(const Call& call, const Error& error) {
  base::LogWarning("sign-in refused", {{"request", call.request.request_id},
                                       {"peer", call.request.peer},
                                       {"with", "api-key"},
                                       {"code", ErrorCodeName(error.code)}});
}

// The API key of the body. Read in place: it is a secret.
Result<base::SecretBytes> ApiKeyOf(const net::Request& request) {
  static constexpr std::string_view kKnown[] = {"apiKey"};
  // A page of another site can send any text, but not this type without asking first.
  const std::string_view type = request.Header("Content-Type").value_or("");
  if (!net::EqualsIgnoreCase(type.substr(0, type.find_first_of("; \t")), "application/json")) {
    return Error{ErrorCode::kUnsupportedMediaType,
                 "Send JSON with the header Content-Type: application/json.", "Content-Type"};
  }
  TS_ASSIGN_OR_RETURN(SecretFields fields,
                      ParseSecretJson(request.body, kKnown, UnknownFields::kRefused));
  const auto found = fields.find("apiKey");
  if (found == fields.end()) return InvalidArgument("apiKey", "The field apiKey is missing.");
  return std::move(found->second);
}

Result<identity::OpenedSession> OpenWithApiKey(Call& call, SignIn& sign_in) {
  TS_RETURN_IF_ERROR(sign_in.CheckSameOrigin(call.request));
  TS_RETURN_IF_ERROR(sign_in.AdmitAttempt(call.request));
  TS_ASSIGN_OR_RETURN(const base::SecretBytes api_key, ApiKeyOf(call.request));
  auto who = sign_in.sessions().CheckApiKey(api_key.RevealText());
  if (!who && who.error().code == ErrorCode::kUnauthenticated) {
    sign_in.CountFailure(call.request);
    Error error = std::move(who).error();
    error.field = "apiKey";
    return error;
  }
  if (!who) return std::move(who).error();
  TS_RETURN_IF_ERROR(sign_in.AdmitSession(who->principal));
  return sign_in.sessions().Open(*who);
}

Result<bool> SignedInAtProvider(SignIn& sign_in, std::string_view token) {
  TS_ASSIGN_OR_RETURN(const model::Session session,
                      sign_in.sessions().Use(token, model::SessionKind::kBrowser));
  return session.signed_in_with == model::SignedInWith::kOidc;
}

}  // namespace

Result<net::Response> GetSessionOptions(Call& call) {
  const SignIn& sign_in = call.services.sign_in;
  const SignInOptions& options = sign_in.options();
  nlohmann::json oidc;  // Null.
  if (sign_in.oidc() != nullptr) oidc = {{"name", options.oidc_name}, {"startUrl", "/login"}};
  nlohmann::json page;
  if (!options.emulated_page.empty()) page = options.emulated_page;
  return Json(200, Dump({{"apiKey", options.with_api_key},
                         {"oidc", std::move(oidc)},
                         {"emulated", options.emulated},
                         {"emulatorUrl", std::move(page)},
                         {"version", options.version}}));
}

Result<net::Response> CreateSession(Call& call) {
  SignIn& sign_in = call.services.sign_in;
  if (!sign_in.options().with_api_key) {
    return Error{ErrorCode::kPermissionDenied,
                 "API keys do not sign in here: start at /login instead."};
  }
  auto opened = OpenWithApiKey(call, sign_in);
  if (!opened) {
    sign_in.Count(SignInOutcome::kRefused);
    LogRefusal(call, opened.error());
    return std::move(opened).error();
  }
  sign_in.Count(SignInOutcome::kSignedIn);
  // Whoever signs in anew has no use for the session before.
  if (const auto before = sign_in.SessionToken(call.request)) {
    TS_RETURN_IF_ERROR(sign_in.sessions().End(*before));
  }
  TS_ASSIGN_OR_RETURN(const auto json, SessionJson(call.services.store, opened->session));
  net::Response response = Uncached(Json(201, Dump(json)));
  response.headers.push_back(sign_in.SetCookie(SignIn::kSessionCookie, opened->token.RevealText()));
  return response;
}

Result<net::Response> GetSession(Call& call) {
  if (!call.session) return NoSession();
  TS_ASSIGN_OR_RETURN(
      const model::Session session,
      call.services.sign_in.sessions().Use(*call.session, model::SessionKind::kBrowser));
  TS_ASSIGN_OR_RETURN(const auto json, SessionJson(call.services.store, session));
  return Uncached(Json(200, Dump(json)));
}

Result<net::Response> DeleteSession(Call& call) {
  if (!call.session) return NoSession();
  SignIn& sign_in = call.services.sign_in;
  // Whoever signed in at the provider is still signed in there.
  TS_ASSIGN_OR_RETURN(const bool at_provider, SignedInAtProvider(sign_in, *call.session));
  TS_RETURN_IF_ERROR(sign_in.sessions().End(*call.session));
  nlohmann::json json = nlohmann::json::object();
  if (at_provider && sign_in.oidc() != nullptr) {
    if (const auto url = sign_in.oidc()->EndSessionUrl()) json["endSessionUrl"] = *url;
  }
  net::Response response = Uncached(Json(200, Dump(json)));
  response.headers.push_back(sign_in.ClearCookie(SignIn::kSessionCookie));
  return response;
}

// What a page sends with every change. Whoever shows no session needs none, and clients that ask
// anyway get a text that binds nothing.
Result<net::Response> GetCsrfToken(Call& call) {
  const SignIn& sign_in = call.services.sign_in;
  const auto session = sign_in.SessionToken(call.request);
  net::Response response = NoContent();
  response.headers.push_back({"qlik-csrf-token", session ? sign_in.sessions().CsrfToken(*session)
                                                         : std::string(call.request.request_id)});
  return Uncached(std::move(response));
}

}  // namespace tenantseal::api
