#include "api/error_table.h"

#include <array>

#include "base/check.h"
#include "base/log.h"

namespace tenantseal::api {
namespace {

// Order of ErrorCode.
constexpr std::array<ErrorRow, 18> kByCode = {{
    {400, "invalid-argument", "The request is not valid."},
    {401, "unauthenticated", "Authentication is required."},
    {403, "permission-denied", "This key may not do that."},
    {404, "not-found", "There is no such thing."},
    {409, "already-exists", "It exists already."},
    {409, "conflict", "The present state forbids this."},
    {413, "too-large", "Something is larger than allowed."},
    {415, "unsupported-media-type", "The media type is not supported."},
    {422, "decrypt-failed", "It does not open."},
    {403, "key-revoked", "The key provider refuses this tenant's key."},
    {503, "key-unavailable", "The key provider cannot be reached."},
    {503, "key-unavailable", "The key provider cannot be reached."},
    {500, "integrity", "Stored state is not what was written."},
    {429, "HTTP-429", "API rate limit reached."},
    {503, "unavailable", "The service cannot take this now."},
    {504, "deadline-exceeded", "Time ran out."},
    {500, "internal", "Something went wrong."},
    {500, "internal", "Something went wrong."},
}};

// What only HTTP itself can get wrong.
constexpr std::array<ErrorRow, 8> kByStatus = {{
    {400, "malformed-request", "The request is not valid HTTP."},
    {405, "method-not-allowed", "The path exists, the method does not."},
    {408, "request-timeout", "The request took too long to arrive."},
    {414, "uri-too-long", "The request target is too long."},
    {417, "expectation-failed", "The expectation cannot be met."},
    {431, "headers-too-large", "The request headers are too large."},
    {501, "not-implemented", "The transfer coding is not supported."},
    {505, "http-version-not-supported", "The HTTP version is not supported."},
}};

constexpr auto kAll = [] {
  std::array<ErrorRow, kByCode.size() + kByStatus.size()> all{};
  std::size_t n = 0;
  for (const ErrorRow& row : kByCode) all[n++] = row;
  for (const ErrorRow& row : kByStatus) all[n++] = row;
  return all;
}();

bool Explained(ErrorCode code) {
  return code != ErrorCode::kInternal && code != ErrorCode::kServiceFault &&
         code != ErrorCode::kIntegrity && code != ErrorCode::kWouldBlock;
}

// What the caller reads; what it may not read goes to the log instead.
std::string DetailOf(const Error& error, std::string_view request_id) {
  if (error.code == ErrorCode::kRateLimited) {
    return "You need to wait " + std::to_string(error.retry_after_s) +
           " seconds until limit is lifted.";
  }
  if (Explained(error.code)) return error.message;
  base::LogError(
      "request failed",
      {{"request", request_id}, {"code", ErrorCodeName(error.code)}, {"reason", error.message}});
  return "The reason is in the service's log under the request id " + std::string(request_id) + ".";
}

std::string Entry(const ErrorRow& row, std::string_view detail, std::string_view field) {
  std::string json = R"({"code":)" + JsonString(row.code) + R"(,"title":)" + JsonString(row.title) +
                     R"(,"detail":)" + JsonString(detail);
  if (!field.empty()) json += R"(,"meta":{"field":)" + JsonString(field) + "}";
  return json + "}";
}

net::Response Envelope(int status, const std::string& entry, std::string_view request_id) {
  net::Response response;
  response.status = status;
  response.body = R"({"errors":[)" + entry + R"(],"traceId":)" + JsonString(request_id) + "}";
  return response;
}

}  // namespace

const ErrorRow& RowOf(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  TS_CHECK(index < kByCode.size());
  return kByCode[index];
}

const ErrorRow& RowOfStatus(int status) {
  for (const ErrorRow& row : kByStatus) {
    if (row.status == status) return row;
  }
  for (const ErrorRow& row : kByCode) {
    if (row.status == status) return status == 503 ? RowOf(ErrorCode::kUnavailable) : row;
  }
  return RowOf(ErrorCode::kInternal);
}

std::span<const ErrorRow> AllErrorRows() { return kAll; }

net::Response ErrorResponse(const Error& error, std::string_view request_id) {
  const ErrorRow& row = RowOf(error.code);
  net::Response response =
      Envelope(row.status, Entry(row, DetailOf(error, request_id), error.field), request_id);
  if (row.status == 503 || row.status == 429) {
    response.headers.push_back(
        {"Retry-After", std::to_string(std::max<std::uint32_t>(1, error.retry_after_s))});
  }
  if (row.status == 401) response.headers.push_back({"WWW-Authenticate", "Bearer"});
  return response;
}

net::Response StatusResponse(int status, std::string_view detail, std::string_view request_id) {
  return Envelope(status, Entry(RowOfStatus(status), detail, ""), request_id);
}

std::string ItemErrorJson(const Error& error, std::string_view request_id) {
  return Entry(RowOf(error.code), DetailOf(error, request_id), error.field);
}

std::string JsonString(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c < ' ') {
      out += "\\u00";
      out += kHex[c >> 4];
      out += kHex[c & 15];
    } else {
      out += static_cast<char>(c);
    }
  }
  return out += '"';
}

}  // namespace tenantseal::api
