#include "providers/key_providers.h"

#include "base/limits.h"
#include "providers/key_providers_test_ground.h"

namespace tenantseal::providers {
namespace {

using json = nlohmann::json;

class KeyProvidersTest : public KeyProvidersGround {};

TEST_F(KeyProvidersTest, RegistersAKeyThatPasses) {
  const auto made = Create(kFirst);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_FALSE(made->current);
  ASSERT_TRUE(made->report);
  EXPECT_EQ(made->report->outcome(), CheckOutcome::kPass);
  const model::KeyProvider provider = Stored(FingerprintOf(tenant_, kFirst));
  EXPECT_EQ(made->provider, provider);
  EXPECT_EQ(provider.arn, kFirst);
  EXPECT_EQ(provider.kind, model::ProviderKind::kAwsKms);
  EXPECT_EQ(provider.name, "Payroll");
  EXPECT_EQ(provider.description, "of the works council");
  EXPECT_EQ(provider.replica_arn, kBackup + kFirstId);
  EXPECT_EQ(provider.created_at, clock_.Utc());
  EXPECT_FALSE(provider.promoted_at || provider.demoted_at || provider.revoked_at);

  const auto validation = Validation(provider.fingerprint);
  ASSERT_TRUE(validation);
  EXPECT_EQ(validation->outcome, CheckOutcome::kPass);
  EXPECT_EQ(validation->report, ReportText(*made->report));
  const std::string print = provider.fingerprint.text();
  EXPECT_EQ(LastEvent(events::kKeyProviderCreated),
            json({{"id", print},
                  {"arnFingerPrint", print},
                  {"arn", kFirst},
                  {"name", "Payroll"},
                  {"description", "of the works council"},
                  {"keyprovider", "AWS-KMS"},
                  {"tenantId", tenant_.text()},
                  {"multiRegion", true},
                  {"replicaKeys",
                   json::array({{{"arn", kBackup + kFirstId}, {"region", "us-east-2"}}})}}));
  EXPECT_EQ(Events().back().content.actor, "admin");
  EXPECT_EQ(lease_.Epoch(), store_.ReadChanges(0)->epoch);
  // The probes of another tenant's context are part of a registration.
  const auto calls = keys_.calls();
  EXPECT_TRUE(std::ranges::any_of(
      calls, [](const auto& call) { return call.action == "GenerateDataKey" && !call.tenant; }));
}

TEST_F(KeyProvidersTest, PinsTheKeyBehindAnAlias) {
  const auto made = Create(kFirstAlias);
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->provider.arn, kFirst);
  EXPECT_EQ(made->provider.fingerprint, FingerprintOf(tenant_, kFirst));
  EXPECT_EQ(made->report->given_arn, kFirstAlias);

  const Snapshot before = Now();
  EXPECT_EQ(CodeOf(Create(kFirstAlias)), Code(EncryptionCode::kArnRegistered));
  const std::size_t calls = keys_.calls().size();
  EXPECT_EQ(CodeOf(Create(kFirst)), Code(EncryptionCode::kArnRegistered));
  EXPECT_EQ(keys_.calls().size(), calls);
  EXPECT_EQ(Now(), before);
}

TEST_F(KeyProvidersTest, TheSameKeyIsAnotherProviderOfAnotherTenant) {
  const model::Fingerprint first = Registered(kFirst);
  const model::TenantId other = NewTenant();
  const auto made = providers_.Create(other, {kFirst, "Theirs", ""}, "admin", Soon());
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_NE(made->provider.fingerprint, first);
}

TEST_F(KeyProvidersTest, RefusesTextsThatCannotBeShown) {
  const Snapshot before = Now();
  const auto expect_refused = [&](const std::string& name, const std::string& description,
                                  const std::string& field) {
    const auto refused = providers_.Create(tenant_, {kFirst, name, description}, "admin", Soon());
    EXPECT_EQ(CodeOf(refused), Code(EncryptionCode::kInvalidRequest)) << field;
    EXPECT_EQ(refused.error().field, field);
  };
  expect_refused("", "", "name");
  expect_refused(std::string(257, 'n'), "", "name");
  expect_refused("two\nlines", "", "name");
  expect_refused("\xff", "", "name");
  expect_refused("n", std::string(1025, 'd'), "description");
  expect_refused("n", std::string("a\0b", 3), "description");
  EXPECT_EQ(Now(), before);
  EXPECT_TRUE(keys_.calls().empty());
  EXPECT_TRUE(
      providers_
          .Create(tenant_, {kFirst, std::string(256, 'n'), std::string(1024, 'd')}, "admin", Soon())
          .ok());
}

TEST_F(KeyProvidersTest, RefusesAKeyThatFailsAndSaysWhy) {
  const Snapshot before = Now();
  keys_.at(kFirst).policy = FakeInspector::Without("Decrypt", Admitting());
  const auto refused = Create(kFirst);
  EXPECT_EQ(CodeOf(refused), Code(EncryptionCode::kActionNotAllowed));
  EXPECT_NE(refused.error().meta.find("round-trip"), std::string::npos) << refused.error().meta;
  EXPECT_EQ(CodeOf(Create("arn:nonsense")), Code(EncryptionCode::kArnMalformed));
  EXPECT_EQ(CodeOf(Create("")), Code(EncryptionCode::kArnMalformed));
  EXPECT_EQ(CodeOf(Create(kBackup + kFirstId)), Code(EncryptionCode::kWrongRegion));
  keys_.SetState(kSecond, "Disabled");
  EXPECT_EQ(CodeOf(Create(kSecond)), Code(EncryptionCode::kKeyNotEnabled));
  EXPECT_EQ(Now(), before);
}

TEST_F(KeyProvidersTest, SaysWhenAwsDoesNotAnswerAndWhenItIsOurFault) {
  const Snapshot before = Now();
  keys_.Fail("us-east-1", ErrorCode::kKeyUnavailable);
  EXPECT_EQ(CodeOf(Create(kFirst)), Code(EncryptionCode::kProviderTimeout));
  keys_.Fail("us-east-1", ErrorCode::kServiceFault);
  const auto fault = Create(kFirst);
  EXPECT_EQ(CodeOf(fault), 0);
  EXPECT_EQ(fault.error().code, ErrorCode::kServiceFault);
  EXPECT_EQ(Now(), before);
}

TEST_F(KeyProvidersTest, NeedsAnActiveTenantWithRoom) {
  model::KeyProvider other = Stored(Registered(kSecond));
  while (State().providers.size() < base::kProvidersMax) {
    other.arn = kHome + model::NewUuid(random_);
    other.fingerprint = FingerprintOf(tenant_, other.arn);
    ASSERT_TRUE(store_.AddProvider(other, samples::EventOf(tenant_)).ok());
  }
  Snapshot before = Now();
  EXPECT_EQ(CodeOf(Create(kFirst)), Code(EncryptionCode::kTooManyProviders));
  EXPECT_EQ(Now(), before);

  ASSERT_TRUE(providers_.Delete(tenant_, other.fingerprint.text(), "admin").ok());
  ASSERT_TRUE(store_
                  .ChangeTenant(State().tenant, model::TenantStatus::kDeactivated, {},
                                samples::EventOf(tenant_))
                  .ok());
  before = Now();
  EXPECT_ERROR(Create(kFirst), kConflict);
  EXPECT_ERROR(providers_.DryRun(tenant_, kFirst, Soon()), kConflict);
  EXPECT_EQ(Now(), before);
  EXPECT_ERROR(providers_.Create(model::TenantId::New(random_), {kFirst, "n", ""}, "admin", Soon()),
               kNotFound);
}

TEST_F(KeyProvidersTest, LosesARaceForTheSameKey) {
  const Snapshot before = Now();
  const std::uint64_t calls = faulty_.calls();
  ASSERT_TRUE(Create(kSecond).ok());
  // The calls of a registration before AddProvider(): the tenant and who else has the key.
  ASSERT_GE(faulty_.calls() - calls, 3u);
  faulty_.FailCall(3, {ErrorCode::kAlreadyExists, "just now"});
  EXPECT_EQ(CodeOf(Create(kFirst)), Code(EncryptionCode::kArnRegistered));
  faulty_.FailCall(3, {ErrorCode::kUnavailable, "locked"});
  EXPECT_ERROR(Create(kFirst), kUnavailable);
  EXPECT_EQ(State().providers.size(), before.state.providers.size() + 1);
  EXPECT_EQ(Events().size(), before.events + 1);
}

TEST_F(KeyProvidersTest, StaysRegisteredWhenItsReportIsLost) {
  faulty_.FailCall(4, {ErrorCode::kUnavailable, "locked"});
  const auto made = Create(kFirst);
  ASSERT_TRUE(made.ok()) << made.error().message;
  const auto shown = providers_.Get(tenant_, made->provider.fingerprint.text());
  ASSERT_TRUE(shown.ok());
  EXPECT_FALSE(shown->report);
}

TEST_F(KeyProvidersTest, RefusesAnothersKeyUnderAnyNameWhenToldTo) {
  Registered(kFirst);
  tenant_ = NewTenant();
  const Validator strict(keys_, clock_, random_, {.shared_keys_refused = true});
  KeyProviders providers(store_, lease_, strict, clock_, random_, kRetention);
  const Snapshot before = Now();
  for (const std::string& arn : {kFirst, kFirstAlias}) {
    const auto made = providers.Create(tenant_, {arn, "n", ""}, "admin", Soon());
    EXPECT_EQ(CodeOf(made), Code(EncryptionCode::kKeyShared)) << arn;
  }
  EXPECT_EQ(Now(), before);
}

TEST_F(KeyProvidersTest, ListsTheInternalOneFirst) {
  clock_.JumpUtc(-std::chrono::hours(1));  // Older than the tenant by the clock of another machine.
  const model::Fingerprint second = Registered(kSecond);
  clock_.JumpUtc(std::chrono::hours(2));
  const model::Fingerprint first = Registered(kFirst);
  const auto list = providers_.List(tenant_);
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 3u);
  EXPECT_EQ((*list)[0].provider.kind, model::ProviderKind::kInternal);
  EXPECT_TRUE((*list)[0].current);
  EXPECT_FALSE((*list)[0].report);
  EXPECT_EQ((*list)[1].provider.fingerprint, second);
  EXPECT_EQ((*list)[2].provider.fingerprint, first);
  EXPECT_FALSE((*list)[2].current);
  EXPECT_TRUE((*list)[2].report);
}

TEST_F(KeyProvidersTest, FindsOneByItsFingerprint) {
  const model::Fingerprint first = Registered(kFirst);
  const auto found = providers_.Get(tenant_, first.text());
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->provider.arn, kFirst);
  EXPECT_EQ(CodeOf(providers_.Get(tenant_, std::string(64, 'a'))),
            Code(EncryptionCode::kProviderNotFound));
  EXPECT_EQ(CodeOf(providers_.Get(tenant_, "")), Code(EncryptionCode::kProviderNotFound));
  EXPECT_EQ(CodeOf(providers_.Get(tenant_, std::string(65, 'a'))),
            Code(EncryptionCode::kFingerprintTooLong));
  // Another tenant's is not there.
  EXPECT_EQ(CodeOf(providers_.Get(NewTenant(), first.text())),
            Code(EncryptionCode::kProviderNotFound));
}

TEST_F(KeyProvidersTest, ShowsAProviderWhoseReportCannotBeRead) {
  const model::Fingerprint first = Registered(kFirst);
  ASSERT_TRUE(
      store_.SaveValidation({tenant_, first, clock_.Utc(), CheckOutcome::kPass, "{"}, {}).ok());
  const auto shown = providers_.Get(tenant_, first.text());
  ASSERT_TRUE(shown.ok());
  EXPECT_FALSE(shown->report);
  EXPECT_TRUE(Test(first).ok());
  EXPECT_TRUE(providers_.Get(tenant_, first.text())->report);
}

TEST_F(KeyProvidersTest, RenamesAndTellsWhatChanged) {
  const model::Fingerprint first = Registered(kFirst);
  const model::KeyProvider before = Stored(first);
  ASSERT_TRUE(providers_.Patch(tenant_, first.text(), {"Wages", "Payroll"}, "editor").ok());
  EXPECT_EQ(Stored(first).name, "Wages");
  EXPECT_EQ(Stored(first).description, "Payroll");
  const json event = LastEvent(events::kKeyProviderUpdated);
  EXPECT_EQ(event["name"], "Wages");
  EXPECT_EQ(
      event["updates"],
      json::array(
          {{{"path", "/name"}, {"before", "Payroll"}, {"after", "Wages"}},
           {{"path", "/description"}, {"before", "of the works council"}, {"after", "Payroll"}}}));
  EXPECT_EQ(Events().back().content.actor, "editor");
  EXPECT_EQ(lease_.Epoch(), store_.ReadChanges(0)->epoch);

  ASSERT_TRUE(providers_.Patch(tenant_, first.text(), {{}, ""}, "editor").ok());
  EXPECT_EQ(Stored(first).name, "Wages");
  EXPECT_EQ(Stored(first).description, "");
  const Snapshot same = Now();
  EXPECT_TRUE(providers_.Patch(tenant_, first.text(), {"Wages", ""}, "editor").ok());
  EXPECT_TRUE(providers_.Patch(tenant_, first.text(), {}, "editor").ok());
  EXPECT_EQ(CodeOf(providers_.Patch(tenant_, first.text(), {"", {}}, "editor")),
            Code(EncryptionCode::kInvalidRequest));
  EXPECT_EQ(CodeOf(providers_.Patch(tenant_, first.text(), {{}, "\t"}, "editor")),
            Code(EncryptionCode::kInvalidRequest));
  EXPECT_EQ(CodeOf(providers_.Patch(tenant_, "nobody", {"n", {}}, "editor")),
            Code(EncryptionCode::kProviderNotFound));
  EXPECT_EQ(Now(), same);
}

TEST_F(KeyProvidersTest, ReadsAgainWhenAnotherChangeWasFaster) {
  const model::Fingerprint first = Registered(kFirst);
  faulty_.FailCall(2, {ErrorCode::kConflict, "changed meanwhile"});
  ASSERT_TRUE(providers_.Patch(tenant_, first.text(), {"Wages", {}}, "editor").ok());
  EXPECT_EQ(Stored(first).name, "Wages");
  faulty_.FailCall(2, {ErrorCode::kNotFound, "deleted meanwhile"});
  EXPECT_EQ(CodeOf(providers_.Patch(tenant_, first.text(), {"Other", {}}, "editor")),
            Code(EncryptionCode::kProviderNotFound));
  faulty_.FailCall(2, {ErrorCode::kConflict, "changed meanwhile"});
  EXPECT_TRUE(providers_.Delete(tenant_, first.text(), "editor").ok());
}

TEST_F(KeyProvidersTest, DeletesWhatIsNotInUse) {
  const model::Fingerprint first = Registered(kFirst);
  ASSERT_TRUE(providers_.Delete(tenant_, first.text(), "editor").ok());
  EXPECT_EQ(State().providers.size(), 1u);
  EXPECT_EQ(LastEvent(events::kKeyProviderDeleted)["arn"], kFirst);
  EXPECT_FALSE(Validation(first));
  EXPECT_EQ(CodeOf(providers_.Delete(tenant_, first.text(), "editor")),
            Code(EncryptionCode::kProviderNotFound));
  EXPECT_TRUE(Create(kFirst).ok());  // It may come back.
}

TEST_F(KeyProvidersTest, KeepsWhatIsInUse) {
  const model::Fingerprint first = Registered(kFirst), second = Registered(kSecond);
  const auto expect_kept = [&](const std::string& fingerprint) {
    const Snapshot before = Now();
    EXPECT_EQ(CodeOf(providers_.Delete(tenant_, fingerprint, "editor")),
              Code(EncryptionCode::kProviderInUse));
    EXPECT_EQ(Now(), before);
  };
  expect_kept(tenant_.text());
  Start(first);
  expect_kept(first.text());  // The target.
  Activate();
  Finish();
  expect_kept(first.text());    // The current one.
  expect_kept(tenant_.text());  // Always.
  Start(second);
  Activate();
  expect_kept(first.text());
  expect_kept(second.text());
  Finish();
  EXPECT_TRUE(providers_.Delete(tenant_, first.text(), "editor").ok());
}

TEST_F(KeyProvidersTest, CountsWhatDependsOnAProvider) {
  const model::Fingerprint first = Registered(kFirst), second = Registered(kSecond);
  const auto usage = [&](const std::string& fingerprint) {
    return providers_.Usage(tenant_, fingerprint).value();
  };
  ASSERT_TRUE(store_.InsertDataKeys(samples::DataKeysOf(tenant_, 3)).ok());
  EXPECT_EQ(usage(tenant_.text()).tenant_keys, 1u);
  EXPECT_EQ(usage(tenant_.text()).data_keys, 3u);
  EXPECT_FALSE(usage(tenant_.text()).safe_to_delete);
  EXPECT_TRUE(usage(first.text()).safe_to_delete);  // Never used.

  Start(first);
  Activate();
  // Wrapped by both, no version depends on either alone, and yet neither may go.
  EXPECT_EQ(usage(first.text()).tenant_keys, 0u);
  EXPECT_EQ(usage(tenant_.text()).tenant_keys, 0u);
  EXPECT_FALSE(usage(first.text()).safe_to_delete);
  Finish();
  const ProviderUsage now = usage(first.text());
  EXPECT_EQ(now.tenant_keys, 2u);
  EXPECT_EQ(now.data_keys, 3u);
  EXPECT_FALSE(now.safe_to_delete);
  EXPECT_FALSE(now.keep_key_until);

  const base::UtcTime demoted = clock_.Utc();
  Start(second);
  Activate();
  EXPECT_EQ(usage(first.text()).tenant_keys, 0u);
  EXPECT_FALSE(usage(first.text()).safe_to_delete);  // It still decides alone.
  Finish();
  ProviderUsage old = usage(first.text());
  EXPECT_EQ(old.tenant_keys, 0u);
  EXPECT_EQ(old.data_keys, 0u);
  EXPECT_EQ(old.keep_key_until, demoted + std::chrono::hours(24 * 35));
  EXPECT_FALSE(old.safe_to_delete);
  clock_.Advance(kRetention - std::chrono::milliseconds(1));
  EXPECT_FALSE(usage(first.text()).safe_to_delete);
  clock_.Advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(usage(first.text()).safe_to_delete);
  EXPECT_FALSE(usage(tenant_.text()).safe_to_delete);  // The internal one stays.
  Migrate(first);
  EXPECT_FALSE(usage(first.text()).keep_key_until);
  EXPECT_EQ(CodeOf(providers_.Usage(tenant_, "nobody")), Code(EncryptionCode::kProviderNotFound));
}

TEST_F(KeyProvidersTest, KnowsOfADeletedProviderHowLongBackupsNeedItsKey) {
  const model::Fingerprint first = Registered(kFirst), second = Registered(kSecond);
  Migrate(first);
  Migrate(second);
  const base::UtcTime until = clock_.Utc() + std::chrono::hours(24 * 35);
  ASSERT_TRUE(providers_.Delete(tenant_, first.text(), "editor").ok());
  EXPECT_EQ(LastEvent(events::kKeyProviderDeleted)["keepKeyUntil"], base::FormatUtcSeconds(until));
  const auto expect_kept = [&] {
    const ProviderUsage usage = providers_.Usage(tenant_, first.text()).value();
    EXPECT_EQ(usage.keep_key_until, until);
    EXPECT_FALSE(usage.safe_to_delete);
  };
  expect_kept();
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(Registered(kFirst), first);  // In its next life, too.
  expect_kept();
  clock_.Advance(kRetention - std::chrono::hours(1));
  EXPECT_TRUE(providers_.Usage(tenant_, first.text())->safe_to_delete);
}

TEST_F(KeyProvidersTest, AKeyThatAnotherTenantHasIsNotSafeToDelete) {
  const model::Fingerprint first = Registered(kFirst);
  const model::TenantId tenant = tenant_;
  tenant_ = NewTenant();
  Registered(kFirst);
  const ProviderUsage usage = providers_.Usage(tenant, first.text()).value();
  EXPECT_EQ(usage.tenant_keys, 0u);
  EXPECT_EQ(usage.other_tenants, 1u);
  EXPECT_FALSE(usage.safe_to_delete);
}

TEST_F(KeyProvidersTest, CountsDataKeysSetAsideWithTheirVersion) {
  const model::Fingerprint first = Registered(kFirst);
  ASSERT_TRUE(store_.InsertDataKeys(samples::DataKeysOf(tenant_, 3)).ok());
  Start(first);
  Activate();
  const auto rows = store_.ScanDataKeys(tenant_, 0, store::kAnyVersion, 10).value();
  const std::vector<model::QuarantinedDataKey> aside = {
      {tenant_, rows[0].key.id, 1, clock_.Utc(), "does not authenticate"},
      {tenant_, rows[1].key.id, 1, clock_.Utc(), "does not authenticate"}};
  model::RewrapJob job = store_.ClaimRewrapJob(tenant_).value();
  job.failed = 2;
  job.cursor = rows[1].position;
  ASSERT_TRUE(store_.CommitRewrapBatch({}, aside, job, {}).ok());
  EXPECT_EQ(providers_.Usage(tenant_, first.text())->quarantined, 0u);  // Wrapped by both yet.
  Finish();
  EXPECT_EQ(providers_.Usage(tenant_, first.text())->quarantined, 2u);
  EXPECT_EQ(providers_.Usage(tenant_, first.text())->data_keys, 3u);
  EXPECT_EQ(providers_.Usage(tenant_, tenant_.text())->quarantined, 0u);
}

}  // namespace
}  // namespace tenantseal::providers
