// POST /oauth/token: machines exchange an API key for a short-lived access token (RFC 6749 section
// 4.4). client_id is the key's id, client_secret its token.
#include <array>

#include "api/control_json.h"
#include "api/error_table.h"
#include "api/routes.h"
#include "api/secret_fields.h"
#include "api/secret_text.h"
#include "api/sign_in.h"
#include "base/encoding.h"
#include "base/log.h"

namespace tenantseal::api {
namespace {

constexpr std::array<std::string_view, 4> kKnown = {"grant_type", "client_id", "client_secret",
                                                    "scope"};

// A refusal in the words of RFC 6749 section 5.2, and in those of clients of Qlik's APIs.
struct Refusal {
  int status;
  std::string_view code;
  std::string_view title;
  std::string detail;
};

// RFC 6749 section 5.1 asks for it beside Cache-Control.
net::Response WithPragma(net::Response response) {
  response.headers.push_back({"Pragma", "no-cache"});
  return response;
}

net::Response Answer(const Refusal& refusal, std::string_view request_id) {
  nlohmann::json json = {{"error", refusal.code},
                         {"error_description", refusal.detail},
                         {"errors",
                          {{{"title", refusal.title},
                            {"code", refusal.code},
                            {"status", refusal.status},
                            {"detail", refusal.detail}}}},
                         {"traceId", request_id}};
  net::Response response = WithPragma(Uncached(Json(refusal.status, Dump(json))));
  if (refusal.status == 401)
    response.headers.push_back({"WWW-Authenticate", R"(Basic realm="tenantseal")"});
  return response;
}

Refusal BadRequest(std::string detail) {
  return {400, "invalid_request", "The request is not valid.", std::move(detail)};
}
Refusal BadClient() {
  return {401, "invalid_client", "Client authentication failed.",
          "client_id must be an API key's id and client_secret that key's token."};
}

std::string_view TextOf(const SecretFields& fields, std::string_view name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view() : found->second.RevealText();
}

// The fields of the body, whichever of the two types it is of.
Result<SecretFields> FieldsOf(const net::Request& request) {
  const std::string_view type = request.Header("Content-Type").value_or("");
  const std::string_view bare = type.substr(0, type.find_first_of("; \t"));
  if (net::EqualsIgnoreCase(bare, "application/json"))
    return ParseSecretJson(request.body, kKnown, UnknownFields::kIgnored);
  if (net::EqualsIgnoreCase(bare, "application/x-www-form-urlencoded"))
    return ParseSecretForm(request.body, kKnown);
  return InvalidArgument(
      "Content-Type",
      "Send application/json or application/x-www-form-urlencoded, and say so in Content-Type.");
}

// Adds the client of the header Authorization: Basic, whose parts are form-encoded (RFC 6749
// section 2.3.1). False when it is not right or the body names a client, too.
bool AddBasicClient(const net::Request& request, SecretFields& fields) {
  const auto header = request.Header("Authorization");
  if (!header || header->size() < 6 || !net::EqualsIgnoreCase(header->substr(0, 6), "Basic "))
    return !header;
  if (fields.contains("client_id") || fields.contains("client_secret")) return false;
  const auto pair = base::Base64DecodeSecret(header->substr(6));
  const std::size_t colon = pair ? pair->RevealText().find(':') : std::string_view::npos;
  if (colon == std::string_view::npos) return false;
  const std::string_view text = pair->RevealText();
  SecretText body(text.size() + 32);
  body.Append("client_id=");
  body.Append(text.substr(0, colon));
  body.Append("&client_secret=");
  body.Append(text.substr(colon + 1));
  auto parsed = ParseSecretForm(body.Take().Reveal(), kKnown);
  if (!parsed) return false;
  fields.merge(*parsed);
  return true;
}

net::Response Granted(const identity::OpenedSession& opened) {
  const auto life = std::chrono::duration_cast<std::chrono::seconds>(opened.session.expires_at -
                                                                     opened.session.created_at);
  SecretText body(256);
  body.Append(R"({"access_token":")");
  body.Append(opened.token.RevealText());
  body.Append(R"(","token_type":"Bearer","expires_in":)");
  body.Append(std::to_string(life.count()));
  body.Append("}");
  return WithPragma(SecretJson(200, body.Take()));
}

// Whose key the client shows; kUnauthenticated for every client that is not right.
Result<identity::Identity> CheckClient(SignIn& sign_in, const SecretFields& fields) {
  TS_ASSIGN_OR_RETURN(identity::Identity who,
                      sign_in.sessions().CheckApiKey(TextOf(fields, "client_secret")));
  if (who.api_key->text() != TextOf(fields, "client_id"))
    return Error{ErrorCode::kUnauthenticated, ""};
  return who;
}

void LogRefusal(Call& call, std::string_view code) {
  call.services.sign_in.Count(SignInOutcome::kTokenRefused);
  base::LogWarning(
      "access token refused",
      {{"request", call.request.request_id}, {"peer", call.request.peer}, {"code", code}});
}

}  // namespace

Result<net::Response> GrantToken(Call& call) {
  SignIn& sign_in = call.services.sign_in;
  const std::string_view request_id = call.request.request_id;
  TS_RETURN_IF_ERROR(sign_in.AdmitAttempt(call.request));
  auto fields = FieldsOf(call.request);
  if (!fields) return Answer(BadRequest(fields.error().message), request_id);
  if (!AddBasicClient(call.request, *fields)) {
    return Answer(BadRequest("Name the client either in the body or in Authorization: Basic."),
                  request_id);
  }
  if (TextOf(*fields, "grant_type") != "client_credentials") {
    return Answer({400, "unsupported_grant_type", "The grant type is not supported.",
                   "grant_type must be client_credentials."},
                  request_id);
  }
  auto who = CheckClient(sign_in, *fields);
  if (!who && who.error().code == ErrorCode::kUnauthenticated) {
    sign_in.CountFailure(call.request);
    LogRefusal(call, "invalid_client");
    return Answer(BadClient(), request_id);
  }
  if (!who) return std::move(who).error();
  auto opened = sign_in.sessions().GrantAccessToken(*who);
  if (!opened && opened.error().code == ErrorCode::kPermissionDenied) {
    LogRefusal(call, "unauthorized_client");
    return Answer(
        {400, "unauthorized_client", "The client may not have a token.", opened.error().message},
        request_id);
  }
  if (!opened) return std::move(opened).error();
  sign_in.Count(SignInOutcome::kTokenGranted);
  return Granted(*opened);
}

}  // namespace tenantseal::api
