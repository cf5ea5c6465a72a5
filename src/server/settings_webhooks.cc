#include <array>

#include "net/egress.h"
#include "server/settings_values.h"

namespace tenantseal::server {
namespace {

Result<void> SetAllowedNetworks(Settings& s, const std::string& text) {
  s.webhooks.allowed_networks.clear();
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string network = text.substr(begin, end - begin);
    net::Egress scratch;
    if (auto allowed = scratch.Allow(network); !allowed) return Bad(allowed.error().message);
    s.webhooks.allowed_networks.push_back(network);
    begin = end + 1;
  }
  return {};
}

Result<void> SetCaFile(Settings& s, const std::string& text) {
  s.webhooks.ca_file = text;
  return {};
}

Result<void> SetConcurrency(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(s.webhooks.concurrency, Number<std::size_t>(text, 0, 256));
  return {};
}

constexpr std::array kWebhookSettings = {
    Setting{"webhook-allow-network", "NETWORK",
            "Let webhooks reach this network though it is not public, e.g. 10.0.0.0/8; a loopback "
            "address also by http. Repeatable. Default: public addresses alone.",
            SetAllowedNetworks, true},
    Setting{"webhook-ca-file", "FILE",
            "PEM roots for the receivers of webhooks in place of the system's.", SetCaFile},
    Setting{"webhook-concurrency", "N",
            "Webhooks that each process delivers to at the same time, a quarter of them of one "
            "tenant; 0: it delivers nothing. Default 8.",
            SetConcurrency},
};

}  // namespace

std::span<const Setting> WebhookSettingTable() { return kWebhookSettings; }

}  // namespace tenantseal::server
