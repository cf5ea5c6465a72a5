#include "net/http_server.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/thread_priority.h"
#include "net/http_client.h"
#include "net/stream.h"
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

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

std::string Post(std::string_view body) {
  return "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

class HttpServerTest : public ::testing::Test {
 protected:
  HttpServerTest() {
    options.sweep_interval = milliseconds(5);
    handler.now = [](Request& request) {
      return Response{.content_type = "text/plain",
                      .body = std::string(request.path) + '|' +
                              std::string(base::AsText(request.body))};
    };
  }

  void Start(WorkerPoolOptions pool = {.threads = 2}) {
    workers = std::make_unique<WorkerPool>(pool);
    server = std::make_unique<HttpServer>(options, handler, *workers, clock, random);
    const Result<void> started = server->Start();
    ASSERT_TRUE(started.ok()) << started.error().message;
  }
  // The whole answer to `text`, after which the client says that it is done.
  std::string Ask(std::string_view text) {
    TestSocket socket(server->Port());
    socket.Send(text);
    socket.EndSending();
    return socket.ReceiveAll();
  }

  base::SystemClock clock;
  base::SystemRandom random;
  TestHandler handler;
  HttpServerOptions options;
  std::unique_ptr<WorkerPool> workers;
  std::unique_ptr<HttpServer> server;
};

TEST_F(HttpServerTest, AnswersWithItsOwnHeadersAndKeepsTheConnection) {
  Start();
  TestSocket socket(server->Port());
  std::set<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(socket.Send(Post("hi")));
    const std::string response = socket.Receive();
    EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                                     "Content-Length: 5\r\nDate: "));
    EXPECT_THAT(response, EndsWith("\r\n\r\n/p|hi"));
    EXPECT_THAT(response, Not(HasSubstr("Connection:")));
    const std::size_t at = response.find("X-Request-Id: ");
    ASSERT_NE(at, response.npos);
    ids.insert(response.substr(at + 14, kRequestIdSize + 2));
  }
  EXPECT_EQ(ids.size(), 3U);
  for (const std::string& id : ids) EXPECT_THAT(id, EndsWith("\r\n"));
  EXPECT_EQ(server->stats().requests, 3U);
  EXPECT_EQ(server->stats().connections_accepted, 1U);
  EXPECT_EQ(server->stats().connections_open, 1U);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrderAlsoThroughWorkers) {
  const auto inline_answer = handler.now;
  handler.now = [&](Request& request) -> std::optional<Response> {
    if (request.method == Method::kPost) return std::nullopt;
    return inline_answer(request);
  };
  handler.blocking = [](Request& request) {
    return Response{.body = "w:" + std::string(base::AsText(request.body))};
  };
  Start();
  std::string input;
  for (int i = 0; i < 100; ++i) {
    input += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    if (i % 10 == 0) input += Post(std::to_string(i));
  }
  TestSocket socket(server->Port());
  ASSERT_TRUE(socket.Send(input));
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(socket.Receive(), EndsWith("\r\n\r\n/" + std::to_string(i) + '|'));
    if (i % 10 == 0) {
      EXPECT_THAT(socket.Receive(), EndsWith("\r\n\r\nw:" + std::to_string(i)));
    }
  }
}

TEST_F(HttpServerTest, OffersTheProcessorWithEachRequestToWhoHoldsWhatOthersAwait) {
  Start();
  const std::uint64_t before = base::OffersToHolders();
  const base::WidelyAwaitedHold hold;
  while (hold.duration() < milliseconds(1)) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Ask(kGet), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(base::OffersToHolders() - before, 3u);
}

TEST_F(HttpServerTest, ReadsARequestThatComesByteByByte) {
  Start();
  TestSocket socket(server->Port());
  for (const char c : Post("slow")) ASSERT_TRUE(socket.Send({&c, 1}));
  EXPECT_THAT(socket.Receive(), EndsWith("/p|slow"));
  const std::string chunks = "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
  for (const char c : chunks) ASSERT_TRUE(socket.Send({&c, 1}));
  EXPECT_THAT(socket.Receive(), EndsWith("/c|abc"));
}

TEST_F(HttpServerTest, CarriesBigBodiesBothWays) {
  handler.now = [](Request& request) -> std::optional<Response> {
    return Response{.body = base::SecretBytes::CopyOf(request.body)};
  };
  Start();
  std::string body(4 << 20, ' ');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  TestSocket socket(server->Port());
  std::string response;
  std::thread reader([&] { response = socket.Receive(); });
  EXPECT_TRUE(socket.Send(Post(body)));
  reader.join();
  EXPECT_TRUE(response.ends_with("\r\n\r\n" + body));
  EXPECT_TRUE(socket.Send(kGet));
  EXPECT_THAT(socket.Receive(), HasSubstr("Content-Length: 0\r\n"));
}

TEST_F(HttpServerTest, KeepsOrClosesAsVersionAndHeadersSay) {
  Start();
  EXPECT_THAT(Ask("GET / HTTP/1.0\r\n\r\n"), HasSubstr("Connection: close\r\n"));
  TestSocket old(server->Port());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(old.Send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    EXPECT_THAT(old.Receive(), HasSubstr("Connection: keep-alive\r\n"));
  }
  TestSocket closing(server->Port());
  ASSERT_TRUE(closing.Send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_THAT(closing.Receive(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closing.AtEnd());
}

TEST_F(HttpServerTest, AnswersHeadAndEmptyStatusesWithoutBody) {
  handler.now = [](Request& request) -> std::optional<Response> {
    if (request.path == "/204") return Response{.status = 204, .body = std::string("dropped")};
    return Response{.body = std::string("12345")};
  };
  Start();
  TestSocket socket(server->Port());
  ASSERT_TRUE(socket.Send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(socket.Receive(true), HasSubstr("Content-Length: 5\r\n"));
  ASSERT_TRUE(socket.Send("GET /204 HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(socket.Receive(true), Not(HasSubstr("Content-Length")));
  ASSERT_TRUE(socket.Send(kGet));
  EXPECT_THAT(socket.Receive(), EndsWith("\r\n\r\n12345"));
}

TEST_F(HttpServerTest, SendsContinueOnlyForABodyThatItTakes) {
  handler.body_max = [](const Request& request) -> std::size_t {
    return request.path == "/small" ? 3 : 1000;
  };
  Start();
  TestSocket socket(server->Port());
  const std::string tail =
      " HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
  ASSERT_TRUE(socket.Send("POST /big" + tail));
  EXPECT_EQ(socket.Receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(socket.Send("body"));
  EXPECT_THAT(socket.Receive(), EndsWith("/big|body"));
  ASSERT_TRUE(socket.Send("POST /big" + tail + "body"));
  EXPECT_THAT(socket.Receive(), StartsWith("HTTP/1.1 200"));
  ASSERT_TRUE(socket.Send("POST /small" + tail));
  EXPECT_THAT(socket.Receive(), StartsWith("HTTP/1.1 413 Content Too Large"));
  EXPECT_TRUE(socket.AtEnd());
}

TEST_F(HttpServerTest, RefusesWithTheHandlersBodyAndCloses) {
  std::atomic<int> handled = 0;
  handler.now = [&](Request&) { return ++handled, Response(); };
  options.body_bytes_max = 1000;
  Start();
  const struct {
    std::string input;
    int status;
  } cases[] = {
      {"GARBAGE\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET /" + std::string(5000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414},
      {"GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(20'000, 'a') + "\r\n\r\n", 431},
      {Post(std::string(1001, 'a')), 413},
      {Post(std::string(200'000, 'a')), 413},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" +
           std::string(kGet), 400},
      {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505},
  };
  for (const auto& c : cases) {
    const std::string status = std::to_string(c.status);
    const std::string response = Ask(c.input);
    EXPECT_THAT(response, StartsWith("HTTP/1.1 " + status + ' ')) << c.input.substr(0, 100);
    EXPECT_THAT(response, HasSubstr("\r\nConnection: close\r\n"));
    EXPECT_THAT(response, HasSubstr("\r\nX-Request-Id: "));
    EXPECT_THAT(response, HasSubstr("\r\n\r\n" + status + ' '));
    EXPECT_EQ(response.find("Date: "), response.rfind("Date: ")) << "nothing follows a refusal";
  }
  EXPECT_EQ(handled, 0);
  EXPECT_EQ(server->stats().requests_refused, std::size(cases));
}

TEST_F(HttpServerTest, AHandlerCannotSplitAResponse) {
  handler.now = [](Request&) {
    return Response{.body = std::string("x"), .headers = {{"Location", "a\r\nSet-Cookie: b"}}};
  };
  Start();
  const std::string response = Ask(kGet);
  EXPECT_THAT(response, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(response, Not(HasSubstr("Set-Cookie")));
}

TEST_F(HttpServerTest, EveryAnswerHasTheServersHeadersUnlessItHasItsOwn) {
  options.headers = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
  handler.now = [](Request& request) {
    Response response{.body = std::string("x")};
    if (request.path == "/own") response.headers.push_back({"cache-control", "public"});
    return response;
  };
  Start();
  const std::string plain = Ask(kGet);
  EXPECT_THAT(plain, HasSubstr("\r\nCache-Control: no-store\r\n"));
  EXPECT_THAT(plain, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  const std::string own = Ask("GET /own HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(own, HasSubstr("\r\ncache-control: public\r\n"));
  EXPECT_THAT(own, Not(HasSubstr("no-store")));
  EXPECT_THAT(Ask("nonsense\r\n\r\n"), HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
}

TEST_F(HttpServerTest, SlowClientsAreTimedOut) {
  options.header_timeout = milliseconds(60);
  options.body_timeout = milliseconds(60);
  options.idle_timeout = milliseconds(60);
  Start();
  TestSocket silent(server->Port());
  TestSocket head(server->Port());
  TestSocket body(server->Port());
  TestSocket idle(server->Port());
  ASSERT_TRUE(head.Send("GET / HT"));
  ASSERT_TRUE(body.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf"));
  ASSERT_TRUE(idle.Send(kGet));
  EXPECT_THAT(idle.Receive(), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(head.Receive(), EndsWith("408 The head of the request took too long."));
  EXPECT_THAT(body.Receive(), EndsWith("408 The body of the request took too long."));
  EXPECT_TRUE(idle.AtEnd());
  EXPECT_TRUE(silent.AtEnd());
  head.Close();
  body.Close();
}

TEST_F(HttpServerTest, ADripOfBytesDoesNotExtendTheTimeout) {
  options.header_timeout = milliseconds(100);
  Start();
  TestSocket socket(server->Port());
  const auto start = std::chrono::steady_clock::now();
  while (socket.Send("G") && std::chrono::steady_clock::now() - start < seconds(5)) {
    if (server->stats().requests_refused > 0) break;
    std::this_thread::yield();
    if (server->stats().requests_refused == 0) std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(2));
  EXPECT_THAT(socket.Receive(), StartsWith("HTTP/1.1 408"));
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsCutOff) {
  handler.now = [](Request&) { return Response{.body = std::string(8 << 20, 'x')}; };
  options.write_timeout = milliseconds(60);
  Start();
  TestSocket socket(server->Port());
  ASSERT_TRUE(socket.Send(kGet));
  while (server->stats().requests == 0) std::this_thread::yield();
  while (server->stats().connections_open > 0) std::this_thread::yield();
  EXPECT_LT(socket.ReceiveAll().size(), std::size_t{8} << 20);
}

TEST_F(HttpServerTest, WorkersRunWhatBlocksAndTheQueueIsBounded) {
  std::latch release(1);
  handler.now = [](Request& request) -> std::optional<Response> {
    request.queue_key = std::string(request.path);
    return std::nullopt;
  };
  handler.blocking = [&](Request& request) {
    release.wait();
    return Response{.body = std::string(request.queue_key)};
  };
  Start({.threads = 1, .queued_max = 2, .queued_per_key_max = 1});
  const auto get = [](std::string path) { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"; };
  TestSocket running(server->Port());
  TestSocket waiting(server->Port());
  TestSocket other(server->Port());
  ASSERT_TRUE(running.Send(get("/a")));
  while (workers->running() == 0) std::this_thread::yield();
  ASSERT_TRUE(waiting.Send(get("/a")));
  while (workers->queued() < 1) std::this_thread::yield();
  EXPECT_THAT(Ask(get("/a")), StartsWith("HTTP/1.1 503 "));  // The key's share is full.
  ASSERT_TRUE(other.Send(get("/b")));
  while (workers->queued() < 2) std::this_thread::yield();
  const std::string full = Ask(get("/c"));
  EXPECT_THAT(full, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(full, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(full, EndsWith("overloaded"));
  EXPECT_THAT(full, Not(HasSubstr("Connection: close")));
  EXPECT_EQ(server->stats().requests_in_flight, 3U);
  EXPECT_EQ(server->stats().queue_depth, 2U);
  release.count_down();
  EXPECT_THAT(running.Receive(), EndsWith("/a"));
  EXPECT_THAT(waiting.Receive(), EndsWith("/a"));
  EXPECT_THAT(other.Receive(), EndsWith("/b"));
}

TEST_F(HttpServerTest, ARequestThatOutlivesItsDeadlineIs504AndLaterOnesNeverRun) {
  std::latch release(1);
  std::atomic<int> ran = 0;
  handler.now = [](Request&) { return std::nullopt; };
  handler.blocking = [&](Request&) {
    ++ran;
    release.wait();
    return Response();
  };
  options.request_deadline = milliseconds(50);
  Start({.threads = 1});
  TestSocket first(server->Port());
  TestSocket second(server->Port());
  ASSERT_TRUE(first.Send(kGet));
  while (ran == 0) std::this_thread::yield();
  ASSERT_TRUE(second.Send(kGet));
  EXPECT_THAT(first.Receive(), StartsWith("HTTP/1.1 504 "));
  EXPECT_THAT(second.Receive(), StartsWith("HTTP/1.1 504 "));
  release.count_down();
  while (server->stats().requests_in_flight > 0) std::this_thread::yield();
  EXPECT_EQ(ran, 1);
}

TEST_F(HttpServerTest, AClientThatLeavesHarmsNothing) {
  std::latch release(1);
  handler.now = [](Request&) { return std::nullopt; };
  handler.blocking = [&](Request& request) {
    release.wait();
    return Response{.body = std::string(base::AsText(request.body))};
  };
  Start();
  {
    TestSocket leaver(server->Port());
    ASSERT_TRUE(leaver.Send(Post(std::string(100'000, 'a'))));
    while (workers->running() == 0) std::this_thread::yield();
  }
  release.count_down();
  TestSocket socket(server->Port());
  ASSERT_TRUE(socket.Send(Post("ok")));
  EXPECT_THAT(socket.Receive(), EndsWith("ok"));
  server.reset();  // Waits for the handler whose answer nobody wants: it uses `release`.
}

TEST_F(HttpServerTest, ConnectionsBeyondTheLimitAreTold) {
  options.connections_max = 1;
  Start();
  TestSocket kept(server->Port());
  ASSERT_TRUE(kept.Send(kGet));
  ASSERT_THAT(kept.Receive(), StartsWith("HTTP/1.1 200"));
  TestSocket rejected(server->Port());
  ASSERT_TRUE(rejected.Send(kGet));
  EXPECT_THAT(rejected.Receive(), StartsWith("HTTP/1.1 503 "));
  EXPECT_TRUE(rejected.AtEnd());
  EXPECT_EQ(server->stats().connections_rejected, 1U);
  rejected.Close();
  kept.Close();
  while (server->stats().connections_open > 0) std::this_thread::yield();
  TestSocket next(server->Port());
  ASSERT_TRUE(next.Send(kGet));
  EXPECT_THAT(next.Receive(), StartsWith("HTTP/1.1 200"));
}

TEST_F(HttpServerTest, DrainAnswersWhatIsInFlightAndClosesTheRest) {
  std::latch release(1);
  handler.now = [](Request&) { return std::nullopt; };
  handler.blocking = [&](Request&) {
    release.wait();
    return Response{.body = std::string("done")};
  };
  Start();
  const std::uint16_t port = server->Port();
  TestSocket idle(port);
  TestSocket busy(port);
  ASSERT_TRUE(busy.Send(kGet));
  while (workers->running() == 0) std::this_thread::yield();
  std::thread drain([&] { server->Drain(seconds(10)); });
  EXPECT_TRUE(idle.AtEnd());
  release.count_down();
  const std::string response = busy.Receive();
  EXPECT_THAT(response, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(response, EndsWith("done"));
  busy.Close();
  drain.join();
  EXPECT_EQ(server->stats().connections_open, 0U);
  EXPECT_FALSE(TestSocket(port).connected());
}

TEST_F(HttpServerTest, DrainEndsAtItsTimeout) {
  Start();
  TestSocket half(server->Port());
  ASSERT_TRUE(half.Send("GET / HT"));
  server->Drain(milliseconds(20));
  EXPECT_TRUE(half.AtEnd());
}

TEST_F(HttpServerTest, SeveralThreadsShareAPortAndASecondServerDoesNot) {
  options.threads = 2;
  Start();
  std::vector<std::unique_ptr<TestSocket>> sockets;
  for (int i = 0; i < 20; ++i) {
    sockets.push_back(std::make_unique<TestSocket>(server->Port()));
    ASSERT_TRUE(sockets.back()->Send(kGet));
  }
  for (auto& socket : sockets) EXPECT_THAT(socket->Receive(), StartsWith("HTTP/1.1 200"));
  for (const std::size_t threads : {1U, 2U}) {
    HttpServerOptions same = options;
    same.port = server->Port();
    same.threads = threads;
    HttpServer second(same, handler, *workers, clock, random);
    const Result<void> started = second.Start();
    ASSERT_FALSE(started.ok());
    EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
  }
}

TEST_F(HttpServerTest, RefusesBadOptions) {
  WorkerPool pool({.threads = 1});
  const auto field = [&](auto change) {
    HttpServerOptions bad;
    change(bad);
    const Result<void> started = HttpServer(bad, handler, pool, clock, random).Start();
    return started.ok() ? "" : started.error().field;
  };
  EXPECT_EQ(field([](auto& o) { o.address = "localhost"; }), "listen");
  EXPECT_EQ(field([](auto& o) { o.threads = 0; }), "threads");
  EXPECT_EQ(field([](auto& o) { o.connections_max = 0; }), "connections-max");
  EXPECT_EQ(field([](auto& o) { o.header_bytes_max = 10; }), "header-bytes-max");
  EXPECT_EQ(field([](auto& o) { o.tls_cert_file = "/x"; }), "tls-key");
  EXPECT_EQ(field([](auto& o) { o.tls_cert_file = o.tls_key_file = "/x"; }), "tls-cert");
}

// A certificate for 127.0.0.1 that signs itself, made once.
class HttpServerTlsTest : public HttpServerTest {
 protected:
  static void SetUpTestSuite() {
    directory = ::testing::TempDir() + "net_tls_" + std::to_string(getpid());
    std::filesystem::create_directories(directory);
    const std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=tenantseal-test -addext subjectAltName=IP:127.0.0.1 -keyout " +
        directory + "/key.pem -out " + directory + "/cert.pem 2>/dev/null";
    ASSERT_EQ(std::system(command.c_str()), 0);
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(directory); }

  void SetUp() override {
    options.tls_cert_file = directory + "/cert.pem";
    options.tls_key_file = directory + "/key.pem";
    handler.now = [](Request& request) -> std::optional<Response> {
      if (request.path == "/wait") return std::nullopt;
      return Response{.body = base::SecretBytes::CopyOf(request.body),
                      .headers = {{"X-Secure", request.secure ? "yes" : "no"}}};
    };
    handler.blocking = [](Request&) { return Response{.body = std::string("waited")}; };
  }
  Result<HttpResponse> Send(const HttpClient& client, std::string path, std::string_view body) {
    return client.Send({.method = Method::kPost,
                        .url = "https://127.0.0.1:" + std::to_string(server->Port()) + path,
                        .body = base::AsBytes(body)});
  }

  static inline std::string directory;
};

TEST_F(HttpServerTlsTest, CarriesRequestsOfEverySize) {
  Start();
  const auto client = NewHttpClient({.ca_file = directory + "/cert.pem"});
  for (const std::size_t size : {0U, 1U, 300U, 20'000U, 3'000'000U}) {
    const std::string body(size, 'b');
    const Result<HttpResponse> response = Send(*client, "/", body);
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->Header("x-secure"), "yes");
    EXPECT_TRUE(response->body.RevealText() == body) << size;
  }
  const Result<HttpResponse> waited = Send(*client, "/wait", "x");
  ASSERT_TRUE(waited.ok());
  EXPECT_EQ(waited->body.RevealText(), "waited");
  EXPECT_EQ(server->stats().connections_accepted, 1U) << "the connection must be kept";
}

TEST_F(HttpServerTlsTest, RefusalsArriveThroughTls) {
  options.body_bytes_max = 1000;
  Start();
  const auto client = NewHttpClient({.ca_file = directory + "/cert.pem"});
  const Result<HttpResponse> response = Send(*client, "/", std::string(2000, 'x'));
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->status, 413);
}

TEST_F(HttpServerTlsTest, AClientThatDoesNotTrustTheCertificateSendsNothing) {
  Start();
  const Result<HttpResponse> response = Send(*NewHttpClient(), "/", "secret");
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(server->stats().requests, 0U);
}

TEST_F(HttpServerTlsTest, AnswersThatGoOnArriveThroughTls) {
  auto stream = std::make_shared<Stream>(1 << 20);
  const std::weak_ptr<Stream> teller = stream;
  handler.now = [&](Request&) {
    return Response{.content_type = "text/event-stream", .stream = std::move(stream)};
  };
  Start();
  const auto client = NewHttpClient({.ca_file = directory + "/cert.pem"});
  std::string expected;
  std::thread tells([&] {
    while (server->stats().streams_open == 0) std::this_thread::yield();
    for (int i = 0; i < 100; ++i) {
      const std::string line = std::to_string(i) + std::string(1000, 'x') + '\n';
      expected += line;
      const auto told = teller.lock();
      if (told == nullptr || !told->Push(line)) return;
    }
    if (const auto told = teller.lock()) told->End();
  });
  const Result<HttpResponse> response = Send(*client, "/", "");
  tells.join();
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_TRUE(response->body.RevealText() == expected);
}

TEST_F(HttpServerTlsTest, PlainHttpAndSilenceAreClosed) {
  options.header_timeout = milliseconds(60);
  Start();
  TestSocket plain(server->Port());
  ASSERT_TRUE(plain.Send(kGet));
  EXPECT_THAT(plain.ReceiveAll(), Not(HasSubstr("HTTP/1.1")));
  EXPECT_TRUE(TestSocket(server->Port()).AtEnd());
  EXPECT_EQ(server->stats().requests, 0U);
}

TEST_F(HttpServerTlsTest, TheCertificateCanBeReloadedAndABadOneChangesNothing) {
  Start();
  ASSERT_TRUE(server->ReloadCertificate().ok());
  std::filesystem::rename(directory + "/cert.pem", directory + "/away.pem");
  EXPECT_EQ(server->ReloadCertificate().error().field, "tls-cert");
  std::filesystem::rename(directory + "/away.pem", directory + "/cert.pem");
  const auto client = NewHttpClient({.ca_file = directory + "/cert.pem"});
  EXPECT_TRUE(Send(*client, "/", "x").ok());
}

// What stand-ins of failing services do to their clients.
TEST_F(HttpServerTest, DropsCutsAndDelaysAnswersWhenToldTo) {
  handler.now = [](Request& request) {
    Response response{.content_type = "text/plain", .body = std::string("0123456789")};
    if (request.path == "/drop") response.delivery = Delivery::kDrop;
    if (request.path == "/cut") response.delivery = Delivery::kCut;
    if (request.path == "/late") response.delay = milliseconds(30);
    return response;
  };
  Start();
  EXPECT_EQ(Ask("GET /drop HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  const std::string cut = Ask("GET /cut HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(cut, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(cut, EndsWith("\r\n\r\n01234"));

  TestSocket socket(server->Port());
  const base::BootTime before = clock.Boot();
  ASSERT_TRUE(socket.Send("GET /late HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(socket.Receive(), EndsWith("0123456789"));
  EXPECT_GE(clock.Boot() - before, milliseconds(30));
  ASSERT_TRUE(socket.Send(kGet));  // The connection is as good as new.
  EXPECT_THAT(socket.Receive(), EndsWith("0123456789"));
}

TEST_F(HttpServerTest, EndsWithoutWaitingForDelayedAnswers) {
  handler.now = [](Request&) {
    return Response{.body = std::string("x"), .delay = std::chrono::hours(1)};
  };
  Start();
  TestSocket socket(server->Port());
  ASSERT_TRUE(socket.Send(kGet));
  while (server->stats().requests == 0) std::this_thread::yield();
  server->Drain(milliseconds(0));
  EXPECT_TRUE(socket.AtEnd());
}

}  // namespace
}  // namespace tenantseal::net
