#include "net/beast/response_head.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "net/header_rules.h"

namespace tenantseal::net::beast {
namespace {

std::string_view Reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 417: return "Expectation Failed";
    case 422: return "Unprocessable Content";
    case 424: return "Failed Dependency";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "";  // RFC 9112 section 4: the reason may be empty.
  }
}

void AppendNumber(std::uint64_t number, std::string& out) {
  std::array<char, 20> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

bool Has(const Response& response, std::string_view name) {
  for (const ResponseHeader& field : response.headers) {
    if (EqualsIgnoreCase(field.name, name)) return true;
  }
  return false;
}

void AppendField(const ResponseHeader& field, std::string& out) {
  out += "\r\n";
  out += field.name;
  out += ": ";
  out += field.value;
}

// Fields that frame the message or that the server writes itself.
bool IsOwnField(std::string_view name) {
  for (std::string_view own : {"Content-Length", "Content-Type", "Transfer-Encoding", "Connection",
                               "Date", "X-Request-Id"}) {
    if (EqualsIgnoreCase(name, own)) return true;
  }
  return false;
}

}  // namespace

bool StatusHasBody(int status) { return status != 204 && status != 304; }

bool IsSendable(const Response& response) {
  if (response.status < 200 || response.status > 599) return false;
  if (!IsHeaderValue(response.content_type)) return false;
  for (const ResponseHeader& field : response.headers) {
    if (!IsToken(field.name) || !IsHeaderValue(field.value) || IsOwnField(field.name)) return false;
  }
  return true;
}

void AppendHead(const Response& response, const HeadContext& context, std::string& out) {
  const std::size_t length = response.status == 205 ? 0 : response.BodyBytes().size();
  out += "HTTP/1.1 ";
  AppendNumber(static_cast<std::uint64_t>(response.status), out);
  out += ' ';
  out += Reason(response.status);
  if (StatusHasBody(response.status)) {
    if ((length > 0 || response.stream) && !response.content_type.empty()) {
      out += "\r\nContent-Type: ";
      out += response.content_type;
    }
    if (response.stream) {
      out += "\r\nTransfer-Encoding: chunked";
    } else {
      out += "\r\nContent-Length: ";
      AppendNumber(length, out);
    }
  }
  out += "\r\nDate: ";
  if (response.date) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*response.date);
    out += HttpDate(seconds.time_since_epoch().count());
  } else {
    out += context.date;
  }
  if (!context.request_id.empty()) {
    out += "\r\nX-Request-Id: ";
    out += context.request_id;
  }
  for (const ResponseHeader& field : response.headers) AppendField(field, out);
  for (const ResponseHeader& field : context.defaults) {
    if (!Has(response, field.name)) AppendField(field, out);
  }
  if (!context.keep_alive) {
    out += "\r\nConnection: close";
  } else if (!context.http11) {
    out += "\r\nConnection: keep-alive";
  }
  out += "\r\n\r\n";
}

std::string HttpDate(std::int64_t utc_seconds) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = utc_seconds;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                utc.tm_min, utc.tm_sec);
  return text.data();
}

}  // namespace tenantseal::net::beast
