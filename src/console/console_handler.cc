#include "console/console_handler.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/check.h"
#include "console/negotiation.h"

namespace tenantseal::console {
namespace {

constexpr std::string_view kIndex = "/index.html";

// What the API and the sign-in answer, now or ever: such a path, and what is below it, is never a
// page, so that a mistyped one is an error and not HTML.
constexpr std::array<std::string_view, 9> kNeverPages = {"/api",          "/login",     "/oauth",
                                                         "/healthz",      "/readyz",    "/metrics",
                                                         "/openapi.json", "/resources", "/assets"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kHeaders = {{
    // The last line of defence: whatever gets into a page as text does not run.
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
     "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
     "frame-ancestors 'none'; base-uri 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},  // For browsers that know no frame-ancestors.
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy",
     "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"},
    {"Vary", "Accept-Encoding"},
}};

bool IsBelow(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

bool MayBePage(std::string_view path) {
  if (!path.starts_with('/')) return false;
  return std::none_of(kNeverPages.begin(), kNeverPages.end(),
                      [path](std::string_view folder) { return IsBelow(path, folder); });
}

struct Encoded {
  base::ByteSpan bytes;
  std::string_view encoding;  // Empty: as it is.
};

Encoded Choose(const File& file, std::string_view accept_encoding) {
  if (!file.brotli.empty() && AcceptsEncoding(accept_encoding, "br")) return {file.brotli, "br"};
  if (!file.gzip.empty() && AcceptsEncoding(accept_encoding, "gzip")) return {file.gzip, "gzip"};
  return {file.plain, ""};
}

net::Response Answer(const File& file, const net::Request& request) {
  const Encoded chosen = Choose(file, request.Header("Accept-Encoding").value_or(""));
  // Each encoding is another sequence of bytes, so it has another strong tag.
  std::string tag = "\"" + std::string(file.hash);
  if (!chosen.encoding.empty()) tag.append("-").append(chosen.encoding);
  tag += '"';

  net::Response response{.content_type = file.content_type};
  response.headers.reserve(kHeaders.size() + 3);
  for (const auto& [name, value] : kHeaders)
    response.headers.push_back({std::string(name), std::string(value)});
  response.headers.push_back(
      {"Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache"});
  const bool unchanged = TagMatches(request.Header("If-None-Match").value_or(""), tag);
  response.headers.push_back({"ETag", std::move(tag)});
  if (unchanged) {
    response.status = 304;
    return response;
  }
  if (!chosen.encoding.empty())
    response.headers.push_back({"Content-Encoding", std::string(chosen.encoding)});
  response.body = net::StaticBytes{chosen.bytes};
  return response;
}

}  // namespace

ConsoleHandler::ConsoleHandler(std::span<const File> files, net::HttpHandler& inner)
    : files_(files), inner_(inner) {
  TS_CHECK(Find(kIndex) != nullptr);
}

const File* ConsoleHandler::Find(std::string_view path) const {
  const auto found = std::ranges::find(files_, path, &File::path);
  return found == files_.end() ? nullptr : &*found;
}

const File* ConsoleHandler::FileFor(const net::Request& request) const {
  if (request.path.starts_with("/api/")) return nullptr;  // Most requests.
  if (request.method != net::Method::kGet && request.method != net::Method::kHead) return nullptr;
  if (request.path == "/") return Find(kIndex);
  if (const File* file = Find(request.path)) return file;
  const bool page =
      MayBePage(request.path) && AcceptsType(request.Header("Accept").value_or(""), "text/html");
  return page ? Find(kIndex) : nullptr;
}

std::optional<net::Response> ConsoleHandler::HandleNow(net::Request& request) {
  if (const File* file = FileFor(request)) return Answer(*file, request);
  return inner_.HandleNow(request);
}

net::Response ConsoleHandler::HandleBlocking(net::Request& request) {
  return inner_.HandleBlocking(request);
}

std::size_t ConsoleHandler::BodyBytesMax(const net::Request& request) const {
  return inner_.BodyBytesMax(request);
}

net::Response ConsoleHandler::Overloaded(net::Request& request) {
  return inner_.Overloaded(request);
}

net::Response ConsoleHandler::Refused(int status, std::string_view detail,
                                      std::string_view request_id) {
  return inner_.Refused(status, detail, request_id);
}

}  // namespace tenantseal::console
