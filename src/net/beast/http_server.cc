#include "net/http_server.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "net/beast/connection.h"
#include "net/beast/io_thread.h"

namespace tenantseal::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using TlsContext = std::shared_ptr<asio::ssl::context>;

// All bodies together that do not fit in their connection's arena.
constexpr std::size_t kBodyBudgetMin = 256 << 20;

// Chooses http/1.1 when the client offers it (RFC 7301), else goes on without.
int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  const int chosen = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kOurs,
                                           sizeof(kOurs) - 1, offered, offered_size);
  return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Error TlsError(const char* flag, const std::string& what, const std::string& file,
               const error_code& error) {
  return InvalidArgument(flag, "cannot use the " + what + " " + file + ": " + error.message());
}

Result<TlsContext> LoadTls(const HttpServerOptions& options) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(
      native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, SelectProtocol, nullptr);
  error_code error;
  context->use_certificate_chain_file(options.tls_cert_file, error);
  if (error) return TlsError("tls-cert", "certificate", options.tls_cert_file, error);
  context->use_private_key_file(options.tls_key_file, asio::ssl::context::pem, error);
  if (error) return TlsError("tls-key", "private key", options.tls_key_file, error);
  if (SSL_CTX_check_private_key(native) != 1) {
    return InvalidArgument("tls-key", "the private key does not belong to the certificate");
  }
  return context;
}

Result<tcp::endpoint> CheckOptions(const HttpServerOptions& options) {
  error_code error;
  const asio::ip::address address = asio::ip::make_address(options.address, error);
  if (error) return InvalidArgument("listen", "not a numeric IP address: " + options.address);
  if (options.threads < 1 || options.threads > 256) {
    return InvalidArgument("threads", "must be 1 to 256");
  }
  if (options.connections_max < options.threads) {
    return InvalidArgument("connections-max", "must be at least one per thread");
  }
  if (options.header_bytes_max < 256 || options.header_bytes_max > (1 << 20)) {
    return InvalidArgument("header-bytes-max", "must be 256 to 1048576");
  }
  if (options.sweep_interval < std::chrono::milliseconds(1)) {
    return InvalidArgument("sweep-interval", "must be at least 1 ms");
  }
  if (options.tls_cert_file.empty() != options.tls_key_file.empty()) {
    return InvalidArgument(options.tls_cert_file.empty() ? "tls-cert" : "tls-key",
                           "certificate and key must be given together");
  }
  return tcp::endpoint(address, options.port);
}

// Whether nobody listens on `endpoint`. A socket with SO_REUSEPORT would join another process of
// this user there without a word and take half of its connections.
Result<void> CheckFree(const tcp::endpoint& endpoint) {
  asio::io_context io(1);
  tcp::acceptor probe(io);
  error_code error;
  probe.open(endpoint.protocol(), error);
  if (!error) probe.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) probe.bind(endpoint, error);
  if (!error) return {};
  return Error{ErrorCode::kUnavailable, "cannot listen on " + endpoint.address().to_string() +
                                            " port " + std::to_string(endpoint.port()) + ": " +
                                            error.message()};
}

}  // namespace

class HttpServer::Core {
 public:
  Core(HttpServerOptions options, HttpHandler& handler, WorkerPool& workers,
       const base::Clock& clock, const base::Random& random)
      : options_(std::move(options)),
        budget_(std::max(kBodyBudgetMin, 2 * options_.body_bytes_max)),
        service_{options_, handler, workers, clock, random, budget_, counters_, activity_} {}

  Result<void> Start();
  void Drain(base::Duration timeout);
  Result<void> ReloadCertificate();
  std::uint16_t Port() const { return port_; }
  HttpServerStats stats() const;

 private:
  Result<void> StartThreads(tcp::endpoint endpoint);
  TlsContext tls() {
    base::MutexLock lock(tls_mutex_);
    return tls_;
  }

  const HttpServerOptions options_;
  beast::BodyBudget budget_;
  beast::Counters counters_;
  beast::Activity activity_;
  beast::Service service_;
  base::Mutex tls_mutex_;
  TlsContext tls_ TS_GUARDED_BY(tls_mutex_);
  std::uint16_t port_ = 0;
  base::Mutex drain_mutex_;  // Held while threads_ ends.
  std::vector<std::unique_ptr<beast::IoThread>> threads_;
};

Result<void> HttpServer::Core::Start() {
  TS_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, CheckOptions(options_));
  if (!options_.tls_cert_file.empty()) TS_RETURN_IF_ERROR(ReloadCertificate());
  if (options_.threads > 1 && options_.port != 0) TS_RETURN_IF_ERROR(CheckFree(endpoint));
  Result<void> started = StartThreads(endpoint);
  if (!started) threads_.clear();
  return started;
}

Result<void> HttpServer::Core::StartThreads(tcp::endpoint endpoint) {
  const std::size_t share = (options_.connections_max + options_.threads - 1) / options_.threads;
  for (std::size_t i = 0; i < options_.threads; ++i) {
    threads_.push_back(std::make_unique<beast::IoThread>(
        service_, [this] { return tls(); }, share));
    TS_RETURN_IF_ERROR(threads_.back()->Listen(endpoint, options_.threads > 1));
    port_ = threads_.back()->LocalEndpoint().port();
    endpoint.port(port_);  // The first one's choice, when any would do.
  }
  for (auto& thread : threads_) thread->Run();
  return {};
}

Result<void> HttpServer::Core::ReloadCertificate() {
  if (options_.tls_cert_file.empty()) return {};
  TS_ASSIGN_OR_RETURN(TlsContext context, LoadTls(options_));
  base::MutexLock lock(tls_mutex_);
  tls_ = std::move(context);
  return {};
}

void HttpServer::Core::Drain(base::Duration timeout) {
  base::MutexLock lock(drain_mutex_);
  if (threads_.empty()) return;
  for (auto& thread : threads_) thread->BeginDrain();
  activity_.AwaitNoConnection(timeout);
  for (auto& thread : threads_) thread->CloseAll();
  activity_.AwaitNone();
  for (auto& thread : threads_) thread->Join();
  threads_.clear();
}

HttpServerStats HttpServer::Core::stats() const {
  return {.connections_open = activity_.connections(),
          .connections_accepted = counters_.accepted,
          .connections_rejected = counters_.rejected,
          .requests = counters_.requests,
          .requests_refused = counters_.refused,
          .requests_in_flight = activity_.tasks(),
          .queue_depth = service_.workers.queued(),
          .streams_open = counters_.streams};
}

HttpServer::HttpServer(HttpServerOptions options, HttpHandler& handler, WorkerPool& workers,
                       const base::Clock& clock, const base::Random& random)
    : core_(std::make_unique<Core>(std::move(options), handler, workers, clock, random)) {}

HttpServer::~HttpServer() { core_->Drain(base::Duration::zero()); }

Result<void> HttpServer::Check(const HttpServerOptions& options) {
  TS_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, CheckOptions(options));
  if (!options.tls_cert_file.empty()) TS_RETURN_IF_ERROR(LoadTls(options));
  return options.port == 0 ? Result<void>() : CheckFree(endpoint);
}

Result<void> HttpServer::Start() { return core_->Start(); }
std::uint16_t HttpServer::Port() const { return core_->Port(); }
void HttpServer::Drain(base::Duration timeout) { core_->Drain(timeout); }
Result<void> HttpServer::ReloadCertificate() { return core_->ReloadCertificate(); }
HttpServerStats HttpServer::stats() const { return core_->stats(); }

}  // namespace tenantseal::net
