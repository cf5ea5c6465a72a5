#include "events/cloud_event.h"

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "crypto/hmac.h"

namespace tenantseal::events {

std::string CloudEventJson(const model::Event& event) {
  const model::NewEvent& content = event.content;
  auto data = nlohmann::json::parse(content.data, nullptr, /*allow_exceptions=*/false);
  if (!data.is_object()) data = nlohmann::json::object();
  const nlohmann::json out = {{"specversion", "1.0"},
                              {"id", content.id},
                              {"source", content.source},
                              {"type", content.type},
                              {"time", base::FormatUtc(content.time)},
                              {"datacontenttype", "application/json"},
                              {"tenantid", content.scope.text()},
                              {"userid", content.actor},
                              {"sequence", std::to_string(event.sequence)},
                              {"data", std::move(data)}};
  return out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string WebhookSignature(const base::SecretBytes& secret, std::string_view body) {
  return base::HexEncode(crypto::HmacSha256(secret.Reveal(), base::AsBytes(body)));
}

}  // namespace tenantseal::events
