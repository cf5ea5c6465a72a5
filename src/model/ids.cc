#include "model/ids.h"

#include "base/check.h"
#include "base/encoding.h"
#include "model/session.h"
#include "model/webhook.h"

namespace tenantseal::model {

template <typename Tag>
Id<Tag> Id<Tag>::New(const base::Random& random) {
  std::uint8_t raw[Tag::kRandomBytes];
  while (true) {
    random.FillPublic(raw);
    Id id(base::Base64UrlEncode(raw));
    TS_CHECK(WellFormed(id.text_));
    // A command line takes what begins with a dash for a flag.
    if (!id.text_.starts_with('-')) return id;
  }
}

template class Id<TenantIdTag>;
template class Id<ApiKeyIdTag>;
template class Id<ProcessIdTag>;
template class Id<FingerprintTag>;
template class Id<SessionIdTag>;
template class Id<WebhookIdTag>;
template class Id<DeliveryIdTag>;

DataKeyId NewDataKeyId(const base::Random& random, base::UtcTime now) {
  std::uint8_t raw[16];
  random.FillPublic(raw);
  // 47 bits: no id begins with a dash, which is the 62nd character.
  const auto made_at = now.time_since_epoch().count();
  for (int i = 0; i < 6; ++i) raw[i] = static_cast<std::uint8_t>(made_at >> (40 - 8 * i));
  raw[0] &= 0x7F;
  return DataKeyId::Parse(base::Base64UrlEncode(raw)).value();
}

std::string NewUuid(const base::Random& random) {
  std::uint8_t raw[16];
  random.FillPublic(raw);
  raw[6] = static_cast<std::uint8_t>((raw[6] & 0x0F) | 0x40);
  raw[8] = static_cast<std::uint8_t>((raw[8] & 0x3F) | 0x80);
  std::string text = base::HexEncode(raw);
  for (std::size_t at : {8, 13, 18, 23}) text.insert(at, "-");
  return text;
}

}  // namespace tenantseal::model
