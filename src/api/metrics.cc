#include "api/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>

#include "api/routes.h"

namespace tenantseal::api {

Metrics::Metrics() : routes_(AllRoutes().size() + 1) {}

void Metrics::Count(const Route* route, int status, base::Duration duration) {
  PerRoute& counts =
      routes_[route == nullptr ? AllRoutes().size()
                               : static_cast<std::size_t>(route - AllRoutes().data())];
  std::size_t s = 0;
  while (s + 1 < kStatuses.size() && kStatuses[s] != status) ++s;
  counts.by_status[s].fetch_add(1, std::memory_order_relaxed);
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto bucket =
      std::lower_bound(kBuckets.begin(), kBuckets.end(), seconds) - kBuckets.begin();
  counts.by_duration[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  counts.duration_ns.fetch_add(static_cast<std::uint64_t>(duration.count()),
                               std::memory_order_relaxed);
}

std::string Metrics::Text() const {
  using prometheus::ClientMetric;
  using prometheus::MetricFamily;
  MetricFamily requests{"tenantseal_http_requests_total",
                        "Requests answered, by route and status.",
                        prometheus::MetricType::Counter,
                        {}};
  MetricFamily durations{"tenantseal_http_request_duration_seconds",
                         "Time from request to answer, by route.",
                         prometheus::MetricType::Histogram,
                         {}};
  for (std::size_t r = 0; r < routes_.size(); ++r) {
    const std::string name(r < AllRoutes().size() ? AllRoutes()[r].operation : "none");
    ClientMetric histogram;
    histogram.label = {{"route", name}};
    for (std::size_t b = 0; b <= kBuckets.size(); ++b) {
      histogram.histogram.sample_count += routes_[r].by_duration[b].load(std::memory_order_relaxed);
      const double upper =
          b < kBuckets.size() ? kBuckets[b] : std::numeric_limits<double>::infinity();
      histogram.histogram.bucket.push_back({histogram.histogram.sample_count, upper});
    }
    if (histogram.histogram.sample_count == 0) continue;
    histogram.histogram.sample_sum =
        static_cast<double>(routes_[r].duration_ns.load(std::memory_order_relaxed)) / 1e9;
    durations.metric.push_back(std::move(histogram));
    for (std::size_t s = 0; s < kStatuses.size(); ++s) {
      const std::uint64_t count = routes_[r].by_status[s].load(std::memory_order_relaxed);
      if (count == 0) continue;
      ClientMetric metric;
      metric.label = {{"route", name},
                      {"status", kStatuses[s] == 0 ? "other" : std::to_string(kStatuses[s])}};
      metric.counter.value = static_cast<double>(count);
      requests.metric.push_back(std::move(metric));
    }
  }
  std::vector<MetricFamily> families = {std::move(requests), std::move(durations)};
  for (const Gauge& gauge : gauges_) {
    ClientMetric metric;
    (gauge.counter ? metric.counter.value : metric.gauge.value) = gauge.read();
    families.push_back(
        {gauge.name,
         gauge.help,
         gauge.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge,
         {metric}});
  }
  for (const GaugeFamily& family : labelled_) {
    MetricFamily& out = families.emplace_back();
    out.name = family.name;
    out.help = family.help;
    out.type = family.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    for (const GaugeFamily::Sample& sample : family.read()) {
      ClientMetric& metric = out.metric.emplace_back();
      for (const auto& [name, value] : sample.labels) metric.label.push_back({name, value});
      (family.counter ? metric.counter.value : metric.gauge.value) = sample.value;
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace tenantseal::api
