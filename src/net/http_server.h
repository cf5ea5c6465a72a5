// The HTTP server: one thread and one listening socket (SO_REUSEPORT) per `threads`, each with
// its own connections; a request that must wait goes to the worker pool and comes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/result.h"
#include "net/message.h"
#include "net/worker_pool.h"

namespace tenantseal::net {

// What answers requests. Called by several threads at once: const or thread-safe throughout.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // On the I/O thread, for every complete request; must not block. Nothing means: needs a
  // worker, in the fair queue `request.queue_key`.
  virtual std::optional<Response> HandleNow(Request& request) = 0;

  // On a worker thread, after HandleNow has returned nothing. Never called once
  // `request.deadline` has passed.
  virtual Response HandleBlocking(Request& request) = 0;

  // The greatest body that this request may have, asked once the head is there and before any of
  // the body is kept. The option `body_bytes_max` bounds it further.
  virtual std::size_t BodyBytesMax(const Request& /*request*/) const { return SIZE_MAX; }

  // The worker pool takes no more of this request's key. Answer 503; Retry-After: 1 is added.
  virtual Response Overloaded(Request& request) = 0;

  // The body in which the server says itself why it refuses: 400 malformed, 408 too slow,
  // 413 body too large, 414 target too long, 417 unknown expectation, 431 head too large,
  // 501 transfer coding, 503 too many connections, 504 deadline passed, 505 version. `detail` is
  // a fixed sentence that quotes nothing of the request. The answer's status becomes `status`.
  virtual Response Refused(int status, std::string_view detail, std::string_view request_id) = 0;
};

struct HttpServerOptions {
  std::string address = "127.0.0.1";  // Numeric IPv4 or IPv6.
  std::uint16_t port = 0;             // 0: any free one; Port() tells.
  std::size_t threads = 1;
  std::string tls_cert_file = {};  // PEM chain; empty with tls_key_file: plain HTTP.
  std::string tls_key_file = {};   // PEM.
  // Sent with every answer that has no header of the same name, those of Refused included.
  std::vector<ResponseHeader> headers = {};

  std::size_t header_bytes_max = base::kHeaderBytesMax;  // Request line and fields. Passed: 431.
  std::size_t target_bytes_max = 4096;                   // Passed: 414.
  std::size_t body_bytes_max = base::kBodyBytesMax;      // Passed: 413.
  std::size_t connections_max = 10'000;  // Shared out evenly over the threads. Beyond it a
                                         // connection is accepted, answered 503 and closed (with
                                         // TLS: closed).
  base::Duration header_timeout = std::chrono::seconds(10);  // First byte to end of head; TLS too.
  base::Duration body_timeout = std::chrono::seconds(60);    // End of head to end of body.
  base::Duration idle_timeout = std::chrono::seconds(75);    // Between requests.
  base::Duration write_timeout = std::chrono::seconds(60);   // Until the peer has taken an answer.
  base::Duration request_deadline = std::chrono::seconds(30);  // End of request to its answer.
  base::Duration sweep_interval = std::chrono::seconds(1);     // Timeouts are seen this often.
};

struct HttpServerStats {
  std::uint64_t connections_open = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_rejected = 0;  // Beyond connections_max.
  std::uint64_t requests = 0;              // Handed to the handler.
  std::uint64_t requests_refused = 0;      // Answered by Refused or Overloaded.
  std::uint64_t requests_in_flight = 0;    // On a worker or in its queue.
  std::uint64_t queue_depth = 0;           // Of the worker pool.
  std::uint64_t streams_open = 0;          // Connections whose answer goes on, see stream.h.
};

// Everything passed by reference outlives the server. Thread-safe.
class HttpServer {
 public:
  HttpServer(HttpServerOptions options, HttpHandler& handler, WorkerPool& workers,
             const base::Clock& clock, const base::Random& random);
  ~HttpServer();  // Stops at once, as Drain(0) does.
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Whether Start() would find its address free and its certificate in order just now. Keeps
  // nothing. Errors as of Start().
  static Result<void> Check(const HttpServerOptions& options);

  // Binds, reads the certificate and starts the threads. kInvalidArgument names a bad option;
  // kUnavailable: the address is in use or not ours. Call once.
  Result<void> Start();

  // The port that is listened on, after Start.
  std::uint16_t Port() const;

  // Stops accepting, closes idle connections, answers what is in flight with Connection: close,
  // and returns when that is done or `timeout` has passed, whatever comes first; then everything
  // is closed, handlers that run on workers are waited for (their answers are dropped), and the
  // threads end. Blocks. Idempotent.
  void Drain(base::Duration timeout);

  // Reads the certificate and key again; new connections use them. On an error the old ones stay.
  Result<void> ReloadCertificate();

  HttpServerStats stats() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tenantseal::net
