#include <algorithm>

#include "aws/quote.h"
#include "aws/sigv4.h"
#include "base/encoding.h"
#include "crypto/digest.h"
#include "net/message.h"

namespace tenantseal::aws {
namespace {

constexpr std::size_t kHeaderCharsMax = 4096;
constexpr std::size_t kSignedHeadersMax = 64;
constexpr std::size_t kAccessKeyIdCharsMax = 128;  // IAM API: accessKeyIdType.
constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr base::Duration kSkewMax = std::chrono::minutes(15);

Error Incomplete(std::string message) { return {ErrorCode::kInvalidArgument, std::move(message)}; }

// AWS's way to speak of the header without repeating it.
std::string HashOf(std::string_view header) {
  return " (Hashed with SHA-256 and encoded with Base64) Authorization=" +
         base::Base64Encode(crypto::Sha256(base::AsBytes(header)));
}

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The part before `separator`, which leaves `rest` with the separator.
std::string_view TakeUntil(char separator, std::string_view& rest) {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return part;
}

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Result<void> ReadCredential(std::string_view credential, Authorization& out) {
  std::array<std::string_view, 5> parts;
  if (std::ranges::count(credential, '/') != 4) {
    return Incomplete(
        "Credential must have exactly 5 slash-delimited elements, e.g. "
        "keyid/date/region/service/term, got " +
        Quote(credential));
  }
  for (std::string_view& part : parts) part = TakeUntil('/', credential);
  const auto [id, date, region, service, terminator] = parts;
  const bool id_ok =
      !id.empty() && id.size() <= kAccessKeyIdCharsMax && std::ranges::all_of(id, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               c == '_';
      });
  if (!id_ok) return Incomplete("Credential has a malformed access key id " + Quote(id) + ".");
  const bool date_ok =
      date.size() == 8 && std::ranges::all_of(date, [](char c) { return c >= '0' && c <= '9'; });
  if (!date_ok) {
    return Incomplete("Date in Credential scope must be YYYYMMDD, got " + Quote(date) + ".");
  }
  if (!IsName(region)) return Incomplete("Credential should be scoped to a valid region.");
  if (!IsName(service)) return Incomplete("Credential should be scoped to a valid service.");
  if (terminator != "aws4_request") {
    return Incomplete("Credential should be scoped with a valid terminator: 'aws4_request', not " +
                      Quote(terminator) + ".");
  }
  out.access_key_id = id;
  out.scope = {std::string(date), std::string(region), std::string(service)};
  return {};
}

Result<void> ReadSignedHeaders(std::string_view names, Authorization& out) {
  const auto is_header_char = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  out.signed_headers.reserve(8);
  while (!names.empty()) {
    const std::string_view name = TakeUntil(';', names);
    if (name.empty() || !std::ranges::all_of(name, is_header_char) ||
        (!out.signed_headers.empty() && out.signed_headers.back() >= name) ||
        out.signed_headers.size() == kSignedHeadersMax) {
      return Incomplete(
          "SignedHeaders must be names in lower case, sorted, separated by ';', each once; " +
          Quote(name) + " is not.");
    }
    out.signed_headers.emplace_back(name);
  }
  return {};
}

bool IsSigned(std::span<const std::string> signed_headers, std::string_view name) {
  return std::ranges::any_of(signed_headers, [&](const std::string& signed_name) {
    return net::EqualsIgnoreCase(signed_name, name);
  });
}

bool MustBeSigned(std::string_view name) {
  return net::EqualsIgnoreCase(name, "content-type") ||
         (name.size() > 6 && net::EqualsIgnoreCase(name.substr(0, 6), "x-amz-"));
}

SignatureVerdict Fault(SignatureFault fault, std::string message) {
  return {fault, std::move(message)};
}

SignatureVerdict CheckCoverage(const SignableRequest& request,
                               std::span<const std::string> signed_headers) {
  if (!IsSigned(signed_headers, "host")) {
    return Fault(SignatureFault::kIncomplete,
                 "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const auto& [name, value] : request.headers) {
    if (MustBeSigned(name) && !IsSigned(signed_headers, name)) {
      return Fault(SignatureFault::kIncomplete,
                   Quote(name) + " must be a 'SignedHeader' in the AWS Authorization.");
    }
  }
  for (const std::string& name : signed_headers) {
    const bool there = std::ranges::any_of(request.headers, [&](const auto& header) {
      return net::EqualsIgnoreCase(header.first, name);
    });
    if (!there) {
      return Fault(SignatureFault::kInvalid,
                   "The header " + Quote(name) + " is signed, but the request has none.");
    }
  }
  return {};
}

SignatureVerdict CheckScope(const Scope& scope, std::string_view amz_date, std::string_view service,
                            std::string_view region) {
  if (scope.service != service) {
    return Fault(SignatureFault::kInvalid,
                 "Credential should be scoped to correct service: '" + std::string(service) + "'.");
  }
  if (!region.empty() && scope.region != region) {
    return Fault(SignatureFault::kInvalid,
                 "Credential should be scoped to a valid region, not '" + scope.region + "'.");
  }
  if (scope.date != amz_date.substr(0, 8)) {
    return Fault(SignatureFault::kInvalid,
                 "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                 "from HTTP: '" +
                     scope.date + "' != '" + std::string(amz_date.substr(0, 8)) + "', from '" +
                     std::string(amz_date) + "'.");
  }
  return {};
}

SignatureVerdict CheckTime(std::string_view amz_date, base::UtcTime signed_at, base::UtcTime now) {
  const auto bound = std::chrono::duration_cast<std::chrono::milliseconds>(kSkewMax);
  if (now - signed_at > bound) {
    return Fault(SignatureFault::kExpired, "Signature expired: " + std::string(amz_date) +
                                               " is now earlier than " + AmzDate(now - bound) +
                                               " (" + AmzDate(now) + " - 15 min.)");
  }
  if (signed_at - now > bound) {
    return Fault(SignatureFault::kNotYetCurrent,
                 "Signature not yet current: " + std::string(amz_date) + " is still later than " +
                     AmzDate(now + bound) + " (" + AmzDate(now) + " + 15 min.)");
  }
  return {};
}

}  // namespace

Result<Authorization> ParseAuthorization(std::string_view header) {
  if (header.size() > kHeaderCharsMax) {
    return Incomplete("Authorization header is longer than " + std::to_string(kHeaderCharsMax) +
                      " characters.");
  }
  std::string_view rest = Trimmed(header);
  const std::string_view algorithm = TakeUntil(' ', rest);
  if (algorithm != kAlgorithm) {
    return Incomplete("Unsupported AWS 'algorithm': " + Quote(algorithm, 40) + "." +
                      HashOf(header));
  }
  std::string_view credential, names, signature;
  while (!rest.empty()) {
    std::string_view value = Trimmed(TakeUntil(',', rest));
    const bool assigned = value.contains('=');
    const std::string_view key = TakeUntil('=', value);
    std::string_view* part = key == "Credential"      ? &credential
                             : key == "SignedHeaders" ? &names
                             : key == "Signature"     ? &signature
                                                      : nullptr;
    if (part == nullptr || !assigned || part->data() != nullptr) {
      return Incomplete("Invalid key=value pair in Authorization header: " + Quote(key, 40) + "." +
                        HashOf(header));
    }
    *part = value;
  }
  std::string missing;
  if (credential.empty()) missing += "Authorization header requires 'Credential' parameter. ";
  if (signature.empty()) missing += "Authorization header requires 'Signature' parameter. ";
  if (names.empty()) missing += "Authorization header requires 'SignedHeaders' parameter. ";
  if (!missing.empty()) {
    missing.pop_back();
    return Incomplete(missing + HashOf(header));
  }
  Authorization out;
  TS_RETURN_IF_ERROR(ReadCredential(credential, out));
  TS_RETURN_IF_ERROR(ReadSignedHeaders(names, out));
  const bool is_hex = signature.size() == 64 && std::ranges::all_of(signature, [](char c) {
                        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                      });
  if (!is_hex) {
    return Incomplete(
        "Signature in Authorization header must be 64 lower-case hexadecimal "
        "digits." +
        HashOf(header));
  }
  out.signature = signature;
  return out;
}

SignatureVerdict VerifySignature(const SignableRequest& request, const Authorization& authorization,
                                 const base::Secret256& signing_key, std::string_view service,
                                 base::UtcTime now, std::string_view region) {
  const auto dated = std::ranges::find_if(request.headers, [](const auto& header) {
    return net::EqualsIgnoreCase(header.first, "x-amz-date");
  });
  if (dated == request.headers.end()) {
    return Fault(SignatureFault::kIncomplete,
                 "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
                 "header.");
  }
  const std::string_view amz_date = dated->second;
  const auto signed_at = ParseAmzDate(amz_date);
  if (!signed_at) {
    return Fault(SignatureFault::kIncomplete,
                 signed_at.error().message + " Got " + Quote(amz_date, 40) + ".");
  }
  if (auto verdict = CheckCoverage(request, authorization.signed_headers);
      verdict.fault != SignatureFault::kNone) {
    return verdict;
  }
  if (auto verdict = CheckScope(authorization.scope, amz_date, service, region);
      verdict.fault != SignatureFault::kNone) {
    return verdict;
  }
  if (auto verdict = CheckTime(amz_date, *signed_at, now); verdict.fault != SignatureFault::kNone) {
    return verdict;
  }
  const std::string canonical = CanonicalRequest(request, authorization.signed_headers,
                                                 base::HexEncode(crypto::Sha256(request.body)));
  const std::string expected =
      Signature(signing_key, StringToSign(amz_date, authorization.scope, canonical));
  if (!base::ConstantTimeEqual(base::AsBytes(expected), base::AsBytes(authorization.signature))) {
    return Fault(SignatureFault::kInvalid,
                 "The request signature we calculated does not match the signature you provided. "
                 "Check your AWS Secret Access Key and signing method. Consult the service "
                 "documentation for details.");
  }
  return {};
}

}  // namespace tenantseal::aws
