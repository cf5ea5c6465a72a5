// Labels are parsed or refused, and nothing but the frozen samples opens.
#include "base/check.h"
#include "base/random.h"
#include "formats/envelope.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenantseal;
  static const auto tenant = model::TenantId::Parse("Frozen_Tenant-0123456789abcdefgh").value();
  static const auto context = model::EncryptionContext::Make(tenant, {}).value();
  static const base::Secret256 key = base::FakeRandom(1001).Key();  // Of the frozen samples.
  const std::string_view text = base::AsText({data, size});
  const bool is_value = formats::ParseSealedValue(text).ok();
  const bool is_key = formats::ParseWrappedKey(text).ok();
  TS_CHECK(!(is_value && is_key));
  if (formats::OpenValue(key, tenant, context, text).ok()) TS_CHECK(is_value);
  if (formats::UnwrapDataKey(key, tenant, context, nullptr, text).ok()) TS_CHECK(is_key);
  return 0;
}
