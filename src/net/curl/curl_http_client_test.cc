#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/http_client.h"
#include "net/testing.h"

namespace tenantseal::net {
namespace {

using std::chrono::milliseconds;
using testing::TestHandler;

class HttpClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    handler.now = [](Request& request) -> std::optional<Response> {
      if (request.path == "/slow") return std::nullopt;
      if (request.path == "/redirect") {
        return Response{.status = 302, .headers = {{"Location", "/elsewhere"}}};
      }
      if (request.path == "/big") return Response{.body = std::string(1001, 'x')};
      Response response{.body = std::string(MethodName(request.method)) + ' ' +
                                std::string(request.path) + '?' + std::string(request.query) + ' ' +
                                std::string(base::AsText(request.body)),
                        .headers = {{"X-Type", "none"}, {"X-Echo", "none"}}};
      if (const auto type = request.Header("content-type")) response.headers[0].value = *type;
      if (const auto echo = request.Header("X-Test")) response.headers[1].value = *echo;
      return response;
    };
    handler.blocking = [this](Request&) {
      release.wait();
      return Response();
    };
    ASSERT_TRUE(server.Start().ok());
    url = "http://127.0.0.1:" + std::to_string(server.Port());
  }

  base::SystemClock clock;
  base::SystemRandom random;
  TestHandler handler;
  std::latch release{1};
  WorkerPool workers{{.threads = 1}};
  HttpServer server{HttpServerOptions(), handler, workers, clock, random};
  std::string url;
  const std::unique_ptr<HttpClient> client =
      NewHttpClient({.response_bytes_max = 1000, .use_proxy_environment = false});
};

TEST_F(HttpClientTest, SendsEveryMethodAndReadsTheAnswer) {
  for (const Method method : {Method::kGet, Method::kPost, Method::kPut, Method::kPatch,
                              Method::kDelete, Method::kOptions}) {
    const bool with_body = method != Method::kGet;
    const Result<HttpResponse> response =
        client->Send({.method = method,
                      .url = url + "/a%20b?c=d",
                      .headers = {{"X-Test", "v"}},
                      .body = base::AsBytes(with_body ? "text" : "")});
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body.RevealText(), std::string(MethodName(method)) + " /a%20b?c=d " +
                                               (with_body ? "text" : ""));
    EXPECT_EQ(response->Header("x-echo"), "v");
    EXPECT_EQ(response->Header("X-TYPE"), "none") << "no content type of libcurl's own";
    EXPECT_EQ(response->Header("missing"), std::nullopt);
  }
  const Result<HttpResponse> head = client->Send({.method = Method::kHead, .url = url + "/"});
  ASSERT_TRUE(head.ok());
  EXPECT_TRUE(head->body.empty());
  EXPECT_EQ(server.stats().connections_accepted, 1U) << "the connection must be kept";
}

TEST_F(HttpClientTest, SendsAnEmptyPost) {
  const auto response = client->Send({.method = Method::kPost, .url = url + "/"});
  ASSERT_TRUE(response.ok()) << response.error().message;
  EXPECT_EQ(response->body.RevealText(), "POST /? ");
}

TEST_F(HttpClientTest, ReturnsARedirectInsteadOfFollowingIt) {
  const Result<HttpResponse> response = client->Send({.url = url + "/redirect"});
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->Header("location"), "/elsewhere");
  EXPECT_EQ(server.stats().requests, 1U);
}

TEST_F(HttpClientTest, BoundsTheResponse) {
  const Result<HttpResponse> response = client->Send({.url = url + "/big"});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(client->Send({.url = url + "/"}).ok()) << "the handle must still be usable";
}

TEST_F(HttpClientTest, CutsTheResponseWhereItIsToldTo) {
  const auto cutting = NewHttpClient(
      {.response_bytes_max = 1000, .cut_response = true, .use_proxy_environment = false});
  for (int i = 0; i < 2; ++i) {
    const Result<HttpResponse> response = cutting->Send({.url = url + "/big"});
    ASSERT_TRUE(response.ok()) << response.error().message;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body.RevealText(), std::string(1000, 'x'));
  }
}

TEST_F(HttpClientTest, ConnectsOnlyWhereItMay) {
  const std::string port = std::to_string(server.Port());
  const auto send = [&](Egress egress, const std::string& host) {
    const auto guarded =
        NewHttpClient({.use_proxy_environment = false, .egress = std::move(egress)});
    const auto response = guarded->Send({.url = "http://" + host + ":" + port + "/"});
    return response ? "answered" : std::string(ErrorCodeName(response.error().code));
  };
  // The name is checked by what it resolves to.
  for (const std::string host : {"127.0.0.1", "localhost", "0x7f.1", "2130706433"})
    EXPECT_EQ(send({}, host), "permission-denied") << host;
  EXPECT_EQ(server.stats().connections_accepted, 0U);
  Egress loopback;
  ASSERT_TRUE(loopback.Allow("127.0.0.0/8").ok());
  EXPECT_EQ(send(loopback, "127.0.0.1"), "answered");
  EXPECT_EQ(send(loopback, "[::ffff:127.0.0.1]"), "permission-denied");
}

TEST_F(HttpClientTest, TimesOut) {
  const auto response = client->Send({.url = url + "/slow", .timeout = milliseconds(50)});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kDeadlineExceeded);
  release.count_down();
}

TEST_F(HttpClientTest, NobodyListensIsUnavailable) {
  server.Drain(milliseconds(0));
  const Result<HttpResponse> response = client->Send({.url = url + "/"});
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code, ErrorCode::kUnavailable);
}

TEST_F(HttpClientTest, RefusesWhatIsNotWellFormedBeforeSendingAnything) {
  const auto field = [&](HttpRequest request) {
    const Result<HttpResponse> response = client->Send(request);
    if (response.ok()) return std::string("sent");
    EXPECT_EQ(response.error().code, ErrorCode::kInvalidArgument);
    return response.error().field;
  };
  for (const std::string bad :
       {"", "ftp://h/", "file:///etc/passwd", "HTTP//x", "http://", "http://u:p@h/", "http://u@h/",
        "http://h/#f", "http://h/a b", "http://h/a\r\nX: y", "http://h:99999/", "gopher://h"}) {
    EXPECT_EQ(field({.url = bad}), "url") << bad;
  }
  EXPECT_EQ(field({.url = url + "/" + std::string(9000, 'a')}), "url");
  const std::vector<ResponseHeader> bad_headers = {
      {"X", "a\r\nY: b"}, {"X", "a\nb"},           {"X", std::string("a\0b", 3)},
      {"X\r\nY", "b"},    {"", "b"},               {"X:", "b"},
      {"X Y", "b"},       {"Content-Length", "3"}, {"transfer-encoding", "chunked"}};
  for (const ResponseHeader& bad : bad_headers) {
    EXPECT_EQ(field({.url = url, .headers = {bad}}), "headers") << bad.name;
  }
  EXPECT_EQ(field({.method = Method::kOther, .url = url}), "method");
  EXPECT_EQ(field({.url = url, .timeout = milliseconds(0)}), "timeout");
  EXPECT_EQ(server.stats().requests, 0U);
}

TEST_F(HttpClientTest, ManyThreadsShareIt) {
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string body = std::to_string(t) + ':' + std::to_string(i);
        const auto response = client->Send(
            {.method = Method::kPost, .url = url + "/", .body = base::AsBytes(body)});
        if (response.ok() && response->body.RevealText() == "POST /? " + body) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 100);
}

}  // namespace
}  // namespace tenantseal::net
