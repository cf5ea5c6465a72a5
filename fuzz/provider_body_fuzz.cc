// Bodies that register or change a key provider, and stored reports of validations.
#include <nlohmann/json.hpp>

#include "api/key_provider_json.h"
#include "base/check.h"
#include "providers/report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  const base::ByteSpan body(data, size);
  const auto named = [](const Error& error) {
    TS_CHECK(!error.message.empty() && error.encryption_code != 0);
  };
  const auto provider = api::ParseNewProvider(body);
  if (!provider) named(provider.error());
  const auto change = api::ParseProviderPatch(body);
  if (!change) named(change.error());
  const std::string text(base::AsText(body));
  if (const auto report = providers::ParseReport(text)) {
    const std::string again = providers::ReportText(*report);
    TS_CHECK(providers::ReportText(providers::ParseReport(again).value()) == again);
  }
  return 0;
}
