#include "net/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/random.h"
#include "net/http_server.h"
#include "net/testing.h"
#include "net/worker_pool.h"

namespace tenantseal::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using testing::TestHandler;
using testing::TestSocket;

TEST(Stream, KeepsWhatWaitsInOrderAndBounded) {
  Stream stream(10);
  EXPECT_TRUE(stream.Push("12345"));
  EXPECT_TRUE(stream.Push("67890"));
  Stream::Taken taken = stream.Take();
  EXPECT_EQ(taken.text, "1234567890");
  EXPECT_EQ(taken.next, Stream::Next::kMore);
  EXPECT_TRUE(stream.Push("1234567890"));
  EXPECT_FALSE(stream.Push("x"));
  EXPECT_FALSE(stream.open());
  taken = stream.Take();
  EXPECT_EQ(taken.text, "");
  EXPECT_EQ(taken.next, Stream::Next::kBroken);
  EXPECT_FALSE(stream.Push(""));
}

TEST(Stream, EndsAfterWhatWasPushed) {
  Stream stream(10);
  EXPECT_TRUE(stream.Push("last"));
  stream.End();
  EXPECT_FALSE(stream.Push("late"));
  const Stream::Taken taken = stream.Take();
  EXPECT_EQ(taken.text, "last");
  EXPECT_EQ(taken.next, Stream::Next::kEnd);
}

TEST(Stream, WakesOnceForWhatIsTakenOnce) {
  Stream stream(100);
  int wakes = 0;
  stream.Attach([&] { ++wakes; });
  stream.Push("a");
  stream.Push("b");
  EXPECT_EQ(wakes, 1);
  stream.Take();
  stream.Push("c");
  EXPECT_EQ(wakes, 2);
  stream.Detach();
  EXPECT_FALSE(stream.Push("d"));
  stream.End();
  EXPECT_EQ(wakes, 2);
}

class AnswerStreamTest : public ::testing::Test {
 protected:
  AnswerStreamTest() {
    options.sweep_interval = milliseconds(5);
    handler.now = [this](Request&) { return Open(); };
  }
  Response Open() {
    auto stream = std::make_shared<Stream>(waiting_bytes_max);
    teller = stream;
    if (!first.empty()) stream->Push(first);
    return {.content_type = "text/event-stream", .stream = std::move(stream)};
  }
  void Start() {
    server = std::make_unique<HttpServer>(options, handler, workers, clock, random);
    ASSERT_TRUE(server->Start().ok());
  }
  bool Push(std::string_view text) {
    const auto stream = teller.lock();
    return stream && stream->Push(text);
  }
  // What the client of HTTP/1.1 sees once the head has come.
  std::unique_ptr<TestSocket> Follow(std::string_view version = "1.1") {
    auto socket = std::make_unique<TestSocket>(server->Port());
    socket->Send("GET /s HTTP/" + std::string(version) + "\r\nHost: h\r\n\r\n");
    head = socket->Receive(/*head_only=*/true);
    return socket;
  }
  void AwaitGone() {
    while (!teller.expired()) std::this_thread::yield();
    while (server->stats().streams_open > 0) std::this_thread::yield();
  }

  std::size_t waiting_bytes_max = 1 << 20;
  std::string first;
  std::string head;
  std::weak_ptr<Stream> teller;
  base::SystemClock clock;
  base::FakeClock fake;
  base::SystemRandom random;
  TestHandler handler;
  HttpServerOptions options;
  WorkerPool workers{{.threads = 2}};
  std::unique_ptr<HttpServer> server;
};

TEST_F(AnswerStreamTest, SendsChunksAsTheyArePushedAndEndsProperly) {
  first = "first";
  Start();
  const auto socket = Follow();
  EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
  EXPECT_EQ(socket->ReceiveUntil("first\r\n"), "5\r\nfirst\r\n");
  ASSERT_TRUE(Push("0123456789abcdef"));
  EXPECT_EQ(socket->ReceiveUntil("f\r\n"), "10\r\n0123456789abcdef\r\n");
  EXPECT_EQ(server->stats().streams_open, 1U);
  teller.lock()->End();
  EXPECT_EQ(socket->ReceiveAll(), "0\r\n\r\n");
  AwaitGone();
}

TEST_F(AnswerStreamTest, CanComeFromAWorker) {
  handler.now = [](Request&) { return std::nullopt; };
  handler.blocking = [this](Request&) { return Open(); };
  first = "x";
  Start();
  const auto socket = Follow();
  EXPECT_EQ(socket->ReceiveUntil("x\r\n"), "1\r\nx\r\n");
  ASSERT_TRUE(Push("y"));
  EXPECT_EQ(socket->ReceiveUntil("y\r\n"), "1\r\ny\r\n");
}

TEST_F(AnswerStreamTest, IsGoneWithItsClient) {
  Start();
  const auto socket = Follow();
  ASSERT_TRUE(Push("x"));
  socket->Close();
  AwaitGone();  // Nothing needs to be pushed for it.
  while (server->stats().connections_open > 0) std::this_thread::yield();
}

TEST_F(AnswerStreamTest, AClientThatDoesNotReadIsDroppedAndNothingGrows) {
  waiting_bytes_max = 64 << 10;
  Start();
  const auto socket = Follow();
  const std::string piece(4 << 10, 'x');
  std::size_t pushed = 0;
  while (Push(piece)) {
    pushed += piece.size();
    ASSERT_LT(pushed, std::size_t{1} << 30) << "nobody reads, and yet it goes on";
  }
  AwaitGone();  // Although a write is under way that the client never takes.
  EXPECT_THAT(socket->ReceiveAll(), Not(EndsWith("0\r\n\r\n")));
}

TEST_F(AnswerStreamTest, AClientThatStopsReadingIsTimedOut) {
  waiting_bytes_max = 64 << 20;
  options.write_timeout = milliseconds(60);
  Start();
  const auto socket = Follow();
  ASSERT_TRUE(Push(std::string(32 << 20, 'x')));
  AwaitGone();
}

TEST_F(AnswerStreamTest, SilenceIsNotTimedOut) {
  server = std::make_unique<HttpServer>(options, handler, workers, fake, random);
  ASSERT_TRUE(server->Start().ok());
  const auto socket = Follow();
  TestSocket idle(server->Port());
  while (server->stats().connections_open < 2) std::this_thread::yield();
  fake.Advance(std::chrono::hours(24));
  EXPECT_TRUE(idle.AtEnd());  // A sweep has found what took too long.
  ASSERT_TRUE(Push("still here"));
  EXPECT_EQ(socket->ReceiveUntil("here\r\n"), "a\r\nstill here\r\n");
}

TEST_F(AnswerStreamTest, AClientThatGoesOnTalkingIsDropped) {
  Start();
  const auto socket = Follow();
  EXPECT_TRUE(socket->Send(std::string(1000, 'x')));
  ASSERT_TRUE(Push("x"));
  EXPECT_EQ(socket->ReceiveUntil("x\r\n"), "1\r\nx\r\n");
  while (socket->Send(std::string(16 << 10, 'x'))) {
  }
  AwaitGone();
}

TEST_F(AnswerStreamTest, DrainEndsItProperly) {
  Start();
  const auto socket = Follow();
  ASSERT_TRUE(Push("x"));
  std::thread drain([this] { server->Drain(seconds(10)); });
  EXPECT_EQ(socket->ReceiveAll(), "1\r\nx\r\n0\r\n\r\n");
  socket->Close();
  drain.join();
  EXPECT_TRUE(teller.expired());
}

TEST_F(AnswerStreamTest, PushingWhileTheServerEndsHarmsNothing) {
  Start();
  const auto socket = Follow();
  std::atomic<bool> stop{false};
  std::thread tells([&] {
    while (!stop && Push("x")) std::this_thread::yield();
  });
  server.reset();
  stop = true;
  tells.join();
  EXPECT_TRUE(teller.expired());
}

TEST_F(AnswerStreamTest, RefusesOldClientsAndAnswersHead) {
  Start();
  const auto old = Follow("1.0");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 505 "));
  AwaitGone();
  TestSocket asks(server->Port());
  asks.Send("HEAD /s HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(asks.ReceiveAll(), EndsWith("\r\nConnection: close\r\n\r\n"));
  AwaitGone();
  EXPECT_EQ(server->stats().streams_open, 0U);
}

}  // namespace
}  // namespace tenantseal::net
