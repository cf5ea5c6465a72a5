// One I/O thread: its event loop, its listening socket and its connections. Private to net/beast.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/mutex.h"
#include "base/result.h"
#include "net/beast/connection.h"

namespace tenantseal::net::beast {

// Gives the TLS context for a new connection, nothing for plain HTTP. Thread-safe.
using TlsSource = std::function<std::shared_ptr<boost::asio::ssl::context>()>;

// Constructor, Listen, Run, Post and Join are for the owner; the rest is for the thread itself.
class IoThread {
 public:
  IoThread(Service& service, TlsSource tls, std::size_t connections_max);
  ~IoThread();

  // Binds and listens. With `shared`, other threads may listen on the same port.
  Result<void> Listen(const boost::asio::ip::tcp::endpoint& endpoint, bool shared);
  boost::asio::ip::tcp::endpoint LocalEndpoint() const;
  void Run();   // Starts the thread.
  void BeginDrain();  // Thread-safe: no more connections; those there end after their answers.
  void CloseAll();    // Thread-safe.
  void Join();  // Lets the loop end and joins. All connections are closed.

  boost::asio::io_context& io() { return io_; }
  std::string_view date() const { return date_; }
  void Remove(Connection& connection);

 private:
  void Accept();
  void OnAccepted(Socket socket);
  void ScheduleSweep();
  void Sweep();
  void UpdateDate();

  Service& service_;
  const TlsSource tls_;
  const std::size_t connections_max_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer sweep_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::string date_;
  std::int64_t date_seconds_ = -1;
  bool draining_ = false;
  bool accept_paused_ = false;  // Out of descriptors: tried again at the next sweep.
  std::thread thread_;
};

}  // namespace tenantseal::net::beast
