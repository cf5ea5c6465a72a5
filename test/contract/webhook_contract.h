// The contract suite of WebhookStore runs on every implementation.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "store/memory/memory_store.h"
#include "store/row_mac.h"
#include "store/sqlite/sqlite_store.h"
#include "store/webhook_rules.h"
#include "store/webhook_samples.h"

namespace tenantseal::store {

// An empty store and whatever must live as long as it.
struct WebhookStoreUnderTest {
  std::filesystem::path directory;
  std::unique_ptr<SqliteStore> sqlite;
  std::unique_ptr<MemoryStore> memory;
  WebhookStore* webhooks = nullptr;
  Store* store = nullptr;
  ~WebhookStoreUnderTest() {
    sqlite.reset();
    if (!directory.empty()) std::filesystem::remove_all(directory);
  }
};

struct WebhookStoreMaker {
  const char* name;
  void (*make)(WebhookStoreUnderTest&);
  friend void PrintTo(const WebhookStoreMaker& maker, std::ostream* out) { *out << maker.name; }
};

inline void MakeMemoryWebhooks(WebhookStoreUnderTest& out) {
  out.memory = std::make_unique<MemoryStore>();
  out.webhooks = out.memory.get();
  out.store = out.memory.get();
}
inline void MakeSqliteWebhooks(WebhookStoreUnderTest& out) {
  std::string pattern = std::filesystem::temp_directory_path() / "webhook-contract-XXXXXX";
  out.directory = mkdtemp(pattern.data());
  out.sqlite = SqliteStore::Open(out.directory / "test.db", RowMac(base::Secret256())).value();
  out.webhooks = out.sqlite.get();
  out.store = out.sqlite.get();
}

class WebhookContract : public testing::TestWithParam<WebhookStoreMaker> {
 protected:
  WebhookContract() { GetParam().make(under_test_); }
  WebhookStore& store() { return *under_test_.webhooks; }
  Store& events() { return *under_test_.store; }

  model::Scope NewScope() {
    const auto state = samples::NewTenant();
    EXPECT_TRUE(events().CreateTenant(state, samples::EventOf(state.tenant.id)).ok());
    return model::Scope::Of(state.tenant.id);
  }
  model::Webhook NewWebhook(const model::Scope& scope, bool enabled = true) {
    model::Webhook webhook = samples::WebhookOf(scope, enabled);
    EXPECT_DONE_VALUE(store().CreateWebhook(webhook, samples::EventOf(scope)));
    return webhook;
  }
  // Some event of the scope.
  void Happen(const model::Scope& scope) {
    auto key = samples::ApiKeyOf(std::nullopt);
    if (!scope.is_deployment()) key.tenant = model::TenantId::Parse(scope.text()).value();
    EXPECT_DONE_VALUE(events().CreateApiKey(key, samples::EventOf(scope)));
  }
  std::uint64_t ChainEnd(const model::Scope& scope) {
    return events().ListEvents(scope, 0, 10'000).value().size();
  }
  std::vector<std::string> Due(base::UtcTime now = samples::kNow) {
    std::vector<std::string> out;
    const auto due = store().DueWebhooks(now, {}, 100).value();
    for (const WebhookPlace& place : due) out.push_back(place.id);
    return out;
  }
  std::optional<ClaimedWebhook> Claim(const model::Webhook& webhook,
                                      base::UtcTime now = samples::kNow,
                                      std::int64_t lease_ms = 30'000) {
    return store()
        .ClaimWebhook({webhook.scope.text(), webhook.id.text()}, now,
                      now + std::chrono::milliseconds(lease_ms), 10)
        .value();
  }
  static WebhookStep StepOf(const ClaimedWebhook& claimed) {
    return {claimed.claim, claimed.progress};
  }
  template <typename R>
  static void EXPECT_DONE_VALUE(const R& result) {
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  }

 private:
  WebhookStoreUnderTest under_test_;
};

inline std::string WebhookMakerName(const testing::TestParamInfo<WebhookStoreMaker>& maker) {
  return maker.param.name;
}

}  // namespace tenantseal::store
