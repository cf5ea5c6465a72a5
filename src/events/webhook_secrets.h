// What a webhook keeps secret: the key of its signatures, and the values of encrypted headers.
//
// Both are sealed under a key of the deployment (kept outside the database), each bound to the
// webhook and its scope, headers to the URL as well: what was meant for one receiver is never sent
// to another. They are opened only to be sent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "model/webhook.h"

namespace tenantseal::events {

struct SecretHeader {
  std::string name;
  base::SecretBytes value;
};

// Const and thread-safe.
class WebhookSecrets {
 public:
  WebhookSecrets(base::Secret256 key, const base::Random& random)
      : key_(std::move(key)), random_(random) {}

  // Each fills in what of `webhook` depends on the secret; id, scope and url must be there.
  void SealSecret(const base::SecretBytes& secret, model::Webhook& webhook) const;
  void SealHeaders(const std::vector<SecretHeader>& headers, model::Webhook& webhook) const;

  // kIntegrity when it does not open. Empty when there is none.
  Result<base::SecretBytes> OpenSecret(const model::Webhook& webhook) const;
  Result<std::vector<SecretHeader>> OpenHeaders(const model::Webhook& webhook) const;

 private:
  const base::Secret256 key_;
  const base::Random& random_;
};

}  // namespace tenantseal::events
