#include "console/console_handler.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/testing.h"

namespace tenantseal::console {
namespace {

using net::HeaderField;
using net::Method;
using net::Response;

base::ByteSpan Bytes(std::string_view text) { return base::AsBytes(text); }

const std::vector<File>& Files() {
  static const std::vector<File> files = {
      {"/index.html", "text/html; charset=utf-8", "h1", false, Bytes("<page>"), Bytes("gz"),
       Bytes("b")},
      {"/assets/app-12345678.js",
       "text/javascript",
       "h2",
       true,
       Bytes("script"),
       Bytes("gz-js"),
       {}},
      {"/favicon.svg", "image/svg+xml", "h3", false, Bytes("<svg>"), {}, {}},
  };
  return files;
}

class ConsoleHandlerTest : public ::testing::Test {
 protected:
  ConsoleHandlerTest() {
    api.now = [](net::Request&) { return Response{.status = 418, .body = std::string("api")}; };
  }
  Response Ask(std::string_view path, std::vector<HeaderField> headers = {},
               Method method = Method::kGet) {
    net::Request request;
    request.method = method;
    request.path = path;
    request.headers = headers;
    return *handler.HandleNow(request);
  }
  static std::string Body(const Response& response) {
    return std::string(base::AsText(response.BodyBytes()));
  }
  static std::string Header(const Response& response, std::string_view name) {
    std::string found;
    for (const net::ResponseHeader& field : response.headers) {
      if (net::EqualsIgnoreCase(field.name, name)) found += field.value;
    }
    return found;
  }

  const HeaderField html{"Accept", "text/html,*/*;q=0.8"};
  net::testing::TestHandler api;
  ConsoleHandler handler{Files(), api};
};

TEST_F(ConsoleHandlerTest, ServesFilesByTheirPath) {
  const Response script = Ask("/assets/app-12345678.js");
  EXPECT_EQ(script.status, 200);
  EXPECT_EQ(script.content_type, "text/javascript");
  EXPECT_EQ(Body(script), "script");
  EXPECT_EQ(Header(script, "Cache-Control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(Header(script, "Vary"), "Accept-Encoding");
  EXPECT_EQ(Header(script, "Content-Encoding"), "");
  EXPECT_EQ(Body(Ask("/favicon.svg", {{"Accept-Encoding", "br, gzip"}})), "<svg>");
}

TEST_F(ConsoleHandlerTest, GivesThePageForPathsOfTheConsole) {
  for (const char* path : {"/", "/signin", "/settings", "/settings/tenant-encryption", "/events",
                           "/apiary", "/logins", "/nowhere/at/all"}) {
    const Response page = Ask(path, {html});
    EXPECT_EQ(Body(page), "<page>") << path;
    EXPECT_EQ(page.status, 200) << path;
    EXPECT_EQ(Header(page, "Cache-Control"), "no-cache") << path;
  }
  EXPECT_EQ(Body(Ask("/")), "<page>") << "for a client that says nothing of HTML too";
}

TEST_F(ConsoleHandlerTest, LeavesEverythingElseToTheApi) {
  for (const char* path :
       {"/api", "/api/v1/tenants", "/api/v1/nothing", "/login", "/login/callback", "/oauth/token",
        "/healthz", "/readyz", "/metrics", "/openapi.json", "/resources/x", "/assets",
        "/assets/gone-12345678.js", "*", ""}) {
    EXPECT_EQ(Body(Ask(path, {html})), "api") << path;
  }
  EXPECT_EQ(Body(Ask("/signin")), "api") << "who asks for no HTML gets the API's 404";
  EXPECT_EQ(Body(Ask("/signin", {{"Accept", "application/json"}})), "api");
  for (const Method method : {Method::kPost, Method::kPut, Method::kDelete, Method::kOptions}) {
    EXPECT_EQ(Body(Ask("/", {html}, method)), "api");
    EXPECT_EQ(Body(Ask("/favicon.svg", {html}, method)), "api");
  }
}

TEST_F(ConsoleHandlerTest, NoPathLeavesTheTable) {
  for (const char* path : {"/assets/../index.html", "/assets/%2e%2e/index.html",
                           "/assets/app-12345678.js/", "/assets//app-12345678.js"}) {
    EXPECT_EQ(Body(Ask(path, {html})), "api") << path;
  }
  EXPECT_EQ(Body(Ask("/../../etc/passwd", {html})), "<page>");
}

TEST_F(ConsoleHandlerTest, ChoosesTheSmallestFormThatTheClientTakes) {
  const struct {
    std::string_view accept, body, encoding, tag;
  } cases[] = {{"", "<page>", "", "\"h1\""},
               {"gzip", "gz", "gzip", "\"h1-gzip\""},
               {"gzip, br", "b", "br", "\"h1-br\""},
               {"br;q=0, gzip", "gz", "gzip", "\"h1-gzip\""}};
  for (const auto& c : cases) {
    const Response page = Ask("/", {{"Accept-Encoding", c.accept}});
    EXPECT_EQ(Body(page), c.body) << c.accept;
    EXPECT_EQ(Header(page, "Content-Encoding"), c.encoding) << c.accept;
    EXPECT_EQ(Header(page, "ETag"), c.tag) << c.accept;
  }
}

TEST_F(ConsoleHandlerTest, SaysThatNothingHasChanged) {
  const Response same = Ask("/", {{"If-None-Match", "\"x\", W/\"h1\""}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(Body(same), "");
  EXPECT_EQ(Header(same, "ETag"), "\"h1\"");
  EXPECT_EQ(Header(same, "Cache-Control"), "no-cache");
  EXPECT_EQ(Ask("/", {{"If-None-Match", "\"h1-br\""}}).status, 200) << "another encoding's tag";
  EXPECT_EQ(Ask("/", {{"If-None-Match", "\"h1-br\""}, {"Accept-Encoding", "br"}}).status, 304);
}

TEST_F(ConsoleHandlerTest, AnswersHeadAsGet) {
  const Response head = Ask("/", {}, Method::kHead);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(Body(head), "<page>") << "the server leaves the body out and tells its length";
}

TEST_F(ConsoleHandlerTest, LocksEveryFileDown) {
  for (const char* path : {"/", "/assets/app-12345678.js", "/favicon.svg"}) {
    const Response file = Ask(path);
    const std::string policy = Header(file, "Content-Security-Policy");
    EXPECT_NE(policy.find("default-src 'none'; script-src 'self'; style-src 'self';"), policy.npos);
    EXPECT_NE(policy.find("frame-ancestors 'none'"), policy.npos);
    EXPECT_EQ(policy.find("unsafe"), policy.npos);
    EXPECT_EQ(Header(file, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(Header(file, "Referrer-Policy"), "no-referrer");
    EXPECT_EQ(Header(file, "Cross-Origin-Opener-Policy"), "same-origin");
    EXPECT_EQ(Header(file, "Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_NE(Header(file, "Permissions-Policy"), "");
  }
}

// What is really in this binary, the console or the page that says that there is none.
TEST(EmbeddedFiles, AreWhole) {
  bool index = false;
  for (const File& file : EmbeddedFiles()) {
    index |= file.path == "/index.html";
    EXPECT_TRUE(file.path.starts_with('/')) << file.path;
    EXPECT_FALSE(file.plain.empty()) << file.path;
    EXPECT_GE(file.hash.size(), 16U) << file.path;
    EXPECT_NE(file.content_type, "") << file.path;
    EXPECT_FALSE(file.immutable && !file.path.starts_with("/assets/")) << file.path;
    if (!file.gzip.empty()) {
      EXPECT_LT(file.gzip.size(), file.plain.size()) << file.path;
      EXPECT_EQ(file.gzip[0], 0x1f) << file.path;
    }
    if (!file.brotli.empty()) {
      EXPECT_LT(file.brotli.size(), file.plain.size()) << file.path;
    }
  }
  EXPECT_TRUE(index);
}

// The policy forbids what is inline, so a page that needs it would be blank.
TEST(EmbeddedFiles, PagesHaveNothingInline) {
  for (const File& file : EmbeddedFiles()) {
    if (!file.path.ends_with(".html")) continue;
    const std::string_view page = base::AsText(file.plain);
    EXPECT_EQ(page.find("<style"), page.npos) << file.path;
    EXPECT_EQ(page.find(" style="), page.npos) << file.path;
    EXPECT_EQ(page.find(" onload="), page.npos) << file.path;
    for (std::size_t at = page.find("<script"); at != page.npos;
         at = page.find("<script", at + 1)) {
      const std::string_view tag = page.substr(at, page.find('>', at) - at);
      EXPECT_NE(tag.find(" src="), tag.npos) << tag;
    }
  }
}

}  // namespace
}  // namespace tenantseal::console
