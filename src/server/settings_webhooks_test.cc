#include <gtest/gtest.h>

#include "server/settings.h"

namespace tenantseal::server {
namespace {

Result<Settings> ResolveWebhook(const std::string& name, const std::string& value) {
  return ResolveSettings({{"data-dir", "/d"}, {name, value}},
                         [](const std::string&) { return std::optional<std::string>(); });
}

TEST(WebhookSettings, ReachPublicAddressesAloneByDefault) {
  const auto settings = ResolveSettings(
      {{"data-dir", "/d"}}, [](const std::string&) { return std::optional<std::string>(); });
  EXPECT_TRUE(settings.value().webhooks.allowed_networks.empty());
  EXPECT_EQ(settings.value().webhooks.concurrency, 8U);
}

TEST(WebhookSettings, AreTaken) {
  EXPECT_EQ(ResolveWebhook("webhook-allow-network", "10.1.0.0/16,fd00::/8,127.0.0.1")
                .value()
                .webhooks.allowed_networks,
            (std::vector<std::string>{"10.1.0.0/16", "fd00::/8", "127.0.0.1"}));
  EXPECT_EQ(ResolveWebhook("webhook-ca-file", "/ca.pem").value().webhooks.ca_file, "/ca.pem");
  EXPECT_EQ(ResolveWebhook("webhook-concurrency", "0").value().webhooks.concurrency, 0U);
}

TEST(WebhookSettings, AreRefusedByName) {
  for (const std::string bad :
       {"10.1.0.0/8", "10.0.0.0/8,,fd00::/8", "private", "example.com", "10.0.0.0/33"}) {
    const auto settings = ResolveWebhook("webhook-allow-network", bad);
    ASSERT_FALSE(settings.ok()) << bad;
    EXPECT_EQ(settings.error().field, "webhook-allow-network");
  }
  EXPECT_FALSE(ResolveWebhook("webhook-concurrency", "257").ok());
  EXPECT_FALSE(ResolveWebhook("webhook-concurrency", "x").ok());
}

}  // namespace
}  // namespace tenantseal::server
