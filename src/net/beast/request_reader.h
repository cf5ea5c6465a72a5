// Makes requests out of the bytes of one connection, without doing any I/O: the socket writes
// into Space(), says so with Commit(), and asks Next() what there is.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "net/beast/request_parser.h"
#include "net/chunk_decoder.h"
#include "net/message.h"
#include "net/secret_buffer.h"

namespace tenantseal::net::beast {

// Memory that all connections together may spend on bodies. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  bool Take(std::size_t bytes);
  void Give(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> used_{0};
};

struct ReaderLimits {
  std::size_t header_bytes_max = 0;
  std::size_t target_bytes_max = 0;
  std::size_t body_bytes_max = 0;
  BodyBudget* budget = nullptr;  // Bodies that do not fit in the arena count here.
};

// An idle reader holds kArenaAtRest bytes; a head may make that grow to the head's limit. A body
// lies behind its head if it fits there, else in a buffer of its own, which grows with what has
// arrived, not with what was announced. Everything that a request occupied is wiped by Finish().
// Not thread-safe. `limits.budget` outlives it.
class RequestReader {
 public:
  static constexpr std::size_t kArenaAtRest = 8 << 10;

  enum class Step {
    kNeedMore,  // Read more bytes.
    kHead,      // The head is there: call AcceptBody or refuse. Comes once a request.
    kComplete,  // The request is complete: answer it, then call Finish.
    kRefused,   // refusal() says why; nothing more can be read from this connection.
  };
  enum class Phase { kIdle, kHead, kBody, kComplete };

  explicit RequestReader(ReaderLimits limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Where to write the next bytes; never empty after kNeedMore.
  base::MutableByteSpan Space();
  void Commit(std::size_t bytes);
  Step Next();

  // After kHead: the body may have at most `bytes_max` bytes, or the options' limit if less.
  void AcceptBody(std::size_t bytes_max);
  // After kComplete: forgets the request and wipes it. What follows it is kept.
  void Finish();

  // Complete after kComplete; after kHead without a body.
  Request& request() { return request_; }
  const Refusal& refusal() const { return refusal_; }
  bool keep_alive() const { return keep_alive_; }
  bool http11() const { return http11_; }
  // Whether the client waits for "100 Continue" before it sends the body, none of which is here.
  bool AwaitsContinue() const;
  // What has been seen of the current request: idle before its first byte.
  Phase phase() const;

 private:
  enum class State { kHead, kHeadDone, kLengthBody, kChunkedBody, kComplete, kRefused };

  Step ParseHead();
  Step StartBody();
  Step ReadChunks();
  Step Refuse(int status, std::string_view detail);
  // Classes an error of the parser while it reads the head.
  Step RefuseHead(const boost::beast::error_code& error);
  bool SplitTarget();
  void GrowArena(std::size_t bytes);
  void RestartParser();
  void DropBody();
  bool TakeBudget(std::size_t body_bytes);

  const ReaderLimits limits_;
  std::unique_ptr<std::uint8_t[]> arena_;
  std::size_t arena_size_ = kArenaAtRest;
  std::size_t begin_ = 0;   // Of the current request in the arena.
  std::size_t parsed_ = 0;  // The parser has consumed the arena up to here.
  std::size_t filled_ = 0;  // The arena holds bytes up to here.

  State state_ = State::kHead;
  std::optional<RequestParser> parser_;
  SecretBuffer body_;
  ChunkDecoder chunks_;
  std::size_t body_in_arena_ = 0;  // Of a body of Content-Length that lies in the arena.
  std::size_t length_ = 0;         // Content-Length.
  std::size_t body_bytes_max_ = 0;
  std::size_t budget_taken_ = 0;
  bool body_apart_ = false;
  bool keep_alive_ = false;
  bool http11_ = false;
  Refusal refusal_;
  Request request_;
};

}  // namespace tenantseal::net::beast
