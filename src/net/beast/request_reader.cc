#include "net/beast/request_reader.h"

#include <algorithm>
#include <cstring>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include "base/check.h"

namespace tenantseal::net::beast {
namespace {

namespace http = boost::beast::http;

// Room behind the head that chunks are decoded in.
constexpr std::size_t kChunkRoom = 4 << 10;

}  // namespace

bool BodyBudget::Take(std::size_t bytes) {
  const std::size_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
  if (before + bytes <= bytes_max_) return true;
  Give(bytes);
  return false;
}

RequestReader::RequestReader(ReaderLimits limits)
    : limits_(limits), arena_(std::make_unique_for_overwrite<std::uint8_t[]>(kArenaAtRest)) {
  RestartParser();
}

RequestReader::~RequestReader() {
  base::Wipe({arena_.get() + begin_, filled_ - begin_});
  DropBody();
}

void RequestReader::RestartParser() {
  parser_.emplace();
  parsed_ = begin_;
}

base::MutableByteSpan RequestReader::Space() {
  if (state_ == State::kLengthBody && body_apart_) {
    base::MutableByteSpan free = body_.Free();
    return free.first(std::min(free.size(), length_ - body_.size()));
  }
  return {arena_.get() + filled_, arena_size_ - filled_};
}

void RequestReader::Commit(std::size_t bytes) {
  if (state_ == State::kLengthBody && body_apart_) {
    body_.Commit(bytes);
  } else {
    filled_ += bytes;
  }
}

RequestReader::Step RequestReader::Next() {
  switch (state_) {
    case State::kHead: return ParseHead();
    case State::kHeadDone: return StartBody();
    case State::kLengthBody:
      if (!body_apart_) {
        if (filled_ - parsed_ < length_) return Step::kNeedMore;
        body_in_arena_ = length_;
        request_.body = {arena_.get() + parsed_, length_};
      } else {
        if (body_.size() < length_) {
          if (body_.size() < body_.capacity()) return Step::kNeedMore;
          const std::size_t room = std::min(2 * body_.capacity(), length_);
          if (!TakeBudget(room)) return Refuse(503, "The server has no memory to spare.");
          body_.Reserve(room, length_);
          return Step::kNeedMore;
        }
        request_.body = body_.Reveal();
      }
      state_ = State::kComplete;
      return Step::kComplete;
    case State::kChunkedBody: return ReadChunks();
    case State::kComplete: return Step::kComplete;
    case State::kRefused: return Step::kRefused;
  }
  return Step::kRefused;
}

RequestReader::Step RequestReader::ParseHead() {
  if (filled_ == parsed_) return Step::kNeedMore;
  boost::beast::error_code error;
  parser_->buffer_end = reinterpret_cast<const char*>(arena_.get() + filled_);
  parsed_ += parser_->put(
      boost::asio::const_buffer(arena_.get() + parsed_, filled_ - parsed_), error);
  if (error == http::error::need_more) {
    const std::size_t have = filled_ - begin_;
    if (have >= limits_.header_bytes_max) {
      return parser_->target.empty() ? Refuse(414, "The request line is too long.")
                                     : Refuse(431, "The headers are too large.");
    }
    if (filled_ < arena_size_) return Step::kNeedMore;
    GrowArena(std::min(2 * arena_size_, limits_.header_bytes_max + kChunkRoom));
    return ParseHead();  // At most twice more: the arena has grown.
  }
  if (error) return RefuseHead(error);
  if (parsed_ - begin_ > limits_.header_bytes_max) {
    return Refuse(431, "The headers are too large.");
  }
  if (parser_->chunked && arena_size_ - parsed_ < kChunkRoom) {
    GrowArena(parsed_ - begin_ + std::max(filled_ - parsed_, kChunkRoom) + kChunkRoom);
    return ParseHead();
  }
  keep_alive_ = parser_->keep_alive();
  http11_ = parser_->version == 11;
  if (!SplitTarget()) return Step::kRefused;
  length_ = 0;
  if (parser_->has_length) {
    const auto length = parser_->content_length();
    if (!length || *length > limits_.body_bytes_max) return Refuse(413, "The body is too large.");
    length_ = static_cast<std::size_t>(*length);
  }
  request_.method = parser_->method;
  request_.headers = std::span<const HeaderField>(parser_->fields.data(), parser_->field_count);
  body_bytes_max_ = limits_.body_bytes_max;
  state_ = State::kHeadDone;
  return Step::kHead;
}

RequestReader::Step RequestReader::RefuseHead(const boost::beast::error_code& error) {
  if (parser_->refusal.status != 0) {
    return Refuse(parser_->refusal.status, parser_->refusal.detail);
  }
  if (error == http::error::bad_version) {
    return Refuse(505, "Only HTTP/1.0 and 1.1 are known here.");
  }
  if (error == http::error::bad_method || error == http::error::bad_target) {
    return Refuse(400, "The request line is malformed.");
  }
  if (error == http::error::bad_content_length || error == http::error::multiple_content_length ||
      error == http::error::bad_transfer_encoding) {
    return Refuse(400, "The framing of the body is ambiguous.");
  }
  return Refuse(400, "The headers are malformed.");
}

// Origin form as it is; absolute form (RFC 9112 section 3.2.2) without scheme and authority; "*"
// for OPTIONS alone.
bool RequestReader::SplitTarget() {
  std::string_view target = parser_->target;
  if (target.size() > limits_.target_bytes_max) {
    Refuse(414, "The request target is too long.");
    return false;
  }
  if (target.starts_with("http://") || target.starts_with("https://")) {
    target.remove_prefix(target.find("//") + 2);
    const std::size_t path = target.find('/');
    target = path == target.npos ? std::string_view("/") : target.substr(path);
  }
  const bool asterisk = target == "*" && parser_->method == Method::kOptions;
  if ((!target.starts_with('/') && !asterisk) || target.find('#') != target.npos) {
    Refuse(400, "The request target is malformed.");
    return false;
  }
  const std::size_t mark = target.find('?');
  request_.path = target.substr(0, mark);
  request_.query = mark == target.npos ? std::string_view() : target.substr(mark + 1);
  return true;
}

void RequestReader::AcceptBody(std::size_t bytes_max) {
  TS_CHECK(state_ == State::kHeadDone);
  body_bytes_max_ = std::min(bytes_max, limits_.body_bytes_max);
}

bool RequestReader::AwaitsContinue() const {
  return parser_->expects_continue && filled_ == parsed_ && (parser_->chunked || length_ > 0);
}

RequestReader::Step RequestReader::StartBody() {
  if (parser_->chunked) {
    chunks_ = ChunkDecoder();
    body_apart_ = true;
    state_ = State::kChunkedBody;
    return ReadChunks();
  }
  if (length_ > body_bytes_max_) return Refuse(413, "The body is too large.");
  state_ = State::kLengthBody;
  body_apart_ = length_ > arena_size_ - parsed_;
  if (body_apart_) {
    const std::size_t room = std::min(std::max<std::size_t>(filled_ - parsed_, 64 << 10), length_);
    if (!TakeBudget(room)) return Refuse(503, "The server has no memory to spare.");
    body_.Reserve(room, length_);
    body_.Append({arena_.get() + parsed_, filled_ - parsed_}, length_);
    base::Wipe({arena_.get() + parsed_, filled_ - parsed_});
    filled_ = parsed_;
  }
  return Next();
}

// Decodes what has arrived behind the head and closes the gap that this leaves.
RequestReader::Step RequestReader::ReadChunks() {
  const std::size_t arrived = filled_ - parsed_;
  if (arrived == 0) return Step::kNeedMore;
  // All of it may be content, and the buffer doubles when it grows.
  if (body_.size() + arrived > body_.capacity() &&
      !TakeBudget(std::min(2 * (body_.size() + arrived) + SecretBuffer::kFirstRoom,
                           std::max(body_bytes_max_, budget_taken_)))) {
    return Refuse(503, "The server has no memory to spare.");
  }
  std::uint8_t* const raw = arena_.get() + parsed_;
  std::size_t used = 0;
  const ChunkDecoder::Status status =
      chunks_.Decode({raw, arrived}, body_, body_bytes_max_, used);
  std::memmove(raw, raw + used, arrived - used);
  base::Wipe({raw + arrived - used, used});
  filled_ -= used;
  switch (status) {
    case ChunkDecoder::Status::kMore: return Step::kNeedMore;
    case ChunkDecoder::Status::kMalformed: return Refuse(400, "The chunked body is malformed.");
    case ChunkDecoder::Status::kTooLarge: return Refuse(413, "The body is too large.");
    case ChunkDecoder::Status::kDone: break;
  }
  request_.body = body_.Reveal();
  state_ = State::kComplete;
  return Step::kComplete;
}

RequestReader::Step RequestReader::Refuse(int status, std::string_view detail) {
  refusal_ = {status, detail};
  state_ = State::kRefused;
  keep_alive_ = false;
  return Step::kRefused;
}

bool RequestReader::TakeBudget(std::size_t body_bytes) {
  if (body_bytes <= budget_taken_) return true;
  if (limits_.budget != nullptr && !limits_.budget->Take(body_bytes - budget_taken_)) return false;
  budget_taken_ = body_bytes;
  return true;
}

void RequestReader::DropBody() {
  body_.Clear();
  if (limits_.budget != nullptr) limits_.budget->Give(budget_taken_);
  budget_taken_ = 0;
}

// Moves the current request to a greater arena and parses it anew, since the parser's views point
// into the old one.
void RequestReader::GrowArena(std::size_t bytes) {
  auto grown = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
  std::memcpy(grown.get(), arena_.get() + begin_, filled_ - begin_);
  base::Wipe({arena_.get() + begin_, filled_ - begin_});
  arena_ = std::move(grown);
  arena_size_ = bytes;
  filled_ -= begin_;
  begin_ = 0;
  RestartParser();
}

void RequestReader::Finish() {
  TS_CHECK(state_ == State::kComplete);
  const std::size_t end = parsed_ + (body_apart_ ? 0 : body_in_arena_);
  base::Wipe({arena_.get() + begin_, end - begin_});
  if (body_apart_) DropBody();
  begin_ = end;
  if (begin_ == filled_) {
    begin_ = filled_ = 0;
  } else if (begin_ > arena_size_ / 2) {
    const std::size_t left = filled_ - begin_;
    std::memmove(arena_.get(), arena_.get() + begin_, left);
    base::Wipe({arena_.get() + left, filled_ - left});
    begin_ = 0;
    filled_ = left;
  }
  if (arena_size_ > kArenaAtRest && filled_ - begin_ < kArenaAtRest) GrowArena(kArenaAtRest);
  body_apart_ = false;
  body_in_arena_ = 0;
  request_.body = {};
  request_.headers = {};
  request_.path = request_.query = {};
  request_.method = Method::kOther;
  request_.queue_key.clear();
  state_ = State::kHead;
  RestartParser();
}

RequestReader::Phase RequestReader::phase() const {
  switch (state_) {
    case State::kHead: return filled_ == begin_ ? Phase::kIdle : Phase::kHead;
    case State::kHeadDone:
    case State::kLengthBody:
    case State::kChunkedBody: return Phase::kBody;
    default: return Phase::kComplete;
  }
}

}  // namespace tenantseal::net::beast
