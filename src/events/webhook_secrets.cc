#include "events/webhook_secrets.h"

#include <algorithm>

#include "kms/sealed_box.h"

namespace tenantseal::events {
namespace {

constexpr std::string_view kSecretLabel = "tenantseal/webhook/secret/v1";
constexpr std::string_view kHeadersLabel = "tenantseal/webhook/headers/v1";

base::Bytes Binding(const model::Webhook& webhook, std::string_view url) {
  base::ByteWriter out;
  out.Field(webhook.scope.text());
  out.Field(webhook.id.text());
  out.Field(url);
  return out.Take();
}

// Values one behind the other, each with its length in 4 bytes, in the order of the names.
base::SecretBytes Joined(const std::vector<SecretHeader>& headers) {
  std::size_t size = 0;
  for (const SecretHeader& header : headers) size += 4 + header.value.size();
  base::SecretBytes out(size);
  std::uint8_t* at = out.RevealMutable().data();
  for (const SecretHeader& header : headers) {
    const auto length = static_cast<std::uint32_t>(header.value.size());
    for (int shift = 24; shift >= 0; shift -= 8) *at++ = static_cast<std::uint8_t>(length >> shift);
    at = std::ranges::copy(header.value.Reveal(), at).out;
  }
  return out;
}

}  // namespace

void WebhookSecrets::SealSecret(const base::SecretBytes& secret, model::Webhook& webhook) const {
  webhook.sealed_secret.clear();
  if (secret.empty()) return;
  webhook.sealed_secret =
      kms::SealBox(key_, kSecretLabel, Binding(webhook, ""), secret.Reveal(), random_);
}

void WebhookSecrets::SealHeaders(const std::vector<SecretHeader>& headers,
                                 model::Webhook& webhook) const {
  webhook.encrypted_headers.clear();
  webhook.sealed_headers.clear();
  if (headers.empty()) return;
  for (const SecretHeader& header : headers) webhook.encrypted_headers.push_back(header.name);
  const base::SecretBytes values = Joined(headers);
  webhook.sealed_headers =
      kms::SealBox(key_, kHeadersLabel, Binding(webhook, webhook.url), values.Reveal(), random_);
}

Result<base::SecretBytes> WebhookSecrets::OpenSecret(const model::Webhook& webhook) const {
  if (webhook.sealed_secret.empty()) return base::SecretBytes();
  return kms::OpenBox(key_, kSecretLabel, Binding(webhook, ""), webhook.sealed_secret);
}

Result<std::vector<SecretHeader>> WebhookSecrets::OpenHeaders(const model::Webhook& webhook) const {
  std::vector<SecretHeader> out;
  if (webhook.encrypted_headers.empty()) return out;
  TS_ASSIGN_OR_RETURN(
      const base::SecretBytes values,
      kms::OpenBox(key_, kHeadersLabel, Binding(webhook, webhook.url), webhook.sealed_headers));
  base::ByteReader in(values.Reveal());
  for (const std::string& name : webhook.encrypted_headers)
    out.push_back({name, base::SecretBytes::CopyOf(in.Field())});
  if (!in.AtEnd()) return IntegrityError("encrypted headers of a webhook are not what was sealed");
  return out;
}

}  // namespace tenantseal::events
