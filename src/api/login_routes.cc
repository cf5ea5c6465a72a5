// Signing in at the OpenID Connect provider: there and back. Whatever goes wrong ends at the page
// /signin with one of a handful of codes; the reason is in the log under the request id.
#include "api/control_json.h"
#include "api/routes.h"
#include "api/sign_in.h"
#include "base/log.h"

namespace tenantseal::api {
namespace {

using identity::OidcSignIn;
using identity::SignInFailure;
using identity::SignInRefusal;

constexpr std::string_view kLoginCookie = "tenantseal_login";

net::Response Redirect(std::string url) {
  net::Response response;
  response.status = 302;
  response.headers = {{"Location", std::move(url)}, {"Cache-Control", "no-store"}};
  return response;
}

net::Response Refused(Call& call, const SignInRefusal& refusal) {
  SignIn& sign_in = call.services.sign_in;
  const std::string code(identity::SignInFailureName(refusal.failure));
  sign_in.Count(SignInOutcome::kRefused);
  base::LogWarning("sign-in refused", {{"request", call.request.request_id},
                                       {"peer", call.request.peer},
                                       {"with", "oidc"},
                                       {"code", code},
                                       {"reason", refusal.reason}});
  net::Response response =
      Redirect("/signin?error=" + code + "&requestId=" + std::string(call.request.request_id));
  response.headers.push_back(sign_in.ClearCookie(kLoginCookie));
  return response;
}

SignInRefusal RefusalOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kRateLimited:
      return {SignInFailure::kBusy, "rate limit"};
    case ErrorCode::kPermissionDenied:
      return {SignInFailure::kTenant, error.message};
    default:
      return {SignInFailure::kInternal, error.message};
  }
}

// Where signing in leads to: a path of this service, whatever the parameter says.
std::string ReturnTo(const SignIn& sign_in, std::string_view query) {
  const auto given = QueryParameter(query, "returnto");
  if (!given || !*given) return "/";
  std::string_view path = **given;
  // Clients of Qlik's APIs give the whole address of their page.
  const std::string& own = sign_in.options().public_origin;
  if (!own.empty() && path.starts_with(own + "/")) path.remove_prefix(own.size());
  return identity::IsLocalPath(path) ? std::string(path) : "/";
}

Result<OidcSignIn::Answer> AnswerOf(std::string_view query) {
  OidcSignIn::Answer answer;
  for (const auto& [name, slot] : {std::pair{"code", &answer.code},
                                   {"state", &answer.state},
                                   {"iss", &answer.issuer},
                                   {"error", &answer.error}}) {
    TS_ASSIGN_OR_RETURN(auto value, QueryParameter(query, name));
    if (value) *slot = std::move(*value);
  }
  return answer;
}

}  // namespace

Result<net::Response> StartLogin(Call& call) {
  SignIn& sign_in = call.services.sign_in;
  const std::string return_to = ReturnTo(sign_in, call.request.query);
  // The page offers what there is.
  if (sign_in.oidc() == nullptr) return Redirect("/signin");
  if (auto admitted = sign_in.AdmitAttempt(call.request); !admitted)
    return Refused(call, RefusalOf(admitted.error()));
  auto begun = sign_in.oidc()->Begin(return_to);
  if (!begun) return Refused(call, {SignInFailure::kProvider, begun.error().message});
  net::Response response = Redirect(std::move(begun->url));
  response.headers.push_back(sign_in.SetCookie(kLoginCookie, begun->cookie, OidcSignIn::kLife));
  return response;
}

Result<net::Response> FinishLogin(Call& call) {
  SignIn& sign_in = call.services.sign_in;
  if (sign_in.oidc() == nullptr) return Redirect("/signin");
  if (auto admitted = sign_in.AdmitAttempt(call.request); !admitted)
    return Refused(call, RefusalOf(admitted.error()));
  const auto answer = AnswerOf(call.request.query);
  if (!answer) return Refused(call, {SignInFailure::kState, answer.error().message});
  const auto finished =
      sign_in.oidc()->Finish(*answer, sign_in.Cookie(call.request, kLoginCookie).value_or(""));
  if (!finished) {
    sign_in.CountFailure(call.request);
    return Refused(call, finished.error());
  }
  if (auto admitted = sign_in.AdmitSession(finished->who.principal); !admitted)
    return Refused(call, RefusalOf(admitted.error()));
  auto opened = sign_in.sessions().Open(finished->who);
  if (!opened) return Refused(call, RefusalOf(opened.error()));
  sign_in.Count(SignInOutcome::kSignedIn);
  // Whoever signs in anew has no use for the session before.
  if (const auto before = sign_in.SessionToken(call.request)) {
    if (auto ended = sign_in.sessions().End(*before); !ended)
      return Refused(call, RefusalOf(ended.error()));
  }
  net::Response response = Redirect(finished->return_to);
  response.headers.push_back(sign_in.SetCookie(SignIn::kSessionCookie, opened->token.RevealText()));
  response.headers.push_back(sign_in.ClearCookie(kLoginCookie));
  return response;
}

}  // namespace tenantseal::api
