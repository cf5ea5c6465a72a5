// Sends requests to the service at given rates, whether or not it keeps up, and tells how long each
// took from the moment at which it was due: what waits because others are slow counts as slow.
//
//   open_loop PORT TOKEN SECONDS OPERATION=RATE...
//
// OPERATION is `seal`, `open` or `data-key` (a managed one); arrivals are random (Poisson), from a
// fixed seed. RATE 0 sends the next request when the last one is answered: that measures capacity.
// Prints a line for each operation: `NAME RATE_REACHED FAILED P50 P99 MAX`, times in microseconds.
// One thread that never sleeps: give it a processor of its own.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

constexpr std::size_t kConnections = 48;              // Of each operation.
constexpr auto kPatience = std::chrono::seconds(10);  // After the last request.
constexpr std::string_view kPath = "/api/v1/encryption/";
constexpr std::string_view kContext = R"("encryptionContext":{"purpose":"bench"})";

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "open_loop: %s\n", what.c_str());
  std::exit(1);
}

std::string RequestText(std::string_view path, const std::string& token, const std::string& body) {
  return "POST " + std::string(kPath) + std::string(path) +
         " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
         token + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string SealRequest(const std::string& token) {
  // 200 bytes, as base64.
  const std::string plaintext(268, 'A');
  return RequestText("values/actions/seal", token,
                     R"({"plaintext":")" + plaintext + "\"," + std::string(kContext) + "}");
}

std::string OpenRequest(const std::string& token, const std::string& ciphertext) {
  return RequestText("values/actions/open", token,
                     R"({"ciphertext":")" + ciphertext + "\"," + std::string(kContext) + "}");
}

std::string DataKeyRequest(const std::string& token) {
  return RequestText("data-keys", token, R"({"managed":true,)" + std::string(kContext) + "}");
}

class Stream;

// One connection with at most one request under way.
class Connection {
 public:
  explicit Connection(int port, Stream* owner = nullptr)
      : owner(owner), fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      Die("cannot connect");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Stream* const owner;
  int fd() const { return fd_; }
  void Send(const std::string& request, Clock::time_point due) {
    answer_.clear();
    due_ = due;
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size()))
      Die("cannot send");
  }
  // Reads what there is. True when the answer is whole.
  bool Receive() {
    char buffer[16384];
    const ssize_t size = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size <= 0) Die("the service has closed a connection");
    answer_.append(buffer, static_cast<std::size_t>(size));
    const std::size_t head = answer_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const std::size_t length = answer_.find("Content-Length: ");
    if (length > head) Die("an answer without a length");
    const std::size_t body = std::strtoul(answer_.c_str() + length + 16, nullptr, 10);
    return answer_.size() >= head + 4 + body;
  }
  bool good() const { return answer_.starts_with("HTTP/1.1 20"); }
  const std::string& answer() const { return answer_; }
  Clock::time_point due() const { return due_; }

 private:
  const int fd_;
  std::string answer_;
  Clock::time_point due_;
};

std::string AnswerTo(int port, const std::string& request) {
  Connection connection(port);
  connection.Send(request, Clock::now());
  pollfd ready{connection.fd(), POLLIN, 0};
  do {
    ::poll(&ready, 1, -1);
  } while (!connection.Receive());
  if (!connection.good()) Die("refused: " + connection.answer());
  return connection.answer();
}

// Something sealed by the service.
std::string Ciphertext(int port, const std::string& token) {
  const std::string answer = AnswerTo(port, SealRequest(token));
  const std::size_t begin = answer.find("#BYOKv1#");
  return answer.substr(begin, answer.find('"', begin) - begin);
}

// The requests of one operation.
class Stream {
 public:
  Stream(std::string name, double rate, std::string request, int port, int poller)
      : name_(std::move(name)), rate_(rate), request_(std::move(request)) {
    for (std::size_t i = 0; i < kConnections; ++i) {
      connections_.push_back(std::make_unique<Connection>(port, this));
      idle_.push_back(connections_.back().get());
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = idle_.back();
      ::epoll_ctl(poller, EPOLL_CTL_ADD, idle_.back()->fd(), &event);
    }
  }
  void Start(Clock::time_point now) { next_ = start_ = now; }
  // Sends what is due, if a connection is free.
  void Advance(Clock::time_point now, Clock::time_point end) {
    if (rate_ == 0) {
      while (!idle_.empty() && now < end) Send(now);
      return;
    }
    for (; next_ <= now && next_ < end; next_ += Gap()) due_.push_back(next_);
    while (!idle_.empty() && !due_.empty()) {
      Send(due_.front());
      due_.pop_front();
    }
  }
  void Answered(Connection& connection, Clock::time_point now) {
    (connection.good() ? micros_ : failed_)
        .push_back(static_cast<float>(Micros(now - connection.due()).count()));
    if (!connection.good() && failed_.size() == 1)
      std::fprintf(stderr, "open_loop: %s\n", connection.answer().c_str());
    last_ = now;
    idle_.push_back(&connection);
  }
  bool AllAnswered() const { return due_.empty() && idle_.size() == kConnections; }
  void Print() {
    const std::size_t unanswered = due_.size() + kConnections - idle_.size();
    std::sort(micros_.begin(), micros_.end());
    const auto at = [this](double share) {
      if (micros_.empty()) return 0.0F;
      return micros_[std::min(
          micros_.size() - 1,
          static_cast<std::size_t>(share * static_cast<double>(micros_.size())))];
    };
    const double seconds = std::chrono::duration<double>(last_ - start_).count();
    std::printf("%s %.0f %zu %.0f %.0f %.0f\n", name_.c_str(),
                static_cast<double>(micros_.size()) / std::max(seconds, 0.001),
                failed_.size() + unanswered, at(0.5), at(0.99), at(1));
  }

 private:
  void Send(Clock::time_point due) {
    idle_.front()->Send(request_, due);
    idle_.pop_front();
  }
  Clock::duration Gap() {
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(gap_(dice_) / rate_));
  }

  const std::string name_;
  const double rate_;
  const std::string request_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Connection*> idle_;       // Each in its turn: one that sends nothing is closed.
  std::deque<Clock::time_point> due_;  // What waits for a connection.
  std::mt19937_64 dice_{7};
  std::exponential_distribution<double> gap_{1.0};
  Clock::time_point start_, next_, last_;
  std::vector<float> micros_, failed_;
};

void Run(std::vector<std::unique_ptr<Stream>>& streams, int poller, std::chrono::seconds length) {
  const Clock::time_point start = Clock::now(), end = start + length;
  for (auto& stream : streams) stream->Start(start);
  const auto all_answered = [&] {
    return std::all_of(streams.begin(), streams.end(),
                       [](const auto& stream) { return stream->AllAnswered(); });
  };
  for (Clock::time_point now = start; now < end || (!all_answered() && now < end + kPatience);
       now = Clock::now()) {
    for (auto& stream : streams) stream->Advance(now, end);
    epoll_event events[64];
    const int count = ::epoll_wait(poller, events, 64, 0);
    for (int i = 0; i < count; ++i) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      if (connection.Receive()) connection.owner->Answered(connection, Clock::now());
    }
  }
}

int Main(int argc, char** argv) {
  if (argc < 5) Die("usage: open_loop PORT TOKEN SECONDS OPERATION=RATE...");
  const int port = std::atoi(argv[1]), poller = ::epoll_create1(0);
  const std::string token = argv[2];
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 4; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::string name(argument.substr(0, argument.find('=')));
    const double rate = std::atof(argv[i] + std::min(argument.size(), name.size() + 1));
    const std::string request = name == "seal"   ? SealRequest(token)
                                : name == "open" ? OpenRequest(token, Ciphertext(port, token))
                                                 : DataKeyRequest(token);
    streams.push_back(std::make_unique<Stream>(name, rate, request, port, poller));
  }
  Run(streams, poller, std::chrono::seconds(std::atoi(argv[3])));
  for (auto& stream : streams) stream->Print();
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return Main(argc, argv); }
