// An OpenID Connect provider for tests: answers an HttpClient's requests, signs what it is told to,
// and keeps the rules of a real one (codes are used once, and only with their verifier).
#pragma once

#include <cjose/cjose.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/random.h"
#include "crypto/digest.h"
#include "crypto/hmac.h"
#include "net/http_client.h"

namespace tenantseal::identity {

// Not thread-safe.
class FakeOidcProvider final : public net::HttpClient {
 public:
  using json = nlohmann::json;

  FakeOidcProvider() { AddKey("key-1"); }
  ~FakeOidcProvider() override {
    for (auto& [id, key] : keys_) cjose_jwk_release(key);
  }

  const std::string issuer = "https://login.example.com/realm";
  json metadata = {{"issuer", issuer},
                   {"authorization_endpoint", issuer + "/authorize"},
                   {"token_endpoint", issuer + "/token"},
                   {"jwks_uri", issuer + "/keys"},
                   {"end_session_endpoint", issuer + "/end"},
                   {"code_challenge_methods_supported", {"S256"}}};
  bool down = false;
  std::string sign_with = "key-1";
  std::string token_instead;                 // Answered in place of a token that is signed.
  mutable std::map<std::string, int> asked;  // By the last part of the URL.
  mutable std::string last_authorization, last_form;

  void AddKey(const std::string& id) {
    cjose_err error{};
    keys_[id] = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &error);
    cjose_jwk_set_kid(keys_[id], id.data(), id.size(), &error);
  }
  void RemoveKey(const std::string& id) {
    cjose_jwk_release(keys_[id]);
    keys_.erase(id);
  }
  json PublicKey(const std::string& id) const {
    cjose_err error{};
    char* text = cjose_jwk_to_json(keys_.at(id), false, &error);
    json key = json::parse(text);
    cjose_get_dealloc()(text);
    return key;
  }

  static std::string Part(const json& part) {
    return base::Base64UrlEncode(base::AsBytes(part.dump()));
  }
  std::string Sign(const json& claims) const { return SignText(claims.dump(), sign_with); }
  std::string SignText(const std::string& text, const std::string& key_id) const {
    cjose_err error{};
    cjose_header_t* header = cjose_header_new(&error);
    cjose_header_set(header, "alg", "ES256", &error);
    cjose_header_set(header, "kid", key_id.c_str(), &error);
    cjose_jws_t* jws =
        cjose_jws_sign(keys_.at(key_id), header, reinterpret_cast<const std::uint8_t*>(text.data()),
                       text.size(), &error);
    const char* compact = nullptr;
    cjose_jws_export(jws, &compact, &error);
    std::string out = compact;
    cjose_jws_release(jws);
    cjose_header_release(header);
    return out;
  }

  // What a browser does with the URL that it is sent to: `claims` are those of whoever signs in.
  // Returns the parameters that it brings back.
  std::map<std::string, std::string> SignIn(const std::string& url, json claims) {
    std::map<std::string, std::string> query = Query(url.substr(url.find('?') + 1));
    if (!claims.contains("nonce")) claims["nonce"] = query["nonce"];
    const std::string code = "code-" + std::to_string(codes_.size());
    codes_[code] = {query["code_challenge"], std::move(claims)};
    return {{"code", code}, {"state", query["state"]}, {"iss", issuer}};
  }

  Result<net::HttpResponse> Send(const net::HttpRequest& request) const override {
    if (down) return Error{ErrorCode::kUnavailable, "connection refused"};
    const std::string what = request.url.substr(request.url.rfind('/') + 1);
    ++asked[what];
    if (what == "openid-configuration") return Reply(200, metadata.dump());
    if (what == "keys") return Reply(200, json{{"keys", Keys()}}.dump());
    if (what == "token") return Token(request);
    return Reply(404, "{}");
  }

  static std::map<std::string, std::string> Query(const std::string& text) {
    std::map<std::string, std::string> out;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('&', begin), text.size());
      const std::string pair = text.substr(begin, end - begin);
      const std::size_t equals = pair.find('=');
      std::string value;
      for (std::size_t i = equals + 1; i < pair.size(); ++i) {
        if (pair[i] != '%') {
          value += pair[i];
          continue;
        }
        value += static_cast<char>(base::HexDecode(pair.substr(i + 1, 2)).value()[0]);
        i += 2;
      }
      out[pair.substr(0, equals)] = value;
      begin = end + 1;
    }
    return out;
  }

 private:
  struct Code {
    std::string challenge;
    json claims;
  };
  static Result<net::HttpResponse> Reply(int status, const std::string& body) {
    net::HttpResponse response;
    response.status = status;
    response.body = base::SecretBytes::CopyOf(base::AsBytes(body));
    return response;
  }
  json Keys() const {
    json keys = json::array();
    for (const auto& [id, key] : keys_) keys.push_back(PublicKey(id));
    return keys;
  }
  Result<net::HttpResponse> Token(const net::HttpRequest& request) const {
    last_form = base::AsText(request.body);
    last_authorization.clear();
    for (const auto& header : request.headers) {
      if (header.name == "Authorization") last_authorization = header.value;
    }
    auto form = Query(last_form);
    const auto found = codes_.find(form["code"]);
    const std::string challenge =
        base::Base64UrlEncode(crypto::Sha256(base::AsBytes(form["code_verifier"])));
    if (found == codes_.end() || found->second.challenge != challenge)
      return Reply(400, R"({"error":"invalid_grant"})");
    const json claims = std::move(found->second.claims);
    codes_.erase(found);
    return Reply(200, json{{"access_token", "opaque"},
                           {"token_type", "Bearer"},
                           {"id_token", token_instead.empty() ? Sign(claims) : token_instead}}
                          .dump());
  }

  std::map<std::string, cjose_jwk_t*> keys_;
  mutable std::map<std::string, Code> codes_;
};

}  // namespace tenantseal::identity
