// The SDK on 1 KiB in memory with a cached data key, one thread. No service: the data keys come
// from a source in this process, so that what is measured is the SDK alone.
//
// Prints "seal 1024 N" and "open 1024 N", N in operations a second of processor time.
#include <ctime>

#include <cstdio>
#include <cstdlib>

#include "sdk/fake_data_keys.h"
#include "tenantseal/content.h"

namespace {

constexpr const char* kTenant = "0123456789abcdefghijklmnopqrstuv";
constexpr std::size_t kBytes = 1024;
constexpr int kOperations = 300'000;

double ProcessorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

template <typename Operation>
void Measure(const char* name, Operation operation) {
  for (int i = 0; i < kOperations / 10; ++i) operation();
  const double start = ProcessorSeconds();
  for (int i = 0; i < kOperations; ++i) operation();
  std::printf("%s %zu %.0f\n", name, kBytes, kOperations / (ProcessorSeconds() - start));
}

template <typename Value>
Value OrExit(tenantseal::Result<Value> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "sdk_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

}  // namespace

int main() {
  tenantseal::sdk::FakeDataKeys keys;
  keys.usable_for = std::chrono::minutes(5);
  const auto content = OrExit(tenantseal::Content::Make(keys, kTenant));
  const auto context = OrExit(content.MakeContext({{"purpose", "benchmark"}}));
  const std::vector<std::uint8_t> plaintext(kBytes, 0x5a);
  std::vector<std::uint8_t> sealed(content.SealedBytesMax(kBytes, context));
  Measure("seal", [&] { OrExit(content.SealTo(plaintext, context, sealed)); });
  const auto message = OrExit(content.Seal(plaintext, context));
  std::vector<std::uint8_t> opened(message.size());
  Measure("open", [&] { OrExit(content.OpenTo(message, {}, opened)); });
}
