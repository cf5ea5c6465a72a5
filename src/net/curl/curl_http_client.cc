#include "net/curl/curl_http_client.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <curl/curl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "net/header_rules.h"
#include "net/secret_buffer.h"
#include "net/url.h"

namespace tenantseal::net::curl {
namespace {

constexpr std::size_t kHeadBytesMax = 64 << 10;
constexpr std::size_t kHeadLinesMax = 256;

// libcurl's buffers hold bodies and tokens, so what it frees is wiped.
void WipingFree(void* memory) {
  if (memory != nullptr) explicit_bzero(memory, malloc_usable_size(memory));
  std::free(memory);
}

void* WipingRealloc(void* memory, std::size_t size) {
  if (memory == nullptr) return std::malloc(size);
  const std::size_t old = malloc_usable_size(memory);
  if (size <= old && size > old / 2) return memory;
  void* const moved = std::malloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, std::min(old, size));
  WipingFree(memory);
  return moved;
}

void InitializeOnce() {
  static const CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, std::malloc, WipingFree,
                                                    WipingRealloc, strdup, std::calloc);
  TS_CHECK(code == CURLE_OK);
}

struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

// Fields that frame the message are libcurl's business.
bool IsFraming(std::string_view name) {
  for (std::string_view own :
       {"Content-Length", "Transfer-Encoding", "Connection", "Expect", "TE", "Trailer"}) {
    if (EqualsIgnoreCase(name, own)) return true;
  }
  return false;
}

void Append(List& list, const std::string& line) {
  curl_slist* const grown = curl_slist_append(list.get(), line.c_str());
  TS_CHECK(grown != nullptr);
  (void)list.release();
  list.reset(grown);
}

Result<List> BuildHeaders(const HttpRequest& request) {
  List list;
  bool has_type = false;
  for (const ResponseHeader& field : request.headers) {
    if (!IsToken(field.name) || !IsHeaderValue(field.value) || IsFraming(field.name)) {
      return InvalidArgument("headers", "a header of the request cannot be sent");
    }
    has_type = has_type || EqualsIgnoreCase(field.name, "Content-Type");
    std::string line = field.name + (field.value.empty() ? ";" : ": " + field.value);
    Append(list, line);
    base::Wipe({reinterpret_cast<std::uint8_t*>(line.data()), line.size()});
  }
  if (!has_type) Append(list, "Content-Type:");  // Else libcurl says it were a form.
  Append(list, "Expect:");                       // Else a great body waits a second.
  return list;
}

// What one exchange receives. The callbacks return less than they were given to end it.
struct Receiver {
  const std::size_t body_bytes_max;
  const bool cut_body;
  SecretBuffer body;
  std::vector<ResponseHeader> headers;
  std::size_t head_bytes = 0;
  bool too_large = false;
  bool cut = false;

  static std::size_t OnBody(char* data, std::size_t, std::size_t size, void* self) {
    auto& receiver = *static_cast<Receiver*>(self);
    const std::size_t room = receiver.body_bytes_max - receiver.body.size();
    if (size > room) {
      receiver.cut = receiver.cut_body;
      if (receiver.cut) receiver.body.Append(base::AsBytes({data, room}), receiver.body_bytes_max);
      receiver.too_large = !receiver.cut;
      return 0;
    }
    receiver.body.Append(base::AsBytes({data, size}), receiver.body_bytes_max);
    return size;
  }

  static std::size_t OnHeader(char* data, std::size_t, std::size_t size, void* self) {
    auto& receiver = *static_cast<Receiver*>(self);
    std::string_view line(data, size);
    receiver.head_bytes += size;
    if (receiver.head_bytes > kHeadBytesMax || receiver.headers.size() >= kHeadLinesMax) {
      receiver.too_large = true;
      return 0;
    }
    if (line.starts_with("HTTP/")) {
      receiver.headers.clear();  // Those before belonged to an interim response.
      return size;
    }
    while (!line.empty() && (line.back() == '\r' || line.back() == '\n')) line.remove_suffix(1);
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return size;
    std::string_view value = line.substr(colon + 1);
    const std::size_t first = value.find_first_not_of(" \t");
    value = first == value.npos ? std::string_view() : value.substr(first);
    value = value.substr(0, value.find_last_not_of(" \t") + 1);
    receiver.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
    return size;
  }
};

// What one exchange may connect to.
struct Gate {
  const Egress* egress = nullptr;
  bool refused = false;

  static std::optional<IpAddress> AddressOf(const curl_sockaddr& socket) {
    IpAddress out;
    if (socket.family == AF_INET) {
      sockaddr_in address{};
      std::memcpy(&address, &socket.addr, sizeof address);
      std::memcpy(out.bytes.data(), &address.sin_addr, 4);
      return out;
    }
    if (socket.family != AF_INET6 || socket.addrlen < sizeof(sockaddr_in6)) return std::nullopt;
    // libcurl keeps room for any address behind the declared sockaddr.
    sockaddr_in6 address{};
    std::memcpy(&address, static_cast<const void*>(&socket.addr), sizeof address);
    out.v6 = true;
    std::memcpy(out.bytes.data(), &address.sin6_addr, 16);
    return out;
  }

  static curl_socket_t OnOpen(void* self, curlsocktype, curl_sockaddr* socket) {
    auto& gate = *static_cast<Gate*>(self);
    const auto address = AddressOf(*socket);
    if (!address || !gate.egress->Allows(*address)) {
      gate.refused = true;
      return CURL_SOCKET_BAD;
    }
    return ::socket(socket->family, socket->socktype | SOCK_CLOEXEC, socket->protocol);
  }
};

void SetMethod(CURL* easy, const HttpRequest& request) {
  if (request.method == Method::kHead) {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool sends = !request.body.empty() || request.method == Method::kPost ||
                     request.method == Method::kPut || request.method == Method::kPatch;
  if (sends) {
    // The bytes are read from where they are. An empty string, since null means a read callback.
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
    const auto* body = reinterpret_cast<const char*>(request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.empty() ? "" : body);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, std::string(MethodName(request.method)).c_str());
}

void SetPolicy(CURL* easy, const HttpClientOptions& options) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  if (!options.cut_response) {
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                     static_cast<curl_off_t>(options.response_bytes_max));
  }
  if (!options.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  }
  if (!options.use_proxy_environment) curl_easy_setopt(easy, CURLOPT_PROXY, "");
}

long Milliseconds(base::Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<long>(std::min<std::int64_t>(ms, 24 * 3600 * 1000));
}

Error ToError(CURL* easy, CURLcode code, const Receiver& receiver, const char* detail) {
  if (receiver.too_large || code == CURLE_FILESIZE_EXCEEDED) {
    return {ErrorCode::kTooLarge, "the response is greater than this client takes"};
  }
  std::string words = std::string(*detail != '\0' ? detail : curl_easy_strerror(code));
  if (code == CURLE_OUT_OF_MEMORY) return Internal("libcurl: " + words);
  long sent = 0;
  curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
  // Before a byte of the request was sent the outcome is known: nothing happened.
  if (code == CURLE_OPERATION_TIMEDOUT && sent > 0) {
    return {ErrorCode::kDeadlineExceeded, "the request timed out: " + words};
  }
  return {ErrorCode::kUnavailable, "the request failed: " + words};
}

}  // namespace

void EasyDeleter::operator()(void* easy) const { curl_easy_cleanup(easy); }

CurlHttpClient::CurlHttpClient(HttpClientOptions options) : options_(std::move(options)) {
  InitializeOnce();
}

Easy CurlHttpClient::Take() const {
  {
    base::MutexLock lock(mutex_);
    if (!idle_.empty()) {
      Easy easy = std::move(idle_.back());  // The latest: its connections are the liveliest.
      idle_.pop_back();
      return easy;
    }
  }
  Easy easy(curl_easy_init());
  TS_CHECK(easy != nullptr);
  return easy;
}

void CurlHttpClient::Give(Easy easy) const {
  curl_easy_reset(easy.get());  // Keeps connections, forgets the rest.
  base::MutexLock lock(mutex_);
  if (idle_.size() < options_.kept_handles_max) idle_.push_back(std::move(easy));
}

Result<HttpResponse> CurlHttpClient::Send(const HttpRequest& request) const {
  if (request.method == Method::kOther) return InvalidArgument("method", "the method is unknown");
  const long timeout_ms = Milliseconds(request.timeout);
  if (timeout_ms < 1) return InvalidArgument("timeout", "the timeout is less than 1 ms");
  TS_RETURN_IF_ERROR(SplitUrl(request.url));
  TS_ASSIGN_OR_RETURN(const List headers, BuildHeaders(request));

  Easy easy = Take();
  CURL* const handle = easy.get();
  Receiver receiver{.body_bytes_max = options_.response_bytes_max,
                    .cut_body = options_.cut_response,
                    .body = {},
                    .headers = {}};
  Gate gate{options_.egress ? &*options_.egress : nullptr};
  std::array<char, CURL_ERROR_SIZE> detail{};
  SetPolicy(handle, options_);
  SetMethod(handle, request);
  curl_easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(options_.connect_timeout));
  curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail.data());
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, &Receiver::OnBody);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &Receiver::OnHeader);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &receiver);

  if (gate.egress != nullptr) {
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, &Gate::OnOpen);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, &gate);
  }
  if (request.require_ocsp) curl_easy_setopt(handle, CURLOPT_SSL_VERIFYSTATUS, 1L);

  const CURLcode code = curl_easy_perform(handle);
  if (code != CURLE_OK && !receiver.cut) {
    Error error = gate.refused && code == CURLE_COULDNT_CONNECT
                      ? Error{ErrorCode::kPermissionDenied,
                              "the host's address is not one that may be connected to"}
                      : ToError(handle, code, receiver, detail.data());
    Give(std::move(easy));
    return error;
  }
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  Give(std::move(easy));
  return HttpResponse{.status = static_cast<int>(status),
                      .headers = std::move(receiver.headers),
                      .body = receiver.body.Take()};
}

}  // namespace tenantseal::net::curl

namespace tenantseal::net {

std::unique_ptr<HttpClient> NewHttpClient(HttpClientOptions options) {
  return std::make_unique<curl::CurlHttpClient>(std::move(options));
}

}  // namespace tenantseal::net
