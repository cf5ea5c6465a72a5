#include "api/error_table.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <nlohmann/json.hpp>

#include "api/control_json.h"
#include "base/check.h"
#include "base/clock.h"
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

// The code that clients of Qlik's APIs look for before they get another token and try again.
constexpr ErrorRow kCsrfRow = {403, "CSRF-TOKEN-2", "The CSRF token is missing or wrong."};

struct EncryptionRow {
  model::EncryptionCode number;
  ErrorRow row;
};

using enum model::EncryptionCode;
constexpr std::array<EncryptionRow, 24> kByNumber = {{
    {kInvalidRequest, {400, "Encryption-10", "The request is not valid."}},
    {kProviderNotFound, {404, "Encryption-11", "There is no such key provider."}},
    {kFingerprintTooLong, {414, "Encryption-12", "The fingerprint is too long."}},
    {kArnMalformed, {417, "Encryption-20", "The ARN is not that of a KMS key or alias."}},
    {kArnRegistered, {409, "Encryption-21", "The key is registered already."}},
    {kWrongRegion, {406, "Encryption-22", "The key is in another region than the tenant."}},
    {kKeyUnsuitable, {406, "Encryption-23", "The key is of the wrong kind."}},
    {kKeyNotEnabled, {406, "Encryption-24", "The key is not enabled."}},
    {kReplicaMissing, {406, "Encryption-25", "The key has no replica in the backup region."}},
    {kRoundTripFailed, {406, "Encryption-26", "What the key wraps does not unwrap."}},
    {kProviderTimeout, {408, "Encryption-27", "The key provider did not answer in time."}},
    {kTooManyProviders, {409, "Encryption-28", "The tenant has too many key providers."}},
    {kKeyShared, {406, "Encryption-29", "Another tenant uses the key."}},
    {kProviderInUse, {424, "Encryption-40", "The key provider is in use."}},
    {kTargetInvalid, {424, "Encryption-41", "The target does not pass validation."}},
    {kSourceRefuses, {424, "Encryption-42", "The current key provider refuses this tenant."}},
    {kSourceUnreachable, {412, "Encryption-43", "The current key provider cannot be reached."}},
    {kMigrationOngoing, {428, "Encryption-44", "A migration is going on."}},
    {kResetWhileMigrating, {406, "Encryption-45", "A migration is going on."}},
    {kNoMigration, {404, "Encryption-46", "There is no migration."}},
    {kMigrationEnded, {409, "Encryption-47", "The migration has ended."}},
    {kAlreadyCurrent, {424, "Encryption-48", "The key provider is the current one already."}},
    {kResumeNotAccepted, {409, "Encryption-49", "The reason of the pause must be accepted."}},
    {kActionNotAllowed, {403, "Encryption-88", "The key's policy does not allow the action."}},
}};

constexpr auto kAll = [] {
  std::array<ErrorRow, kByCode.size() + kByStatus.size() + kByNumber.size() + 1> all{};
  std::size_t n = 0;
  for (const ErrorRow& row : kByCode) all[n++] = row;
  for (const ErrorRow& row : kByStatus) all[n++] = row;
  for (const EncryptionRow& row : kByNumber) all[n++] = row.row;
  all[n++] = kCsrfRow;
  return all;
}();

bool Explained(ErrorCode code) {
  return code != ErrorCode::kInternal && code != ErrorCode::kServiceFault &&
         code != ErrorCode::kIntegrity && code != ErrorCode::kWouldBlock;
}

// Whether it says something that is the operator's to know.
bool IsOfOperator(const Error& error) {
  if (error.encryption_code != 0) return false;
  if (error.code == ErrorCode::kKeyUnavailable) return true;
  if (error.code != ErrorCode::kUnavailable) return false;
  static constexpr std::array kOurs = {kQueueFull, kStreamsFull, kNoStreams, kNoWebhooks};
  return std::find(kOurs.begin(), kOurs.end(), error.message) == kOurs.end();
}

// An outage meets every request of that time: a line a second tells of it.
void LogUnavailable(const Error& error, std::string_view request_id) {
  static std::atomic<std::int64_t> quiet_until_ns{0};
  const base::Duration now = base::SystemClock().Boot().since_boot();
  std::int64_t quiet_until = quiet_until_ns;
  const std::int64_t next = (now + std::chrono::seconds(1)).count();
  if (now.count() < quiet_until || !quiet_until_ns.compare_exchange_strong(quiet_until, next))
    return;
  base::LogWarning(
      "request cannot be served now",
      {{"request", request_id}, {"code", ErrorCodeName(error.code)}, {"reason", error.message}});
}

// What the caller reads; what it may not read goes to the log instead.
std::string DetailOf(const Error& error, std::string_view request_id, Reader reader) {
  if (error.code == ErrorCode::kRateLimited) {
    return "You need to wait " + std::to_string(error.retry_after_s) +
           " seconds until limit is lifted.";
  }
  if (IsOfOperator(error)) {
    LogUnavailable(error, request_id);
    if (reader == Reader::kOperator) return error.message;
    return "Retry as the header Retry-After says; the reason is in the service's log.";
  }
  if (Explained(error.code)) return error.message;
  base::LogError(
      "request failed",
      {{"request", request_id}, {"code", ErrorCodeName(error.code)}, {"reason", error.message}});
  return "The reason is in the service's log under the request id " + std::string(request_id) + ".";
}

// `more` is a JSON object or empty.
std::string MetaJson(std::string_view field, const std::string& more) {
  if (more.empty()) return field.empty() ? "" : R"({"field":)" + JsonString(field) + "}";
  auto meta = nlohmann::json::parse(more, nullptr, /*allow_exceptions=*/false);
  if (!meta.is_object()) return MetaJson(field, "");
  if (!field.empty()) meta["field"] = field;
  return Dump(meta);
}

std::string Entry(const ErrorRow& row, std::string_view detail, const std::string& meta) {
  std::string json = R"({"code":)" + JsonString(row.code) + R"(,"title":)" + JsonString(row.title) +
                     R"(,"detail":)" + JsonString(detail);
  if (!meta.empty()) json += R"(,"meta":)" + meta;
  return json + "}";
}

std::string EntryOf(const Error& error, std::string_view request_id,
                    Reader reader = Reader::kCaller) {
  const bool explained = Explained(error.code);
  return Entry(RowOf(error), DetailOf(error, request_id, reader),
               MetaJson(error.field, explained ? error.meta : ""));
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

const ErrorRow& RowOf(const Error& error) {
  for (const EncryptionRow& row : kByNumber) {
    if (static_cast<std::uint16_t>(row.number) == error.encryption_code) return row.row;
  }
  return RowOf(error.code);
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

net::Response ErrorResponse(const Error& error, std::string_view request_id, Reader reader) {
  const ErrorRow& row = RowOf(error);
  net::Response response = Envelope(row.status, EntryOf(error, request_id, reader), request_id);
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

net::Response CsrfResponse(std::string_view request_id) {
  const std::string entry = Entry(
      kCsrfRow, "Send the header qlik-csrf-token with what GET /api/v1/csrf-token answers.", "");
  net::Response response = Envelope(kCsrfRow.status, entry, request_id);
  std::string& body = std::get<std::string>(response.body);
  // At the top level too: that is where those clients look.
  body.insert(1, R"("code":)" + JsonString(kCsrfRow.code) + ",");
  return response;
}

std::string ItemErrorJson(const Error& error, std::string_view request_id) {
  return EntryOf(error, request_id);
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

Error NotJson() {
  return InvalidArgument("body", "The body is not valid JSON (RFC 8259) in UTF-8.");
}

}  // namespace tenantseal::api
