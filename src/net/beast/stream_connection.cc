// The connection over a plain socket and over TLS, from one template.
#include <array>
#include <memory>
#include <type_traits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "base/limits.h"
#include "net/beast/connection.h"
#include "net/beast/io_thread.h"

namespace tenantseal::net::beast {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using TlsStream = asio::ssl::stream<Socket>;

constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// What is discarded, at most, after the last answer: as much as a request may have, so that a
// client that sends all of it before it reads gets to see why it was refused.
constexpr std::size_t kLingerBytesMax = base::kBodyBytesMax + base::kHeaderBytesMax;
// What a client may send, at most, while its answer goes on: nothing of it is read any more.
constexpr std::size_t kWatchBytesMax = 64 << 10;

template <typename Stream>
class StreamConnection final : public Connection {
 public:
  static constexpr bool kTls = std::is_same_v<Stream, TlsStream>;

  template <typename... Args>
  StreamConnection(Service& service, IoThread& thread, std::string peer, Args&&... stream)
      : Connection(service, thread, std::move(peer), kTls),
        stream_(std::forward<Args>(stream)...) {}

  void Start(bool reject) override {
    if constexpr (kTls) {
      if (reject) return Close();
      stream_.async_handshake(TlsStream::server, [this, self = Self()](const error_code& error) {
        if (state_ != State::kNew) return;
        if (error) return Close();
        Process();
      });
    } else {
      if (reject) return Refuse(503, "There are too many connections.");
      Process();
    }
  }

 private:
  std::shared_ptr<Connection> Self() { return shared_from_this(); }

  Socket& socket() {
    if constexpr (kTls) {
      return stream_.next_layer();
    } else {
      return stream_;
    }
  }

  void Read() override {
    const base::MutableByteSpan space = reader_.Space();
    stream_.async_read_some(
        asio::buffer(space.data(), space.size()),
        [this, self = Self()](const error_code& error, std::size_t bytes) {
          if (state_ != State::kReading) return;  // Cancelled or closed meanwhile.
          if (error) return Close();
          OnReceived(bytes);
        });
  }

  void CancelRead() override {
    error_code ignored;
    socket().cancel(ignored);
  }

  void WriteContinue() override {
    asio::async_write(stream_, asio::buffer(kContinue),
                      [this, self = Self()](const error_code& error, std::size_t) {
                        if (state_ != State::kReading) return;
                        if (error) return Close();
                        Read();
                      });
  }

  bool Write() override {
    std::array<asio::const_buffer, 2> buffers = {asio::buffer(out_),
                                                 asio::buffer(tail_.data(), tail_.size())};
    // A plain socket takes most answers whole and at once, which saves an operation. TLS must not
    // be written that way: a record that does not fit in the socket's buffer would be lost.
    if constexpr (!kTls) {
      error_code error;
      std::size_t sent = tail_.empty() ? stream_.write_some(buffers[0], error)
                                       : stream_.write_some(buffers, error);
      if (error && error != asio::error::would_block) {
        Close();
        return false;
      }
      if (sent == out_.size() + tail_.size()) return true;
      for (asio::const_buffer& buffer : buffers) {
        const std::size_t part = std::min(sent, buffer.size());
        buffer += part;
        sent -= part;
      }
    }
    asio::async_write(stream_, buffers,
                      [this, self = Self()](const error_code& error, std::size_t) {
                        if (state_ != State::kWriting && state_ != State::kStreaming) return;
                        if (error) return Close();
                        OnWritten();
                      });
    return false;
  }

  void Linger() override {
    discard_ = std::make_unique_for_overwrite<Discard>();
    if constexpr (kTls) {
      stream_.async_shutdown([this, self = Self()](const error_code&) { BeginToDiscard(); });
      // The close_notify goes out at once; the peer's is waited for no longer than the timeout.
    } else {
      BeginToDiscard();
    }
  }

  void BeginToDiscard() {
    if (state_ != State::kLingering) return;
    EndSending();
    if (state_ == State::kLingering) DiscardInput();
  }

  void EndSending() override {
    error_code error;
    socket().shutdown(Socket::shutdown_send, error);
    if (error) Close();
  }

  void WatchPeer() override {
    discard_ = std::make_unique_for_overwrite<Discard>();
    WatchOn();
  }

  // Through TLS where there is TLS: it may have to answer what the peer's TLS asks.
  void WatchOn() {
    stream_.async_read_some(
        asio::buffer(discard_->bytes),
        [this, self = Self()](const error_code& error, std::size_t bytes) {
          if (state_ != State::kStreaming && state_ != State::kLingering) return;
          discard_->count += bytes;
          if (error || discard_->count > kWatchBytesMax) return Close();
          WatchOn();
        });
  }

  void DiscardInput() {
    socket().async_read_some(
        asio::buffer(discard_->bytes),
        [this, self = Self()](const error_code& error, std::size_t bytes) {
          if (state_ != State::kLingering) return;
          discard_->count += bytes;
          if (error || discard_->count > kLingerBytesMax) return Close();
          DiscardInput();
        });
  }

  void CloseSocket() override {
    error_code ignored;
    socket().shutdown(Socket::shutdown_both, ignored);
    socket().close(ignored);
  }

  // What comes after the last answer may hold secrets too.
  struct Discard {
    ~Discard() { base::Wipe(bytes); }
    std::array<std::uint8_t, 4096> bytes;
    std::size_t count = 0;
  };

  Stream stream_;
  std::unique_ptr<Discard> discard_;
};

}  // namespace

std::shared_ptr<Connection> NewPlainConnection(Service& service, IoThread& thread, Socket socket,
                                               std::string peer) {
  return std::make_shared<StreamConnection<Socket>>(service, thread, std::move(peer),
                                                    std::move(socket));
}

std::shared_ptr<Connection> NewTlsConnection(Service& service, IoThread& thread, Socket socket,
                                             std::string peer, asio::ssl::context& tls) {
  return std::make_shared<StreamConnection<TlsStream>>(service, thread, std::move(peer),
                                                       std::move(socket), tls);
}

}  // namespace tenantseal::net::beast
