// Serves a fixed answer on loopback until it is told to stop, so that a load generator can
// measure what the HTTP server itself costs.
//
// Usage: http_server_bench [PORT [THREADS]]; then, for instance,
//   wrk -t1 -c64 -d5s -s post300.lua http://127.0.0.1:PORT/now
// The path /worker takes the way through the worker pool. On SIGINT or SIGTERM it prints the
// number of requests and the processor time of each.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include <sys/resource.h>

#include "base/clock.h"
#include "base/random.h"
#include "net/http_server.h"
#include "net/worker_pool.h"

namespace {

using namespace tenantseal;

class FixedAnswer final : public net::HttpHandler {
 public:
  std::optional<net::Response> HandleNow(net::Request& request) override {
    if (request.path == "/worker") return std::nullopt;
    return Answer();
  }
  net::Response HandleBlocking(net::Request&) override { return Answer(); }
  net::Response Overloaded(net::Request&) override { return {.status = 503}; }
  net::Response Refused(int, std::string_view, std::string_view) override { return {}; }

 private:
  static net::Response Answer() { return {.body = std::string("{\"status\":\"ok\"}")}; }
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);

  const base::SystemClock clock;
  const base::SystemRandom random;
  FixedAnswer handler;
  net::WorkerPool workers({.threads = 2});
  net::HttpServerOptions options;
  if (argc > 1) options.port = static_cast<std::uint16_t>(std::atoi(argv[1]));
  if (argc > 2) options.threads = static_cast<std::size_t>(std::atoi(argv[2]));
  net::HttpServer server(options, handler, workers, clock, random);
  if (const auto started = server.Start(); !started) {
    std::fprintf(stderr, "%s\n", started.error().message.c_str());
    return 1;
  }
  std::printf("listening on 127.0.0.1:%d\n", server.Port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&stop, &signal);
  const auto requests = server.stats().requests;
  const double cpu = CpuSeconds();
  std::printf("%llu requests, %.2f us CPU each\n", static_cast<unsigned long long>(requests),
              requests == 0 ? 0.0 : cpu * 1e6 / static_cast<double>(requests));
  return 0;
}
