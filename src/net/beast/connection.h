// One connection: reads requests, has them answered, writes the answers. Private to net/beast.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "net/beast/request_reader.h"
#include "net/beast/response_head.h"
#include "net/http_server.h"

namespace tenantseal::net::beast {

// The concrete executor instead of any_io_executor: no indirect call per operation.
using Socket =
    boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

// What all threads count into. Thread-safe.
struct Counters {
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> rejected{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> streams{0};  // Open now.
};

// What the end of the server must wait for. Thread-safe.
class Activity {
 public:
  void AddConnection(std::int64_t change) { Add(connections_, change); }
  void AddTask(std::int64_t change) { Add(tasks_, change); }
  std::uint64_t connections() const { return Read(connections_); }
  std::uint64_t tasks() const { return Read(tasks_); }
  // Whether there was none before `timeout` had passed.
  bool AwaitNoConnection(base::Duration timeout);
  void AwaitNone();  // No connection and no task.

 private:
  void Add(std::int64_t& count, std::int64_t change) {
    base::MutexLock lock(mutex_);
    count += change;
    // Under the lock: whoever waits may destroy this as soon as it holds the lock.
    if (count == 0) none_.notify_all();
  }
  std::uint64_t Read(const std::int64_t& count) const {
    base::MutexLock lock(mutex_);
    return static_cast<std::uint64_t>(count);
  }
  mutable base::Mutex mutex_;
  std::condition_variable none_;
  std::int64_t connections_ = 0;  // Both under mutex_.
  std::int64_t tasks_ = 0;
};

// What every connection of a server needs; outlives them all.
struct Service {
  const HttpServerOptions& options;
  HttpHandler& handler;
  WorkerPool& workers;
  const base::Clock& clock;
  const base::Random& random;
  BodyBudget& budget;
  Counters& counters;
  Activity& activity;
};

class IoThread;

// Belongs to one IoThread and is touched by that thread only, but for the reader's
// request while a worker has it, and `abandoned_`.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  virtual ~Connection() { ForgetAnswer(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins to read, or, with `reject`, answers 503 and closes.
  virtual void Start(bool reject) = 0;
  // Called every sweep interval: ends what has taken too long.
  void Sweep(base::BootTime now);
  // Closes when nothing is in flight, else after the answer.
  void BeginDrain();
  // Closes at once, whatever is in flight.
  void Close();

  std::size_t index = 0;  // In the thread's list.

 protected:
  enum class State : std::uint8_t {
    kNew, kReading, kWorking, kDelayed, kWriting, kStreaming, kLingering, kClosed
  };

  Connection(Service& service, IoThread& thread, std::string peer, bool secure);

  // What differs between plain and TLS.
  virtual void Read() = 0;           // Reads into reader_.Space(), then OnReceived.
  virtual void CancelRead() = 0;     // A read under way ends without OnReceived.
  virtual void WriteContinue() = 0;  // Sends "100 Continue", then Read.
  virtual bool Write() = 0;          // Sends out_ and tail_. False: OnWritten follows.
  virtual void Linger() = 0;         // Ends sending, discards what comes, then Close.
  virtual void WatchPeer() = 0;      // Discards what comes while an answer goes on; then Close.
  virtual void EndSending() = 0;     // Tells the peer that nothing more comes.
  virtual void CloseSocket() = 0;

  void OnReceived(std::size_t bytes);
  void OnWritten();
  void Process();
  void Refuse(int status, std::string_view detail);
  base::BootTime Now() const { return service_.clock.Boot(); }

  Service& service_;
  IoThread& thread_;
  RequestReader reader_;
  std::string out_;         // The head, with the body if that is small.
  base::ByteSpan tail_;     // The body, if it is not; lives in response_.
  base::BootTime timeout_;  // Of the present state; Sweep acts after it.
  State state_ = State::kNew;

 private:
  // Read, once others have had their turn: right after an answer the client cannot have sent more
  // yet, and an attempt in vain costs as much as one that succeeds.
  void PostRead();
  void PostProcess();  // Process, once others have had their turn.
  // Both return whether the answer has been written and the next request can be read.
  bool Dispatch();
  bool Send(Response response);
  bool FinishAnswer();
  // Sends once `response.delay` has passed.
  void SendLater(Response response);
  void AppendBody(Response response);
  HeadContext ContextOfHead() const;
  // Answers that go on: answer_stream.cc.
  void SendStream(Response response);
  void PumpStream();
  void OnStreamWritten();
  void FinishStream();
  void ForgetStream();

  bool SubmitToWorker();
  // On a worker. Nothing: the answer is not wanted any more.
  std::optional<Response> RunOnWorker();
  void OnAnswered(std::optional<Response> response);
  void BeginRequest();
  void SetReadTimeout();
  void ForgetAnswer();

  const std::string peer_;
  const bool secure_;
  bool draining_ = false;
  bool served_ = false;         // Has answered a request.
  bool begun_ = false;          // The request has its id.
  bool continue_due_ = false;   // "100 Continue" is owed.
  bool keep_alive_ = true;      // After the answer that is being written.
  bool out_secret_ = false;
  RequestReader::Phase phase_ = RequestReader::Phase::kIdle;  // That timeout_ was set for.
  base::BootTime now_;          // When the bytes in hand came.
  Response response_;
  std::array<char, kRequestIdSize> request_id_{};
  std::atomic<bool> abandoned_{false};
  std::unique_ptr<boost::asio::steady_timer> delay_;  // Of a delayed answer.
  std::shared_ptr<Stream> told_;  // Of an answer that goes on.
  bool stream_writing_ = false;     // OnStreamWritten follows.
  bool stream_ended_ = false;       // What is being written is its end.
};

std::shared_ptr<Connection> NewPlainConnection(Service& service, IoThread& thread, Socket socket,
                                               std::string peer);
std::shared_ptr<Connection> NewTlsConnection(Service& service, IoThread& thread, Socket socket,
                                             std::string peer, boost::asio::ssl::context& tls);

}  // namespace tenantseal::net::beast
