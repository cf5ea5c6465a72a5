#include "net/beast/connection.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/encoding.h"
#include "base/log.h"
#include "base/thread_priority.h"
#include "net/beast/io_thread.h"
#include "net/beast/response_head.h"
#include "net/stream.h"

namespace tenantseal::net::beast {
namespace {

// Bodies up to this size are sent from one buffer with the head, greater ones from where they are.
constexpr std::size_t kSmallBody = 16 << 10;
// What an idle connection may keep of its output buffer.
constexpr std::size_t kOutAtRest = 4 << 10;
// Pipelined requests of one connection that are answered before others have a turn.
constexpr int kAnswersPerTurn = 32;
// How long what a client still sends is discarded after the last answer: closing at once would
// make the kernel reset the connection, which can take the answer from the client.
constexpr base::Duration kLingerTime = std::chrono::seconds(2);

}  // namespace

bool Activity::AwaitNoConnection(base::Duration timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  base::MutexLock lock(mutex_);
  while (connections_ > 0) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= left.zero()) return false;
    lock.WaitFor(none_, left);
  }
  return true;
}

void Activity::AwaitNone() {
  base::MutexLock lock(mutex_);
  while (connections_ > 0 || tasks_ > 0) lock.Wait(none_);
}

Connection::Connection(Service& service, IoThread& thread, std::string peer, bool secure)
    : service_(service),
      thread_(thread),
      reader_({.header_bytes_max = service.options.header_bytes_max,
               .target_bytes_max = service.options.target_bytes_max,
               .body_bytes_max = service.options.body_bytes_max,
               .budget = &service.budget}),
      peer_(std::move(peer)),
      secure_(secure),
      now_(service.clock.Boot()) {
  timeout_ = now_ + service.options.header_timeout;
}

void Connection::OnReceived(std::size_t bytes) {
  now_ = Now();
  reader_.Commit(bytes);
  Process();
}

void Connection::Process() {
  int answered = 0;
  while (true) {
    switch (reader_.Next()) {
      case RequestReader::Step::kHead:
        BeginRequest();
        continue_due_ = reader_.AwaitsContinue();
        reader_.AcceptBody(service_.handler.BodyBytesMax(reader_.request()));
        break;
      case RequestReader::Step::kNeedMore:
        state_ = State::kReading;
        if (draining_ && reader_.phase() == RequestReader::Phase::kIdle) return Close();
        SetReadTimeout();
        if (std::exchange(continue_due_, false)) return WriteContinue();
        return served_ && phase_ == RequestReader::Phase::kIdle ? PostRead() : Read();
      case RequestReader::Step::kComplete:
        if (!Dispatch()) return;
        if (++answered == kAnswersPerTurn) return PostProcess();
        break;
      case RequestReader::Step::kRefused:
        return Refuse(reader_.refusal().status, reader_.refusal().detail);
    }
  }
}

void Connection::PostRead() {
  boost::asio::post(thread_.io(), [this, self = shared_from_this()] {
    if (state_ == State::kReading) Read();
  });
}

void Connection::PostProcess() {
  boost::asio::post(thread_.io(), [this, self = shared_from_this()] {
    if (state_ == State::kWriting) Process();
  });
}

void Connection::BeginRequest() {
  std::array<std::uint8_t, kRequestIdSize / 4 * 3> random;
  service_.random.FillPublic(random);
  base::Base64UrlEncodeTo(random, request_id_.data());
  Request& request = reader_.request();
  request.request_id = {request_id_.data(), request_id_.size()};
  request.peer = peer_;
  request.secure = secure_;
  request.deadline = now_ + service_.options.request_deadline;
  begun_ = true;
}

void Connection::SetReadTimeout() {
  const RequestReader::Phase phase = reader_.phase();
  const HttpServerOptions& options = service_.options;
  if (phase == RequestReader::Phase::kIdle) {
    timeout_ = now_ + (served_ ? options.idle_timeout : options.header_timeout);
  } else if (phase != phase_) {
    timeout_ = now_ + (phase == RequestReader::Phase::kHead ? options.header_timeout
                                                            : options.body_timeout);
  }
  phase_ = phase;
}

bool Connection::Dispatch() {
  base::OfferProcessorToHolder();
  continue_due_ = false;
  Request& request = reader_.request();
  request.deadline = now_ + service_.options.request_deadline;
  service_.counters.requests.fetch_add(1, std::memory_order_relaxed);
  std::optional<Response> response = service_.handler.HandleNow(request);
  return response ? Send(std::move(*response)) : SubmitToWorker();
}

bool Connection::SubmitToWorker() {
  Request& request = reader_.request();
  state_ = State::kWorking;
  // The handler keeps the deadline itself; one interval later it has failed to.
  timeout_ = request.deadline + service_.options.sweep_interval;
  service_.activity.AddTask(1);
  // The last reference to the connection must not end on the worker: it moves into the answer.
  auto task = [self = shared_from_this()]() mutable {
    Service& service = self->service_;
    boost::asio::io_context& io = self->thread_.io();
    std::optional<Response> response = self->RunOnWorker();
    boost::asio::post(io, [owner = std::move(self), answer = std::move(response)]() mutable {
      owner->OnAnswered(std::move(answer));
    });
    service.activity.AddTask(-1);  // The last touch of the server: it may end now.
  };
  if (service_.workers.Submit(request.queue_key, std::move(task))) return false;
  service_.activity.AddTask(-1);
  service_.counters.refused.fetch_add(1, std::memory_order_relaxed);
  Response response = service_.handler.Overloaded(request);
  response.status = 503;
  response.headers.push_back({"Retry-After", "1"});
  return Send(std::move(response));
}

std::optional<Response> Connection::RunOnWorker() {
  if (abandoned_.load(std::memory_order_relaxed)) return std::nullopt;
  Request& request = reader_.request();
  if (Now() < request.deadline) return service_.handler.HandleBlocking(request);
  service_.counters.refused.fetch_add(1, std::memory_order_relaxed);
  Response response = service_.handler.Refused(
      504, "The request's deadline passed before its turn came.", request.request_id);
  response.status = 504;
  return response;
}

void Connection::OnAnswered(std::optional<Response> response) {
  if (state_ != State::kWorking || !response) return;  // Abandoned meanwhile.
  now_ = Now();
  if (Send(std::move(*response))) Process();
}

void Connection::Refuse(int status, std::string_view detail) {
  if (!begun_) BeginRequest();
  service_.counters.refused.fetch_add(1, std::memory_order_relaxed);
  const std::string_view id(request_id_.data(), request_id_.size());
  Response response = service_.handler.Refused(status, detail, id);
  response.status = status;
  response.close = true;
  if (status == 503) response.headers.push_back({"Retry-After", "1"});
  Send(std::move(response));
}

bool Connection::Send(Response response) {
  if (!IsSendable(response)) {
    base::LogError("a handler's response cannot be sent",
                   {{"request_id", std::string_view(request_id_.data(), request_id_.size())},
                    {"status", response.status}});
    response = Response{.status = 500, .content_type = "", .body = std::string(), .headers = {},
                        .close = true};
  }
  if (response.delay > base::Duration::zero()) {
    SendLater(std::move(response));
    return false;
  }
  if (response.delivery == Delivery::kDrop) {
    Close();
    return false;
  }
  if (response.stream) {
    SendStream(std::move(response));
    return false;
  }
  state_ = State::kWriting;
  timeout_ = now_ + service_.options.write_timeout;
  keep_alive_ = reader_.keep_alive() && !response.close && !draining_ &&
                response.delivery == Delivery::kWhole;
  AppendHead(response, ContextOfHead(), out_);
  const bool with_body = reader_.request().method != Method::kHead &&
                         StatusHasBody(response.status) && response.status != 205;
  if (with_body) AppendBody(std::move(response));
  return Write() && FinishAnswer();
}

HeadContext Connection::ContextOfHead() const {
  return {.date = thread_.date(),
          .request_id = {request_id_.data(), request_id_.size()},
          .http11 = reader_.http11(),
          .keep_alive = keep_alive_,
          .defaults = service_.options.headers};
}

void Connection::AppendBody(Response response) {
  base::ByteSpan body = response.BodyBytes();
  if (response.delivery == Delivery::kCut) body = body.first(body.size() / 2);
  out_secret_ = response.secret();
  if (body.size() <= kSmallBody) {
    out_.append(base::AsText(body));
    return;
  }
  response_ = std::move(response);
  tail_ = response_.BodyBytes().first(body.size());
}

void Connection::SendLater(Response response) {
  state_ = State::kDelayed;
  timeout_ = now_ + response.delay + service_.options.write_timeout;
  delay_ = std::make_unique<boost::asio::steady_timer>(thread_.io(),
                                                       std::exchange(response.delay, {}));
  delay_->async_wait([this, self = shared_from_this(), answer = std::move(response)](
                         const boost::system::error_code&) mutable {
    if (state_ != State::kDelayed) return;  // Closed meanwhile.
    now_ = Now();
    if (Send(std::move(answer))) Process();
  });
}

void Connection::ForgetAnswer() {
  if (out_secret_) base::Wipe({reinterpret_cast<std::uint8_t*>(out_.data()), out_.size()});
  out_.clear();
  if (out_.capacity() > kOutAtRest) out_.shrink_to_fit();
  if (!tail_.empty()) response_ = Response();
  tail_ = {};
  out_secret_ = false;
}

bool Connection::FinishAnswer() {
  ForgetAnswer();
  if (!keep_alive_) {
    state_ = State::kLingering;
    timeout_ = now_ + kLingerTime;
    Linger();
    return false;
  }
  reader_.Finish();
  served_ = true;
  begun_ = false;
  phase_ = RequestReader::Phase::kIdle;
  return true;
}

void Connection::OnWritten() {
  now_ = Now();
  if (state_ == State::kStreaming) return OnStreamWritten();
  if (FinishAnswer()) Process();
}

void Connection::Sweep(base::BootTime now) {
  if (now < timeout_) return;
  now_ = now;
  switch (state_) {
    case State::kReading:
      if (phase_ == RequestReader::Phase::kIdle) return Close();
      CancelRead();
      return Refuse(408, phase_ == RequestReader::Phase::kHead
                             ? "The head of the request took too long."
                             : "The body of the request took too long.");
    case State::kWorking:
      abandoned_ = true;
      return Refuse(504, "The request's deadline has passed.");
    default:
      return Close();
  }
}

void Connection::BeginDrain() {
  draining_ = true;
  if (told_) return told_->End();
  const bool idle = state_ == State::kReading && phase_ == RequestReader::Phase::kIdle;
  if (idle || state_ == State::kNew) Close();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  abandoned_ = true;
  ForgetStream();
  delay_.reset();  // Its handler runs, and finds the connection closed.
  CloseSocket();
  thread_.Remove(*this);
}

}  // namespace tenantseal::net::beast
