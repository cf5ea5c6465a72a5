#include "net/beast/request_parser.h"

#include <cstdint>

#include <boost/beast/http/error.hpp>

namespace tenantseal::net::beast {
namespace {

namespace http = boost::beast::http;

std::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

Method FromVerb(http::verb verb) {
  switch (verb) {
    case http::verb::get: return Method::kGet;
    case http::verb::head: return Method::kHead;
    case http::verb::post: return Method::kPost;
    case http::verb::put: return Method::kPut;
    case http::verb::patch: return Method::kPatch;
    case http::verb::delete_: return Method::kDelete;
    case http::verb::options: return Method::kOptions;
    default: return Method::kOther;
  }
}

}  // namespace

RequestParser::RequestParser() {
  header_limit(UINT32_MAX);  // The reader bounds the head by its arena, in total.
  body_limit(boost::none);   // And the body itself.
}

void RequestParser::Refuse(int status, std::string_view detail, error_code& ec) {
  refusal = {status, detail};
  ec = http::error::bad_value;
}

bool RequestParser::First(Once field, error_code& ec) {
  const auto bit = static_cast<std::uint8_t>(1U << field);
  if ((seen_ & bit) != 0) {
    Refuse(400, "A header that may occur once occurs twice.", ec);
    return false;
  }
  seen_ |= bit;
  return true;
}

void RequestParser::on_request_impl(http::verb verb, view, view target_text, int http_version,
                                    error_code&) {
  method = FromVerb(verb);
  target = View(target_text);
  version = http_version;
}

bool RequestParser::Folded(std::string_view name, std::string_view value) const {
  const auto begin = reinterpret_cast<std::uintptr_t>(name.data() + name.size()) + 1;
  const auto end = reinterpret_cast<std::uintptr_t>(buffer_end);
  const auto at = reinterpret_cast<std::uintptr_t>(value.data());
  if (at < begin || at > end) return true;  // Joined by Beast in a buffer of its own.
  const std::string_view between(name.data() + name.size() + 1, at - begin);
  return between.find_first_not_of(" \t") != between.npos;
}

void RequestParser::on_field_impl(http::field field, view name, view value_text, error_code& ec) {
  const std::string_view value = View(value_text);
  if (Folded(View(name), value)) {
    return Refuse(400, "A header is folded over several lines.", ec);
  }
  if (field_count == kHeadersMax) return Refuse(431, "There are too many headers.", ec);
  fields[field_count++] = {View(name), value};
  switch (field) {
    case http::field::host:
      First(kHost, ec);
      return;
    case http::field::content_type:
      First(kContentType, ec);
      return;
    case http::field::authorization:
      First(kAuthorization, ec);
      return;
    case http::field::content_length:
      if (!First(kContentLength, ec)) return;
      // Stricter than Beast, which takes a list of equal lengths.
      if (value.empty() || value.find_first_not_of("0123456789") != value.npos) {
        return Refuse(400, "Content-Length is not a number.", ec);
      }
      has_length = true;
      return;
    case http::field::transfer_encoding:
      if (!First(kTransferEncoding, ec)) return;
      if (!EqualsIgnoreCase(value, "chunked")) {
        return Refuse(501, "The only transfer coding known here is chunked.", ec);
      }
      chunked = true;
      return;
    case http::field::expect:
      if (!First(kExpect, ec)) return;
      if (!EqualsIgnoreCase(value, "100-continue")) {
        return Refuse(417, "The only expectation known here is 100-continue.", ec);
      }
      expects_continue = version == 11;
      return;
    default:
      return;
  }
}

void RequestParser::on_header_impl(error_code& ec) {
  if (chunked && has_length) {
    return Refuse(400, "Content-Length and Transfer-Encoding exclude each other.", ec);
  }
  if (chunked && version < 11) return Refuse(400, "HTTP/1.0 knows no transfer coding.", ec);
  if (version == 11 && (seen_ & (1U << kHost)) == 0) {
    return Refuse(400, "HTTP/1.1 requires the header Host.", ec);
  }
}

}  // namespace tenantseal::net::beast
