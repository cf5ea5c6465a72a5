#include "emulator/page.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "base/secret.h"
#include "emulator/auth.h"
#include "emulator/json_text.h"
#include "emulator/page_html.h"
#include "emulator/sts_service.h"

namespace tenantseal::emulator {
namespace {

using nlohmann::json;

constexpr std::string_view kListPath = "/_emulator/";
constexpr std::string_view kKeyPath = "/_emulator/keys";
constexpr std::string_view kCssPath = "/_emulator/page.css";

std::string NewToken(const base::Random& random) {
  std::array<std::uint8_t, 24> bytes;
  random.FillPublic(bytes);
  return base::HexEncode(bytes);
}

void AddHeaders(net::Response& response) {
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"Content-Security-Policy",
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; "
            "base-uri 'none'"},
           {"X-Content-Type-Options", "nosniff"},
           {"X-Frame-Options", "DENY"},
           {"Referrer-Policy", "same-origin"},
           {"Cross-Origin-Opener-Policy", "same-origin"},
           {"Cross-Origin-Resource-Policy", "same-origin"},
           {"Cache-Control", "no-store"}}) {
    response.headers.push_back({name, value});
  }
}

net::Response Html(int status, std::string body) {
  net::Response response{
      .status = status, .content_type = "text/html; charset=utf-8", .body = std::move(body)};
  AddHeaders(response);
  return response;
}

net::Response Redirect(std::string where) {
  net::Response response{.status = 303};
  response.headers.push_back({"Location", std::move(where)});
  AddHeaders(response);
  return response;
}

bool IsLoopbackName(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const bool port = colon != host.npos && host.find(']', colon) == host.npos;
  const std::string_view name = port ? host.substr(0, colon) : host;
  const bool numeric = name.find_first_not_of("0123456789.") == name.npos;
  return name == "localhost" || name == "[::1]" || (numeric && name.starts_with("127."));
}

std::string FormField(const StsForm& form, std::string_view name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string() : found->second;
}

// Forms send lines that end with CR LF.
std::string WithPlainLines(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '\r') out += c;
  }
  return out;
}

// What is to be saved: the text as it is, or, where it is a list of statements, `present` with
// these added, in the place of those that have the same Sid.
std::string PolicyToSave(const std::string& present, const std::string& text) {
  using Json = nlohmann::ordered_json;
  const Json added = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  Json policy = Json::parse(present, nullptr, /*allow_exceptions=*/false);
  if (!added.is_array() || !policy.is_object()) return text;
  Json& statements = policy["Statement"];
  if (!statements.is_array()) statements = Json::array({statements});
  for (const Json& statement : added) {
    if (!statement.is_object()) return text;
    const auto same = std::ranges::find_if(statements, [&statement](const Json& there) {
      return statement.contains("Sid") && there.is_object() && there.contains("Sid") &&
             there["Sid"] == statement["Sid"];
    });
    if (same == statements.end()) {
      statements.push_back(statement);
    } else {
      *same = statement;
    }
  }
  return policy.dump(2, ' ', false, Json::error_handler_t::replace);
}

std::string DoneText(std::string_view done) {
  if (done == "save") return "The policy is saved.";
  if (done == "everywhere") return "The policy is saved, for the other regions too.";
  if (done == "enable") return "The key is enabled.";
  if (done == "disable") return "The key is disabled: nobody can use it until it is enabled again.";
  return "";
}

}  // namespace

Page::Page(World& world, KmsService& kms, Trail& trail, bool any_host)
    : world_(world),
      kms_(kms),
      trail_(trail),
      any_host_(any_host),
      token_(NewToken(world.random())) {}

bool Page::Has(std::string_view path) {
  return path == "/_emulator" || path == kListPath || path == kKeyPath || path == kCssPath;
}

net::Response Page::Handle(const net::Request& request) {
  if (!any_host_ && !IsLoopbackName(request.Header("Host").value_or("")))
    return Html(403, MessageHtml("Refused", "Open this page by the address that it listens on."));
  if (request.path == kKeyPath && request.method == net::Method::kPost) return Change(request);
  if (request.method != net::Method::kGet && request.method != net::Method::kHead)
    return Html(405, MessageHtml("Refused", "This page takes no such request."));
  if (request.path == "/_emulator") return Redirect(std::string(kListPath));
  if (request.path == kListPath) return ListKeys();
  if (request.path == kCssPath) {
    net::Response response{.content_type = "text/css; charset=utf-8",
                           .body = net::StaticBytes{base::AsBytes(kPageCss)}};
    AddHeaders(response);
    return response;
  }
  const auto query = ParseStsForm(request.query);
  if (!query) return Html(400, MessageHtml("Refused", "The address of this page is broken."));
  return ShowKey(FormField(*query, "arn"), FormField(*query, "done"));
}

std::shared_ptr<const Key> Page::Find(std::string_view arn) const {
  return world_.Read([arn](const Contents& contents) { return contents.FindKey(arn); });
}

net::Response Page::ListKeys() const {
  return Html(200, world_.Read([](const Contents& contents) {
    std::vector<std::shared_ptr<const Key>> keys;
    for (const auto& [arn, key] : contents.keys) keys.push_back(key);
    return KeyListHtml(keys, contents);
  }));
}

net::Response Page::ShowKey(std::string_view arn, std::string_view done) const {
  const auto key = Find(arn);
  if (!key) return Html(404, MessageHtml("No such key", "There is no key with this ARN here."));
  const auto related =
      world_.Read([&key](const Contents& contents) { return contents.Related(*key); });
  return Html(200, KeyPageHtml({.key = *key,
                                .related = related,
                                .policy = key->policy.text,
                                .token = token_,
                                .done = DoneText(done)}));
}

net::Response Page::ShowRefused(const Key& key, std::string_view policy, const Fault& fault) const {
  const auto related =
      world_.Read([&key](const Contents& contents) { return contents.Related(key); });
  std::string refused = fault.code;
  if (!fault.message.empty()) refused += ": " + fault.message;
  return Html(
      400,
      KeyPageHtml(
          {.key = key, .related = related, .policy = policy, .token = token_, .refused = refused}));
}

bool Page::IsOwnForm(const net::Request& request, std::string_view token) const {
  const auto origin = request.Header("Origin");
  const std::string own = "http://" + std::string(request.Header("Host").value_or(""));
  if (origin && *origin != own) return false;
  const auto site = request.Header("Sec-Fetch-Site");
  if (site && *site != "same-origin") return false;
  return base::ConstantTimeEqual(base::AsBytes(token), base::AsBytes(token_));
}

net::Response Page::Change(const net::Request& request) {
  const auto form = ParseStsForm(base::AsText(request.body));
  if (!form || !IsOwnForm(request, FormField(*form, "token"))) {
    return Html(403, MessageHtml("Refused",
                                 "Load the page of the key again and repeat: this form "
                                 "is not, or no longer, one of this page."));
  }
  const auto key = Find(FormField(*form, "arn"));
  if (!key) return Html(404, MessageHtml("No such key", "There is no key with this ARN here."));
  const std::string action = FormField(*form, "action");
  const std::string policy = WithPlainLines(FormField(*form, "policy"));
  const bool everywhere = action == "save" && !FormField(*form, "everywhere").empty();

  std::optional<Fault> fault;
  if (action == "save") {
    std::vector<std::shared_ptr<const Key>> keys = {key};
    if (everywhere)
      keys = world_.Read([&key](const Contents& contents) { return contents.Related(*key); });
    for (const auto& each : keys) {
      const json body = {{"KeyId", each->arn()},
                         {"PolicyName", "default"},
                         {"Policy", PolicyToSave(each->policy.text, policy)}};
      fault = CallKms(*each, "PutKeyPolicy",
                      body.dump(-1, ' ', false, json::error_handler_t::replace), request);
      if (fault) break;
    }
  } else if (action == "enable" || action == "disable") {
    const json body = {{"KeyId", key->arn()}};
    fault = CallKms(*key, action == "enable" ? "EnableKey" : "DisableKey", body.dump(), request);
  } else {
    return Html(400, MessageHtml("Refused", "There is no such button."));
  }
  if (fault) return ShowRefused(*key, action == "save" ? policy : key->policy.text, *fault);
  return Redirect(std::string(kKeyPath) + "?arn=" + QueryText(key->arn()) +
                  "&done=" + (everywhere ? "everywhere" : action));
}

std::optional<Fault> Page::CallKms(const Key& key, std::string_view operation,
                                   const std::string& body, const net::Request& request) {
  Call call;
  call.region = key.region;
  call.service = "kms";
  call.operation = operation;
  call.request_id = UuidText(NewUuid(world_.random()));
  call.source_ip = request.peer;
  call.user_agent = request.Header("User-Agent").value_or("");
  call.time = world_.Now();
  const auto root = RootOf(key.account);
  call.caller = {root, &root->caller};  // Lives with its access key.
  TrailNote note;
  Reply reply = kms_.Handle(call, body, note);
  trail_.Add(call, TrailIdentityOf(*call.caller), std::move(note),
             reply.fault ? &*reply.fault : nullptr);
  return reply.fault;
}

}  // namespace tenantseal::emulator
