// For the tests of servers: a raw client socket, and a handler made of a function.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/file.h"
#include "net/http_server.h"

namespace tenantseal::net::testing {

// A connection to 127.0.0.1. Every wait ends after ten seconds as if the peer had closed.
class TestSocket {
 public:
  explicit TestSocket(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval ten_seconds{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &ten_seconds, sizeof(ten_seconds));
    setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &ten_seconds, sizeof(ten_seconds));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }

  bool connected() const { return connected_; }

  // Whether the kernel took all of it.
  bool Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void EndSending() { shutdown(fd_.get(), SHUT_WR); }
  void Close() { fd_.Reset(); }

  // The next response, head and body, as it came; empty when the peer has closed. `head_only`
  // for answers to HEAD and without a body.
  std::string Receive(bool head_only = false) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == buffer_.npos) {
      if (!Fill()) return std::exchange(buffer_, {});
    }
    end += 4;
    const std::size_t at = buffer_.find("Content-Length: ");
    if (!head_only && at < end) end += std::stoul(buffer_.substr(at + 16));
    while (buffer_.size() < end) {
      if (!Fill()) break;
    }
    std::string response = buffer_.substr(0, end);
    buffer_.erase(0, end);
    return response;
  }
  // Everything up to and with `text`; what there is when the peer closes before.
  std::string ReceiveUntil(std::string_view text) {
    std::size_t at = 0;
    while ((at = buffer_.find(text)) == buffer_.npos) {
      if (!Fill()) return std::exchange(buffer_, {});
    }
    std::string received = buffer_.substr(0, at + text.size());
    buffer_.erase(0, received.size());
    return received;
  }
  // Everything until the peer closes.
  std::string ReceiveAll() {
    while (Fill()) {
    }
    return std::exchange(buffer_, {});
  }
  // Whether the peer has closed and nothing was left.
  bool AtEnd() { return ReceiveAll().empty(); }

 private:
  bool Fill() {
    char piece[16384];
    const ssize_t got = ::recv(fd_.get(), piece, sizeof(piece), 0);
    if (got <= 0) return false;
    buffer_.append(piece, static_cast<std::size_t>(got));
    return true;
  }

  base::UniqueFd fd_;
  bool connected_ = false;
  std::string buffer_;
};

// A handler whose parts are functions. What the server says itself is "<status> <detail>".
class TestHandler final : public HttpHandler {
 public:
  std::function<std::optional<Response>(Request&)> now = [](Request&) { return Response(); };
  std::function<Response(Request&)> blocking = [](Request&) { return Response(); };
  std::function<std::size_t(const Request&)> body_max = [](const Request&) { return SIZE_MAX; };

  std::optional<Response> HandleNow(Request& request) override { return now(request); }
  Response HandleBlocking(Request& request) override { return blocking(request); }
  std::size_t BodyBytesMax(const Request& request) const override { return body_max(request); }
  Response Overloaded(Request&) override { return {.body = std::string("overloaded")}; }
  Response Refused(int status, std::string_view detail, std::string_view) override {
    return {.body = std::to_string(status) + ' ' + std::string(detail)};
  }
};

}  // namespace tenantseal::net::testing
