// api/ is the HTTP API: routes, JSON in and out, limits, and the one table of errors. It decides
// who may call what and translates between HTTP and the folders below; it holds no state but rate
// limits and counts, and knows nothing of storage, sockets or cryptography.
//
// Promises: every refusal is the envelope below with a code of docs/errors.md and the field at
// fault; bodies that carry plaintext or keys never pass through a general JSON tree; a request that
// needs no I/O is answered on the thread that read it.
//
// Start at routes.h (what there is) and handler.h (the way of a request).
//
// This file: error codes and the envelope
//   {"errors":[{"code","title","detail","meta":{"field", ...}}],"traceId"}.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/encryption_codes.h"
#include "net/message.h"

namespace tenantseal::api {

struct ErrorRow {
  int status;
  std::string_view code;  // What clients may test for.
  std::string_view title;
};

// The row of an error: that of its encryption_code if it has one, else of its code.
const ErrorRow& RowOf(const Error& error);
// The row of an ErrorCode, and the row of a status that the HTTP server answers by itself.
const ErrorRow& RowOf(ErrorCode code);
const ErrorRow& RowOfStatus(int status);
// Every row, for documentation and its test.
std::span<const ErrorRow> AllErrorRows();

// The error of a body that is not JSON, whoever reads it.
Error NotJson();

// What the API itself cannot take just now.
inline constexpr std::string_view kQueueFull =
    "Too many requests are waiting. Retry after a second.";
inline constexpr std::string_view kStreamsFull =
    "Too many streams are open. Ask for the state instead.";
inline constexpr std::string_view kNoStreams =
    "This server streams nothing. Ask for the state instead.";
inline constexpr std::string_view kNoWebhooks = "This process has no webhooks.";

enum class Reader : std::uint8_t { kCaller, kOperator };

// A whole response for `error`. What is internal (kInternal, kServiceFault, kIntegrity) is logged
// with the request id and not explained to the caller. Neither is what the store and key providers
// say when they are unavailable, which names files, roots and credentials: that is for operators
// and the log. Error::meta stands beside the field.
net::Response ErrorResponse(const Error& error, std::string_view request_id,
                            Reader reader = Reader::kCaller);
// The same for a status without an ErrorCode.
net::Response StatusResponse(int status, std::string_view detail, std::string_view request_id);

// The answer to a change that a session asks for without its CSRF token.
net::Response CsrfResponse(std::string_view request_id);

// The "error" object of a batch item: {"code","title","detail"}.
std::string ItemErrorJson(const Error& error, std::string_view request_id);

// `text` as a JSON string with its quotes.
std::string JsonString(std::string_view text);

}  // namespace tenantseal::api
