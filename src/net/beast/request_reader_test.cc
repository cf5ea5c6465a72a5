#include "net/beast/request_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "net/beast/response_head.h"

namespace tenantseal::net::beast {
namespace {

struct Seen {
  std::vector<std::string> requests = {};  // "METHOD path ? query | name=value... | body".
  int refused = 0;
  std::string detail = {};
  bool operator==(const Seen&) const = default;
};

void PrintTo(const Seen& seen, std::ostream* out) {
  for (const std::string& request : seen.requests) *out << "\n  " << request;
  *out << "\n  refused: " << seen.refused << ' ' << seen.detail;
}

std::string Describe(const Request& request) {
  std::string text(MethodName(request.method));
  text += ' ' + std::string(request.path) + '?' + std::string(request.query) + '|';
  for (const HeaderField& field : request.headers) {
    text += std::string(field.name) + '=' + std::string(field.value) + ';';
  }
  return text + '|' + std::string(base::AsText(request.body));
}

ReaderLimits Limits(BodyBudget* budget = nullptr) {
  return {.header_bytes_max = 16 << 10,
          .target_bytes_max = 4096,
          .body_bytes_max = 1 << 20,
          .budget = budget};
}

// Feeds `input` in pieces of `piece` bytes and tells what comes out.
Seen Feed(std::string_view input, std::size_t piece, const ReaderLimits& limits = Limits(),
          std::size_t route_body_max = SIZE_MAX) {
  RequestReader reader(limits);
  Seen seen;
  while (true) {
    switch (reader.Next()) {
      case RequestReader::Step::kNeedMore: {
        if (input.empty()) return seen;
        const base::MutableByteSpan space = reader.Space();
        EXPECT_FALSE(space.empty());
        const std::size_t size = std::min({piece, space.size(), input.size()});
        std::copy_n(input.begin(), size, space.begin());
        reader.Commit(size);
        input.remove_prefix(size);
        break;
      }
      case RequestReader::Step::kHead:
        reader.AcceptBody(route_body_max);
        break;
      case RequestReader::Step::kComplete:
        seen.requests.push_back(Describe(reader.request()));
        reader.Finish();
        break;
      case RequestReader::Step::kRefused:
        seen.refused = reader.refusal().status;
        seen.detail = reader.refusal().detail;
        return seen;
    }
  }
}

TEST(RequestReader, ReadsPipelinedRequestsOfEveryFramingSplitAnywhere) {
  const std::string input =
      "POST /a/b%20c?x=1&y=2 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
      "GET / HTTP/1.1\r\nHost:h\r\nAccept: \t*/* \r\n\r\n"
      "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n"
      "DELETE http://example.org/d?q HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"
      "HEAD /e HTTP/1.0\r\n\r\n";
  const Seen expected{.requests = {"POST /a/b%20c?x=1&y=2|Host=h;Content-Length=5;|hello",
                                   "GET /?|Host=h;Accept=*/*;|",
                                   "PUT /c?|Host=h;Transfer-Encoding=chunked;|abc0123456789",
                                   "DELETE /d?q|Host=h;Content-Length=0;|", "HEAD /e?||"}};
  for (std::size_t piece = 1; piece <= input.size(); ++piece) {
    EXPECT_EQ(Feed(input, piece), expected) << "in pieces of " << piece;
  }
}

TEST(RequestReader, ATruncatedRequestIsNeitherAnsweredNorRefused) {
  const std::string length = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
  const std::string chunks =
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (const std::string& whole : {length, chunks}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_EQ(Feed(whole.substr(0, size), 7), Seen()) << "cut at " << size;
    }
    EXPECT_EQ(Feed(whole, 7).requests.size(), 1U);
  }
}

TEST(RequestReader, RefusesWhatIsMalformedOrAmbiguous) {
  const std::string host = "Host: h\r\n";
  const std::string chunked = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const struct {
    std::string input;
    int status;
  } cases[] = {
      {"\r\nGET / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"G@T / HTTP/1.1\r\n" + host + "\r\n", 400},
      {" / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"GET / HTTP/1.2\r\n" + host + "\r\n", 505},
      {"GET / HTTX/1.1\r\n" + host + "\r\n", 505},
      {"GET / HTTP/1.1\n" + host + "\r\n\r\n", 505},
      {"GET /\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"GET a HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET * HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /a#b HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /a\tb HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /a\x01 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"CONNECT example.org:443 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A b: c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + ": c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A: b\nC: d\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A: b\rC: d\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A: b\x7f\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A:\r\n b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A:\r\n\t\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n A: b\r\n" + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "Authorization: a\r\nauthorization: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "Content-Type: a\r\nContent-type: b\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1, 1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 0x1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1 1\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 18446744073709551616\r\n\r\na", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 18446744073709551615\r\n\r\na", 413},
      {"POST / HTTP/1.1\r\n" + host +
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\n" + host +
           "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\n" + host +
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", 417},
      {"GET / HTTP/1.1\r\n" + host + "Connection: clo se\r\n\r\n", 400},
      {chunked + "g\r\n", 400},
      {chunked + "-1\r\n", 400},
      {chunked + "0x1\r\na\r\n", 400},
      {chunked + " 1\r\na\r\n", 400},
      {chunked + "1 \r\na\r\n0\r\n\r\n", 400},
      {chunked + "1\na\r\n0\r\n\r\n", 400},
      {chunked + "1\r\nabc\r\n0\r\n\r\n", 400},
      {chunked + "1\r\na0\r\n\r\n", 400},
      {chunked + "00000000000000001\r\n", 400},
      {chunked + "11111111111111111\r\n", 413},
      {chunked + "ffffffffffffffff\r\n", 413},
      {chunked + "1;x\ny\r\na\r\n0\r\n\r\n", 400},
      {chunked + "1\r\na\n0\r\n\r\n", 400},
      {chunked + "0\r\nA: c\n\r\n", 400},
      {chunked + "0\r\n\n", 400},
      {chunked + "\r\n", 400},
      {chunked + "1;" + std::string(8 << 10, 'x'), 400},
      {chunked + "0\r\nA: " + std::string(8 << 10, 'x'), 400},
  };
  for (const auto& c : cases) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, c.input.size()}) {
      const Seen seen = Feed(c.input, piece);
      EXPECT_EQ(seen.refused, c.status) << c.input.substr(0, 120) << "\n" << seen.detail;
      EXPECT_TRUE(seen.requests.empty()) << c.input;
    }
  }
}

TEST(RequestReader, BoundsTheHeadToTheByte) {
  ReaderLimits limits = Limits();
  for (const std::size_t max : {std::size_t{300}, std::size_t{9000}, std::size_t{16384}}) {
    limits.header_bytes_max = max;
    const std::string frame = "GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n";
    const std::string fits =
        "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(max - frame.size(), 'a') + "\r\n\r\n";
    const std::string over =
        "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(max - frame.size() + 1, 'a') + "\r\n\r\n";
    for (const std::size_t piece : {std::size_t{64}, std::size_t{100'000}}) {
      EXPECT_EQ(Feed(fits + fits, piece, limits).requests.size(), 2U) << max;
      EXPECT_EQ(Feed(over, piece, limits).refused, 431) << max;
    }
  }
}

TEST(RequestReader, BoundsTheTargetAndTheNumberOfHeaders) {
  const auto get = [](const std::string& target, int headers) {
    std::string text = "GET " + target + " HTTP/1.1\r\nHost: h\r\n";
    for (int i = 0; i < headers; ++i) text += "A: b\r\n";
    return text + "\r\n";
  };
  EXPECT_EQ(Feed(get('/' + std::string(4095, 'a'), 0), 9999).requests.size(), 1U);
  EXPECT_EQ(Feed(get('/' + std::string(4096, 'a'), 0), 9999).refused, 414);
  EXPECT_EQ(Feed("GET /" + std::string(20'000, 'a'), 999).refused, 414);
  EXPECT_EQ(Feed(get("/", 63), 9999).requests.size(), 1U);
  EXPECT_EQ(Feed(get("/", 64), 9999).refused, 431);
}

TEST(RequestReader, BoundsTheBodyToTheByteByServerAndByRoute) {
  const auto post = [](std::size_t size) {
    return "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'b');
  };
  const auto chunks = [](std::size_t size) {
    return "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n" +
           (std::ostringstream() << std::hex << size - 1).str() + "\r\n" +
           std::string(size - 1, 'b') + "\r\n0\r\n\r\n";
  };
  const std::size_t max = 1 << 20;
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{1 << 22}}) {
    EXPECT_EQ(Feed(post(max) + post(3), piece).requests.size(), 2U);
    EXPECT_EQ(Feed(post(max + 1), piece).refused, 413);
    EXPECT_EQ(Feed(post(10), piece, Limits(), 10).requests.size(), 1U);
    EXPECT_EQ(Feed(post(11), piece, Limits(), 10).refused, 413);
    EXPECT_EQ(Feed(chunks(max) + chunks(3), piece).requests.size(), 2U);
    EXPECT_EQ(Feed(chunks(max + 1), piece).refused, 413);
    EXPECT_EQ(Feed(chunks(10), piece, Limits(), 10).requests.size(), 1U);
    EXPECT_EQ(Feed(chunks(11), piece, Limits(), 10).refused, 413);
  }
}

TEST(RequestReader, BodiesOfEverySizeAroundTheArenaArriveWhole) {
  for (std::size_t size = RequestReader::kArenaAtRest - 200;
       size < RequestReader::kArenaAtRest + 20; ++size) {
    std::string body(size, ' ');
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>('a' + i % 23);
    const std::string post =
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + body;
    const Seen seen = Feed(post + "GET /n HTTP/1.0\r\n\r\n", 3000);
    ASSERT_EQ(seen.requests.size(), 2U) << size;
    EXPECT_TRUE(seen.requests[0].ends_with('|' + body)) << size;
    EXPECT_EQ(seen.requests[1], "GET /n?||");
  }
}

TEST(RequestReader, BodiesShareABudget) {
  BodyBudget budget(100'000);
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\n";
  {
    RequestReader holder(Limits(&budget));
    std::copy(head.begin(), head.end(), holder.Space().begin());
    holder.Commit(head.size());
    ASSERT_EQ(holder.Next(), RequestReader::Step::kHead);
    ASSERT_EQ(holder.Next(), RequestReader::Step::kNeedMore);
    EXPECT_GT(budget.used(), 0U);
    EXPECT_LE(budget.used(), 64U << 10) << "what was only announced must not be taken";
    EXPECT_EQ(Feed(head + std::string(90'000, 'x'), 5000, Limits(&budget)).refused, 503);
  }
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(Feed(head + std::string(90'000, 'x'), 5000, Limits(&budget)).requests.size(), 1U);
  EXPECT_EQ(budget.used(), 0U);
}

TEST(RequestReader, WipesTheRequestWhenItIsFinished) {
  RequestReader reader(Limits());
  const std::string text =
      "POST / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t0ken\r\nContent-Length: "
      "6\r\n\r\ns3cret";
  const base::MutableByteSpan space = reader.Space();
  std::copy(text.begin(), text.end(), space.begin());
  reader.Commit(text.size());
  ASSERT_EQ(reader.Next(), RequestReader::Step::kHead);
  ASSERT_EQ(reader.Next(), RequestReader::Step::kComplete);
  ASSERT_EQ(base::AsText(reader.request().body), "s3cret");
  reader.Finish();
  ASSERT_EQ(reader.Space().data(), space.data());
  for (std::size_t i = 0; i < text.size(); ++i) EXPECT_EQ(reader.Space()[i], 0) << i;
}

TEST(RequestReader, KeepAliveFollowsVersionAndConnection) {
  const struct {
    std::string head;
    bool keep_alive;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", false},
      {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive, CLOSE\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  };
  for (const auto& c : cases) {
    RequestReader reader(Limits());
    std::copy(c.head.begin(), c.head.end(), reader.Space().begin());
    reader.Commit(c.head.size());
    ASSERT_EQ(reader.Next(), RequestReader::Step::kHead) << c.head;
    EXPECT_EQ(reader.keep_alive(), c.keep_alive) << c.head;
  }
}

TEST(ResponseHead, WritesFramingAndWhatIsGiven) {
  Response response{.status = 201, .body = std::string("{}"), .headers = {{"Location", "/a"}}};
  std::string out;
  AppendHead(response, {.date = "D", .request_id = "I", .http11 = true, .keep_alive = true}, out);
  EXPECT_EQ(out,
            "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
            "Date: D\r\nX-Request-Id: I\r\nLocation: /a\r\n\r\n");
  for (const int status : {204, 304}) {
    out.clear();
    response = Response{.status = status};
    AppendHead(response, {.date = "D", .request_id = "", .http11 = true, .keep_alive = false}, out);
    EXPECT_EQ(out.find("Content-"), out.npos) << out;
    EXPECT_NE(out.find("\r\nConnection: close\r\n\r\n"), out.npos) << out;
  }
  out.clear();
  AppendHead({.status = 299}, {.date = "D", .http11 = false, .keep_alive = true}, out);
  EXPECT_EQ(out, "HTTP/1.1 299 \r\nContent-Length: 0\r\nDate: D\r\nConnection: keep-alive\r\n\r\n");
  out.clear();
  response.date = base::UtcTime(std::chrono::milliseconds(784111777999));
  AppendHead(response, {.date = "D", .http11 = false}, out);
  EXPECT_NE(out.find("\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), std::string::npos);
}

TEST(ResponseHead, RefusesToSplitAResponse) {
  const auto with = [](std::string name, std::string value) {
    return Response{.headers = {{std::move(name), std::move(value)}}};
  };
  EXPECT_TRUE(IsSendable(with("Retry-After", "1")));
  EXPECT_TRUE(IsSendable(with("X-Empty", "")));
  EXPECT_FALSE(IsSendable(with("Location", "/a\r\nSet-Cookie: x")));
  EXPECT_FALSE(IsSendable(with("Location", "/a\nb")));
  EXPECT_FALSE(IsSendable(with("Location", std::string("a\0b", 3))));
  EXPECT_FALSE(IsSendable(with("A b", "c")));
  EXPECT_FALSE(IsSendable(with("", "c")));
  EXPECT_FALSE(IsSendable(with("A:", "c")));
  EXPECT_FALSE(IsSendable(with("content-length", "5")));
  EXPECT_FALSE(IsSendable(with("Transfer-Encoding", "chunked")));
  EXPECT_FALSE(IsSendable({.status = 100}));
  EXPECT_FALSE(IsSendable({.status = 600}));
  EXPECT_FALSE(IsSendable({.content_type = "a\r\nb"}));
}

TEST(ResponseHead, WritesDates) {
  EXPECT_EQ(HttpDate(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(HttpDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace
}  // namespace tenantseal::net::beast
