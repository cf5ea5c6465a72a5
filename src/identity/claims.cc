#include "identity/claims.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "base/encoding.h"
#include "base/limits.h"
#include "identity/hostile_json.h"
#include "identity/jose.h"

namespace tenantseal::identity {
namespace {

using nlohmann::json;

constexpr std::size_t kSubjectCharsMax = 255;  // OpenID Connect Core section 2.
constexpr std::size_t kAudiencesMax = 64;
constexpr std::size_t kRoleValuesMax = 1000;
constexpr std::size_t kTextMax = 1024;
constexpr base::Duration kIssuedAgoMax = std::chrono::hours(24);
constexpr double kSecondsMax = 1e11;  // Far beyond any date.

Error NoAccess(const std::string& claim, const std::string& why) {
  return {ErrorCode::kPermissionDenied, "the claim " + claim + " " + why, claim};
}

// NumericDate of RFC 7519; nothing when it is missing or none.
std::optional<base::UtcTime> TimeClaim(const json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  const double seconds = found->get<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kSecondsMax) return std::nullopt;
  return base::UtcTime(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
}

std::vector<std::string> Audiences(const json& claims) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return {};
  if (found->is_string()) return {found->get<std::string>()};
  if (!found->is_array() || found->size() > kAudiencesMax) return {};
  std::vector<std::string> out;
  for (const json& one : *found) {
    if (!one.is_string()) return {};
    out.push_back(one.get<std::string>());
  }
  return out;
}

bool Contains(const std::vector<std::string>& texts, const std::string& text) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

// Issuer and times. Returns when it expires.
Result<base::UtcTime> CheckCommon(const json& claims, const ClaimRules& rules, base::UtcTime now) {
  if (TextMember(claims, "iss", kTextMax) != rules.issuer)
    return BadToken("it is of another issuer");
  const auto expires = TimeClaim(claims, "exp");
  if (!expires) return BadToken("it never expires");
  if (*expires + kClockSkew <= now) return BadToken("it has expired");
  if (claims.contains("nbf")) {
    const auto begins = TimeClaim(claims, "nbf");
    if (!begins || *begins - kClockSkew > now) return BadToken("it does not hold yet");
  }
  if (claims.contains("iat")) {
    const auto issued = TimeClaim(claims, "iat");
    if (!issued || *issued - kClockSkew > now) return BadToken("it is of the future");
  }
  return *expires;
}

// The claim of this name, else the one at this path.
const json* FindClaim(const json& claims, const std::string& name) {
  if (const auto whole = claims.find(name); whole != claims.end()) return &*whole;
  const json* at = &claims;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    if (!at->is_object()) return nullptr;
    const auto next = at->find(name.substr(begin, end - begin));
    if (next == at->end()) return nullptr;
    at = &*next;
    begin = end + 1;
  }
  return at;
}

std::vector<std::string> RoleValues(const json& claim) {
  if (claim.is_string()) return {claim.get<std::string>()};
  std::vector<std::string> out;
  if (!claim.is_array() || claim.size() > kRoleValuesMax) return out;
  for (const json& one : claim) {
    if (one.is_string()) out.push_back(one.get<std::string>());
  }
  return out;
}

Result<model::Role> RoleOf(const json& claims, const ClaimRules& rules) {
  const json* claim = FindClaim(claims, rules.role_claim);
  if (claim == nullptr) return NoAccess(rules.role_claim, "is missing");
  const std::vector<std::string> values = RoleValues(*claim);
  for (const auto& [value, role] : rules.role_map) {
    if (Contains(values, value)) return role;
  }
  if (rules.role_map.empty()) {
    using enum model::Role;
    for (const model::Role role : {kPlatformOperator, kTenantAdmin, kContentService, kAuditor}) {
      if (Contains(values, std::string(model::RoleName(role)))) return role;
    }
  }
  return NoAccess(rules.role_claim, "gives no role here");
}

// A text to be shown: UTF-8, not long, without control characters. Empty when it is not.
std::string Shown(const std::optional<std::string>& text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (!text || !base::IsUtf8(*text) || std::any_of(text->begin(), text->end(), is_control))
    return "";
  return *text;
}

}  // namespace

Result<base::UtcTime> CheckIdToken(const json& claims, const ClaimRules& rules,
                                   std::string_view nonce, base::UtcTime now) {
  TS_ASSIGN_OR_RETURN(const base::UtcTime expires, CheckCommon(claims, rules, now));
  const std::vector<std::string> audiences = Audiences(claims);
  if (!Contains(audiences, rules.client_id)) return BadToken("it is for another client");
  const auto party = TextMember(claims, "azp", kTextMax);
  const bool needs_party = audiences.size() > 1 || claims.contains("azp");
  if (needs_party && party != rules.client_id) return BadToken("it was given to another client");
  const auto issued = TimeClaim(claims, "iat");
  if (!issued || *issued + kIssuedAgoMax < now) return BadToken("it was issued long ago");
  const std::string presented = TextMember(claims, "nonce", kTextMax).value_or("");
  if (!base::ConstantTimeEqual(base::AsBytes(presented), base::AsBytes(nonce)))
    return BadToken("its nonce is of another sign-in");
  return expires;
}

Result<base::UtcTime> CheckBearer(const json& claims, const ClaimRules& rules, base::UtcTime now) {
  TS_ASSIGN_OR_RETURN(const base::UtcTime expires, CheckCommon(claims, rules, now));
  const std::vector<std::string> audiences = Audiences(claims);
  const bool meant = std::any_of(rules.audiences.begin(), rules.audiences.end(),
                                 [&](const std::string& own) { return Contains(audiences, own); });
  if (!meant) return BadToken("it is for another audience");
  return expires;
}

Result<Identity> ReadIdentity(const json& claims, const ClaimRules& rules) {
  const auto subject = TextMember(claims, "sub", kSubjectCharsMax);
  const auto is_ascii = [](char c) { return c >= ' ' && c < 0x7f; };
  if (!subject || subject->front() == ' ' || subject->back() == ' ' ||
      !std::all_of(subject->begin(), subject->end(), is_ascii))
    return BadToken("its subject is missing or not printable ASCII");
  Identity who{"user:" + *subject};
  who.with = model::SignedInWith::kOidc;
  TS_ASSIGN_OR_RETURN(who.role, RoleOf(claims, rules));
  who.name = Shown(TextMember(claims, "name", base::kNameBytesMax));
  if (who.name.empty())
    who.name = Shown(TextMember(claims, "preferred_username", base::kNameBytesMax));
  const auto verified = claims.find("email_verified");
  if (verified == claims.end() || *verified != false)
    who.email = Shown(TextMember(claims, "email", base::kNameBytesMax));
  // An operator serves the whole deployment; everybody else one tenant.
  if (who.role == model::Role::kPlatformOperator) return who;
  const json* tenant = FindClaim(claims, rules.tenant_claim);
  if (tenant == nullptr) return NoAccess(rules.tenant_claim, "is missing");
  if (!tenant->is_string()) return NoAccess(rules.tenant_claim, "is not a text");
  const auto id = model::TenantId::Parse(tenant->get_ref<const std::string&>());
  if (!id) return NoAccess(rules.tenant_claim, "is not a tenant's id");
  who.tenant = *id;
  return who;
}

}  // namespace tenantseal::identity
