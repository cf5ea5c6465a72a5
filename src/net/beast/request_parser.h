// Beast's request parser, made to keep views into the buffer it is fed instead of copies, and
// stricter where RFC 9112 leaves two readers room to disagree.
#pragma once

#include <array>
#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/message.h"

namespace tenantseal::net::beast {

// Why a request is refused: a status and a fixed sentence. Status 0: it is not.
struct Refusal {
  int status = 0;
  std::string_view detail;
};

// Parses the head of one request. It must lie in one buffer that does not move between calls of
// put(); the views of `method` to `fields` point into it. Bodies are not its business. A refusal of
// its own is in `refusal`; any other error of put() is a malformed request. Not thread-safe.
class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  RequestParser();

  Method method = Method::kOther;
  std::string_view target;
  int version = 11;
  std::array<HeaderField, kHeadersMax> fields;
  std::size_t field_count = 0;
  bool chunked = false;     // Transfer-Encoding: chunked, and nothing else.
  bool has_length = false;  // Content-Length.
  bool expects_continue = false;
  Refusal refusal;

  // The end of the buffer that put() is given: set it before each call.
  const char* buffer_end = nullptr;

 private:
  using error_code = boost::beast::error_code;
  using view = boost::beast::string_view;
  enum Once : std::uint8_t {
    kHost,
    kContentLength,
    kTransferEncoding,
    kContentType,
    kAuthorization,
    kExpect
  };

  void on_request_impl(boost::beast::http::verb verb, view method_text, view target_text,
                       int http_version, error_code& ec) override;
  void on_response_impl(int, view, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field field, view name, view value,
                     error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, view body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  // Whether the value continues on a second line, which RFC 9112 section 5.2 lets a server refuse.
  bool Folded(std::string_view name, std::string_view value) const;
  // Whether this is the first time that the field occurs; else refuses the request.
  bool First(Once field, error_code& ec);
  void Refuse(int status, std::string_view detail, error_code& ec);

  std::uint8_t seen_ = 0;  // Bits of Once.
};

}  // namespace tenantseal::net::beast
