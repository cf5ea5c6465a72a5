// Rates of the formats on one core, keys at hand. Compare within one run only.
#include <benchmark/benchmark.h>

#include "base/random.h"
#include "crypto/aes_gcm.h"
#include "crypto/kdf.h"
#include "formats/content_message.h"
#include "formats/envelope.h"

namespace tenantseal {
namespace {

struct Setting {
  base::SystemRandom random;
  base::Secret256 tenant_key = random.Key();
  base::Secret256 data_key = random.Key();
  model::TenantId tenant = model::TenantId::New(random);
  model::Fingerprint fingerprint = model::Fingerprint::Parse(tenant.text()).value();
  model::EncryptionContext context =
      model::EncryptionContext::Make(tenant, {{"Purpose", "benchmark"}}).value();
  formats::Binding binding{tenant, fingerprint, context};
  std::string wrapped =
      formats::WrapDataKey(tenant_key, 1, binding, nullptr, data_key, random);
};

void WrapDataKey(benchmark::State& state) {
  const Setting s;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        formats::WrapDataKey(s.tenant_key, 1, s.binding, nullptr, s.data_key, s.random));
  }
}
BENCHMARK(WrapDataKey);

void UnwrapDataKey(benchmark::State& state) {
  const Setting s;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        formats::UnwrapDataKey(s.tenant_key, s.tenant, s.context, nullptr, s.wrapped).ok());
  }
}
BENCHMARK(UnwrapDataKey);

void SealValue(benchmark::State& state) {
  const Setting s;
  const base::Bytes plaintext(static_cast<std::size_t>(state.range(0)), 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(formats::SealValue(s.tenant_key, 1, s.binding, plaintext, s.random));
  }
}
BENCHMARK(SealValue)->Arg(200)->Arg(64 << 10);

void OpenValue(benchmark::State& state) {
  const Setting s;
  const base::Bytes plaintext(static_cast<std::size_t>(state.range(0)), 1);
  const std::string text = formats::SealValue(s.tenant_key, 1, s.binding, plaintext, s.random);
  for (auto _ : state) {
    benchmark::DoNotOptimize(formats::OpenValue(s.tenant_key, s.tenant, s.context, text).ok());
  }
}
BENCHMARK(OpenValue)->Arg(200)->Arg(64 << 10);

void SealMessage(benchmark::State& state) {
  const Setting s;
  const base::Bytes plaintext(static_cast<std::size_t>(state.range(0)), 1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(formats::SealMessage({s.tenant, s.wrapped, s.context, 4096},
                                                  s.data_key, plaintext, s.random));
  }
}
BENCHMARK(SealMessage)->Arg(0)->Arg(1 << 10)->Arg(64 << 10);

void OpenMessage(benchmark::State& state) {
  const Setting s;
  const base::Bytes plaintext(static_cast<std::size_t>(state.range(0)), 1);
  const base::Bytes message = formats::SealMessage({s.tenant, s.wrapped, s.context, 4096},
                                                   s.data_key, plaintext, s.random)
                                  .value();
  for (auto _ : state) {
    const auto header = formats::ParseWholeContentHeader(message);
    benchmark::DoNotOptimize(formats::OpenMessage(*header, s.data_key, message).ok());
  }
}
BENCHMARK(OpenMessage)->Arg(0)->Arg(1 << 10)->Arg(64 << 10);

void HkdfSha512Pair(benchmark::State& state) {
  const Setting s;
  const base::Bytes salt(32, 1), info(11, 2);
  for (auto _ : state) {
    benchmark::DoNotOptimize(crypto::HkdfSha512Pair(s.data_key, salt, info, info));
  }
}
BENCHMARK(HkdfSha512Pair);

void CounterKdf(benchmark::State& state) {
  const Setting s;
  const base::Bytes context(64, 1);
  base::Bytes out(64);
  for (auto _ : state) {
    crypto::CounterKdf(s.tenant_key.Reveal(), "tenantseal-v1-value", context, out);
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(CounterKdf);

void GcmSeal(benchmark::State& state) {
  const Setting s;
  base::Bytes buffer(static_cast<std::size_t>(state.range(0)), 1);
  crypto::GcmTag tag;
  for (auto _ : state) {
    crypto::GcmSeal(s.data_key, {}, s.context.serialized(), buffer, buffer, tag);
    benchmark::DoNotOptimize(tag);
  }
}
BENCHMARK(GcmSeal)->Arg(0)->Arg(200)->Arg(1 << 10);

}  // namespace
}  // namespace tenantseal

BENCHMARK_MAIN();
