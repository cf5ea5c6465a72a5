#include "emulator/auth.h"

#include <array>
#include <unordered_map>

#include "aws/region.h"

namespace tenantseal::emulator {
namespace {

constexpr std::size_t kSigningKeysMax = 1000;  // Per thread.

struct SigningKeyEntry {
  std::shared_ptr<const AccessKey> access_key;  // Another key of the same id has another entry.
  base::Secret256 signing_key;
  std::shared_ptr<const TrailIdentity> who;
};

// Null: the claim's scope names a region that does not exist.
const SigningKeyEntry* SigningKeyFor(const Claim& claim) {
  thread_local std::unordered_map<std::string, SigningKeyEntry> entries;
  thread_local std::string name;
  const aws::Scope& scope = claim.authorization->scope;
  name.assign(claim.key->id).append(1, '/').append(scope.date);
  name.append(1, '/').append(scope.region).append(1, '/').append(scope.service);
  const auto found = entries.find(name);
  if (found != entries.end() && found->second.access_key == claim.key) return &found->second;
  if (!aws::PartitionOfRegion(scope.region)) return nullptr;
  if (entries.size() >= kSigningKeysMax) entries.clear();
  SigningKeyEntry& entry = entries[name];
  entry = {claim.key, aws::SigningKey(claim.key->secret, scope),
           TrailIdentityOf(claim.key->caller)};
  return &entry;
}

Fault WrongRegion(const std::string& region) {
  return {400, "InvalidSignatureException",
          "Credential should be scoped to a valid region, not '" + region + "'. "};
}

Fault InvalidToken() {
  return {400, "UnrecognizedClientException",
          "The security token included in the request is invalid."};
}

Fault FaultOf(const aws::SignatureVerdict& verdict) {
  switch (verdict.fault) {
    case aws::SignatureFault::kMissingToken:
      return {400, "MissingAuthenticationTokenException", verdict.message};
    case aws::SignatureFault::kIncomplete:
      return {400, "IncompleteSignatureException", verdict.message};
    default:
      return {400, "InvalidSignatureException", verdict.message};
  }
}

}  // namespace

std::shared_ptr<const AccessKey> RootOf(const std::string& account) {
  auto key = std::make_shared<AccessKey>();
  key->caller.identity.account = account;
  key->caller.identity.arn = "arn:aws:iam::" + account + ":root";
  key->caller.identity.user_id = account;
  return key;
}

Answer<Claim> Authenticator::Identify(const net::Request& request) const {
  const auto header = request.Header("Authorization");
  if (root_) {
    Claim claim{root_, std::nullopt};
    if (header) {
      if (auto parsed = aws::ParseAuthorization(*header)) claim.authorization = std::move(*parsed);
    }
    return claim;
  }
  if (!header) {
    return Fault{400, "MissingAuthenticationTokenException", "Missing Authentication Token"};
  }
  Result<aws::Authorization> parsed = aws::ParseAuthorization(*header);
  if (!parsed) return Fault{400, "IncompleteSignatureException", parsed.error().message};
  std::shared_ptr<const AccessKey> key =
      world_.Read([&](const Contents& contents) -> std::shared_ptr<const AccessKey> {
        const auto found = contents.access_keys.find(parsed->access_key_id);
        return found == contents.access_keys.end() ? nullptr : found->second;
      });
  if (!key) return InvalidToken();
  const std::string_view token = request.Header("X-Amz-Security-Token").value_or("");
  if (!base::ConstantTimeEqual(base::AsBytes(token), base::AsBytes(key->session_token)))
    return InvalidToken();
  if (key->expires && *key->expires <= world_.Now()) {
    return Fault{400, "ExpiredTokenException",
                 "The security token included in the request is expired"};
  }
  return Claim{std::move(key), std::move(*parsed)};
}

Answer<std::shared_ptr<const TrailIdentity>> Authenticator::Verify(const net::Request& request,
                                                                   const Claim& claim,
                                                                   std::string_view service,
                                                                   std::string_view region,
                                                                   base::Duration skew) const {
  if (root_) {
    if (claim.authorization && !aws::PartitionOfRegion(claim.authorization->scope.region))
      return WrongRegion(claim.authorization->scope.region);
    return TrailIdentityOf(claim.key->caller);
  }
  const aws::Authorization& authorization = *claim.authorization;
  if (!region.empty() && authorization.scope.region != region)
    return WrongRegion(authorization.scope.region);
  const SigningKeyEntry* entry = SigningKeyFor(claim);
  if (entry == nullptr) return WrongRegion(authorization.scope.region);
  std::array<std::pair<std::string_view, std::string_view>, net::kHeadersMax> headers;
  std::size_t count = 0;
  for (const net::HeaderField& field : request.headers) {
    if (count < headers.size()) headers[count++] = {field.name, field.value};
  }
  const aws::SignableRequest signable{.method = net::MethodName(request.method),
                                      .path = request.path,
                                      .query = request.query,
                                      .headers = std::span(headers).first(count),
                                      .body = request.body};
  const aws::SignatureVerdict verdict =
      aws::VerifySignature(signable, authorization, entry->signing_key, service, Now(skew));
  if (verdict.fault != aws::SignatureFault::kNone) return FaultOf(verdict);
  return entry->who;
}

}  // namespace tenantseal::emulator
