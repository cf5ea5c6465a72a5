#include "tenantseal/context.h"

#include "base/result.h"
#include "model/encryption_context.h"

namespace tenantseal {

Context::Context(model::EncryptionContext inner)
    : inner_(std::make_shared<const model::EncryptionContext>(std::move(inner))) {}

Result<Context> Context::Make(std::string_view tenant_id, Pairs pairs) {
  TS_ASSIGN_OR_RETURN(const model::TenantId tenant, model::TenantId::Parse(tenant_id));
  TS_ASSIGN_OR_RETURN(model::EncryptionContext inner,
                      model::EncryptionContext::Make(tenant, std::move(pairs)));
  return Context(std::move(inner));
}

const std::string& Context::tenant_id() const {
  return *inner_->Find(model::EncryptionContext::kTenantIdKey);
}

const Context::Pairs& Context::pairs() const { return inner_->pairs(); }

}  // namespace tenantseal
