// What the API counts of itself, in Prometheus' text format.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/route.h"
#include "base/clock.h"

namespace tenantseal::api {

// A figure that is read when metrics are asked for.
struct Gauge {
  std::string name;  // Prometheus name, with unit and _total where it is a counter.
  std::string help;
  bool counter = false;
  std::function<double()> read;
};

// Figures of one name, told apart by labels, read when metrics are asked for.
struct GaugeFamily {
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
  };
  std::string name;
  std::string help;
  bool counter = false;
  std::function<std::vector<Sample>()> read;
};

// Requests by route and status, and their duration in a histogram. Thread-safe, wait-free to count.
class Metrics {
 public:
  Metrics();
  void AddGauge(Gauge gauge) { gauges_.push_back(std::move(gauge)); }             // Before serving.
  void AddFamily(GaugeFamily family) { labelled_.push_back(std::move(family)); }  // Likewise.
  // `route` is an element of AllRoutes(), or null for what no route matched.
  void Count(const Route* route, int status, base::Duration duration);
  std::string Text() const;

 private:
  static constexpr std::array<int, 20> kStatuses = {200, 201, 202, 204, 400, 401, 403,
                                                    404, 405, 409, 413, 415, 422, 429,
                                                    500, 503, 504, 408, 414, 0};
  static constexpr std::array<double, 12> kBuckets = {
      0.00002, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5};
  struct PerRoute {
    std::array<std::atomic<std::uint64_t>, kStatuses.size()> by_status{};
    std::array<std::atomic<std::uint64_t>, kBuckets.size() + 1> by_duration{};
    std::atomic<std::uint64_t> duration_ns{0};
  };
  std::vector<PerRoute> routes_;
  std::vector<Gauge> gauges_;
  std::vector<GaugeFamily> labelled_;
};

}  // namespace tenantseal::api
