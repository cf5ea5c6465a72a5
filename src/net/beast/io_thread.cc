#include "net/beast/io_thread.h"

#include <chrono>
#include <string>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/check.h"
#include "base/log.h"
#include "base/thread_priority.h"
#include "net/beast/response_head.h"

namespace tenantseal::net::beast {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

// Connections beyond the limit that are being told so; further ones are closed without a word.
constexpr std::size_t kRejectedMax = 64;

}  // namespace

// UNSAFE_IO: sockets and timers are touched by the loop's own thread only, so the reactor needs
// no locks; post() from workers still is safe.
IoThread::IoThread(Service& service, TlsSource tls, std::size_t connections_max)
    : service_(service),
      tls_(std::move(tls)),
      connections_max_(connections_max),
      io_(BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      work_(io_.get_executor()),
      acceptor_(io_),
      sweep_(io_) {}

IoThread::~IoThread() { Join(); }

Result<void> IoThread::Listen(const tcp::endpoint& endpoint, bool shared) {
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && shared) acceptor_.set_option(ReusePort(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor_.non_blocking(true, error);
  if (!error) return {};
  error_code ignored;
  acceptor_.close(ignored);
  return Error{ErrorCode::kUnavailable, "cannot listen on " + endpoint.address().to_string() +
                                            " port " + std::to_string(endpoint.port()) + ": " +
                                            error.message()};
}

tcp::endpoint IoThread::LocalEndpoint() const {
  error_code ignored;
  return acceptor_.local_endpoint(ignored);
}

void IoThread::Run() {
  UpdateDate();
  Accept();
  ScheduleSweep();
  thread_ = std::thread([this] {
    base::TakeShortTurns();
    io_.run();
  });
}

void IoThread::Join() {
  work_.reset();
  asio::post(io_, [this] {
    error_code ignored;
    acceptor_.close(ignored);
    sweep_.cancel();
    draining_ = true;
  });
  if (thread_.joinable()) thread_.join();
}

void IoThread::BeginDrain() {
  service_.activity.AddTask(1);  // So that AwaitNone waits for this too.
  asio::post(io_, [this] {
    draining_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (const auto& connection : std::vector(connections_)) connection->BeginDrain();
    service_.activity.AddTask(-1);
  });
}

void IoThread::CloseAll() {
  service_.activity.AddTask(1);
  asio::post(io_, [this] {
    for (const auto& connection : std::vector(connections_)) connection->Close();
    service_.activity.AddTask(-1);
  });
}

void IoThread::Accept() {
  acceptor_.async_accept(io_, [this](const error_code& error, Socket socket) {
    if (draining_ || !acceptor_.is_open()) return;
    if (!error) {
      OnAccepted(std::move(socket));
    } else if (error == asio::error::no_descriptors || error == asio::error::no_memory ||
               error == asio::error::no_buffer_space) {
      base::LogWarning("cannot accept a connection", {{"reason", error.message()}});
      accept_paused_ = true;
      return;
    }
    Accept();
  });
}

void IoThread::OnAccepted(Socket socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (!error) socket.set_option(tcp::no_delay(true), error);
  if (!error) socket.non_blocking(true, error);
  if (error) return;  // The client has gone already.
  service_.counters.accepted.fetch_add(1, std::memory_order_relaxed);
  const bool reject = connections_.size() >= connections_max_;
  if (reject) service_.counters.rejected.fetch_add(1, std::memory_order_relaxed);
  if (connections_.size() >= connections_max_ + kRejectedMax) return;
  const std::shared_ptr<asio::ssl::context> tls = tls_();
  std::string address = peer.address().to_string();
  std::shared_ptr<Connection> connection =
      tls ? NewTlsConnection(service_, *this, std::move(socket), std::move(address), *tls)
          : NewPlainConnection(service_, *this, std::move(socket), std::move(address));
  connection->index = connections_.size();
  connections_.push_back(connection);
  service_.activity.AddConnection(1);
  connection->Start(reject);
}

void IoThread::Remove(Connection& connection) {
  const std::size_t index = connection.index;
  TS_CHECK(index < connections_.size() && connections_[index].get() == &connection);
  // The caller may be running inside the connection: it goes at the next turn of the loop.
  asio::post(io_, [gone = std::move(connections_[index])] {});
  if (index + 1 != connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
  service_.activity.AddConnection(-1);
}

void IoThread::ScheduleSweep() {
  sweep_.expires_after(
      std::chrono::duration_cast<asio::steady_timer::duration>(service_.options.sweep_interval));
  sweep_.async_wait([this](const error_code& error) {
    if (error) return;
    Sweep();
    if (acceptor_.is_open() || !connections_.empty()) ScheduleSweep();
  });
}

void IoThread::Sweep() {
  UpdateDate();
  const base::BootTime now = service_.clock.Boot();
  // Backwards, so that one that leaves is replaced by one that has had its turn.
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->Sweep(now);
  if (std::exchange(accept_paused_, false) && acceptor_.is_open()) Accept();
}

void IoThread::UpdateDate() {
  const std::int64_t seconds =
      std::chrono::floor<std::chrono::seconds>(service_.clock.Utc()).time_since_epoch().count();
  if (seconds == date_seconds_) return;
  date_seconds_ = seconds;
  date_ = HttpDate(seconds);
}

}  // namespace tenantseal::net::beast
