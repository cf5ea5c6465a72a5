// Answers that go on: what is pushed into their Stream is sent in chunks (RFC 9112 section 7.1)
// until it ends, the client goes or is too slow, or the server drains.
#include <array>
#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "net/beast/connection.h"
#include "net/beast/io_thread.h"
#include "net/stream.h"

namespace tenantseal::net::beast {
namespace {

constexpr std::string_view kLastChunk = "0\r\n\r\n";
// How long the client is given to close after the end.
constexpr base::Duration kFarewellTime = std::chrono::seconds(2);

void AppendChunk(std::string_view text, std::string& out) {
  std::array<char, 16> size;
  const auto end = std::to_chars(size.data(), size.data() + size.size(), text.size(), 16).ptr;
  out.append(size.data(), end);
  out += "\r\n";
  out += text;
  out += "\r\n";
}

}  // namespace

void Connection::SendStream(Response response) {
  if (!reader_.http11()) return Refuse(505, "An answer that goes on needs HTTP/1.1.");
  keep_alive_ = false;
  AppendHead(response, ContextOfHead(), out_);
  if (reader_.request().method == Method::kHead) {
    state_ = State::kWriting;
    timeout_ = now_ + service_.options.write_timeout;
    if (Write()) FinishAnswer();
    return;
  }
  state_ = State::kStreaming;
  timeout_ = now_ + service_.options.write_timeout;
  told_ = std::move(response.stream);
  service_.counters.streams.fetch_add(1, std::memory_order_relaxed);
  // Called while the stream is attached, so while this is open and in its thread's list.
  told_->Attach([this] {
    boost::asio::post(thread_.io(), [self = shared_from_this()] { self->PumpStream(); });
  });
  if (draining_) told_->End();
  WatchPeer();
  stream_writing_ = true;
  if (Write()) OnStreamWritten();
}

void Connection::PumpStream() {
  // A client too slow to take what is being written is not waited for.
  if (state_ == State::kStreaming && told_->broken()) return Close();
  while (state_ == State::kStreaming && !stream_writing_) {
    now_ = Now();
    Stream::Taken taken = told_->Take();
    if (taken.next == Stream::Next::kBroken) return Close();
    if (!taken.text.empty()) AppendChunk(taken.text, out_);
    if (taken.next == Stream::Next::kEnd) {
      out_ += kLastChunk;
      stream_ended_ = true;
    }
    if (out_.empty()) {
      timeout_ = base::BootTime(base::Duration::max());
      return;
    }
    timeout_ = now_ + service_.options.write_timeout;
    stream_writing_ = true;
    if (!Write()) return;
    stream_writing_ = false;
    ForgetAnswer();
    if (stream_ended_) return FinishStream();
  }
}

void Connection::OnStreamWritten() {
  stream_writing_ = false;
  ForgetAnswer();
  if (stream_ended_) return FinishStream();
  PumpStream();
}

// What the client sends is discarded all along, so nothing unread can turn the end into a reset.
void Connection::FinishStream() {
  ForgetStream();
  state_ = State::kLingering;
  timeout_ = now_ + kFarewellTime;
  EndSending();
}

void Connection::ForgetStream() {
  if (!told_) return;
  told_->Detach();
  told_.reset();
  service_.counters.streams.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace tenantseal::net::beast
