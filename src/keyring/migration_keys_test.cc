// Tenant keys during a migration: who is asked, whose fault a failure is, and what leases do when
// the current provider changes.
#include <functional>

#include "events/event.h"
#include "keyring/keyring_test_ground.h"

namespace tenantseal::keyring {
namespace {

using namespace std::chrono_literals;

// Passes calls on, writes them down, and spoils one of them.
class SpoilingKms final : public kms::KmsClient {
 public:
  enum class Spoil : std::uint8_t {
    kNothing,
    kRevoked,
    kUnavailable,
    kOurs,
    kOtherArn,
    kShort,
    kOtherKey,
    kNoBlob,
    kLongBlob,
  };
  explicit SpoilingKms(kms::FakeKms& inner) : inner_(inner) {}
  void SpoilCall(std::size_t index, Spoil how) { calls.clear(), index_ = index, how_ = how; }

  Result<kms::KmsGenerated> GenerateDataKey(const kms::KmsKey& key, const model::TenantId& tenant,
                                            kms::CallLimits limits) const override {
    TS_ASSIGN_OR_RETURN(const Spoil how, Enter("generate ", key));
    auto reply = inner_.GenerateDataKey(key, tenant, limits);
    if (reply && how == Spoil::kShort) reply->plaintext.Truncate(31);
    if (reply && how == Spoil::kOtherKey) reply->plaintext.RevealMutable()[0] ^= 1;
    if (reply) SpoilBlob(how, reply->wrapped);
    return reply;
  }
  Result<kms::KmsCiphertext> Encrypt(const kms::KmsKey& key, const model::TenantId& tenant,
                                     base::ByteSpan plaintext,
                                     kms::CallLimits limits) const override {
    TS_ASSIGN_OR_RETURN(const Spoil how, Enter("encrypt ", key));
    const base::Bytes other(32, 7);
    const bool swapped = how == Spoil::kOtherKey || how == Spoil::kShort;
    auto reply = inner_.Encrypt(key, tenant, swapped ? base::ByteSpan(other) : plaintext, limits);
    if (reply) SpoilBlob(how, *reply);
    return reply;
  }
  Result<kms::KmsPlaintext> Decrypt(const kms::KmsKey& key, const model::TenantId& tenant,
                                    base::ByteSpan ciphertext,
                                    kms::CallLimits limits) const override {
    TS_ASSIGN_OR_RETURN(const Spoil how, Enter("decrypt ", key));
    auto reply = inner_.Decrypt(key, tenant, ciphertext, limits);
    if (!reply) return reply;
    if (how == Spoil::kShort || how == Spoil::kNoBlob) reply->plaintext.Truncate(31);
    if (how == Spoil::kOtherKey || how == Spoil::kLongBlob)
      reply->plaintext.RevealMutable()[31] ^= 1;
    if (how == Spoil::kOtherArn) reply->key_arn += "-other";
    return reply;
  }
  mutable std::vector<std::string> calls;

 private:
  Result<Spoil> Enter(const std::string& what, const kms::KmsKey& key) const {
    calls.push_back(what + (key.kind == model::ProviderKind::kInternal ? "internal" : key.arn));
    if (calls.size() != index_ + 1) return Spoil::kNothing;
    if (how_ == Spoil::kRevoked) return Error{ErrorCode::kKeyRevoked, "AccessDenied"};
    if (how_ == Spoil::kUnavailable) return Error{ErrorCode::kUnavailable, "no answer"};
    if (how_ == Spoil::kOurs) return Error{ErrorCode::kServiceFault, "ExpiredToken"};
    return how_;
  }
  static void SpoilBlob(Spoil how, kms::KmsCiphertext& wrapped) {
    if (how == Spoil::kOtherArn) wrapped.key_arn += "-other";
    if (how == Spoil::kNoBlob) wrapped.blob.clear();
    if (how == Spoil::kLongBlob) wrapped.blob.resize(kms::kCiphertextBytesMax + 1);
  }
  kms::FakeKms& inner_;
  std::size_t index_ = 0;
  Spoil how_ = Spoil::kNothing;
};

using Spoil = SpoilingKms::Spoil;

class TwoProvidersTest : public KeyringGround {
 protected:
  TwoProvidersTest()
      : lease_(store_, clock_, model::ProcessId::New(random_)),
        keyring_(store_, spoiling_, lease_, clock_, random_, {}) {
    EXPECT_TRUE(lease_.Refresh().ok());
    target_ = AddKey(tenant_, kArn, kReplica);
  }

  using Call = std::function<Result<void>()>;
  // Spoils each of the calls that `call` makes in every way; those of `source` are the source's.
  // Returns the calls.
  std::vector<std::string> SpoilEach(const Call& call, const std::string& source) {
    spoiling_.SpoilCall(0, Spoil::kNothing);
    const Result<void> undisturbed = call();
    EXPECT_TRUE(undisturbed.ok()) << undisturbed.error().message;
    const std::vector<std::string> calls = spoiling_.calls;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      for (const Spoil how : {Spoil::kRevoked, Spoil::kUnavailable, Spoil::kOurs, Spoil::kOtherArn,
                              Spoil::kShort, Spoil::kOtherKey, Spoil::kNoBlob, Spoil::kLongBlob}) {
        SCOPED_TRACE(calls[i] + " spoilt in way " + std::to_string(static_cast<int>(how)));
        spoiling_.SpoilCall(i, how);
        const Result<void> spoilt = call();
        EXPECT_FALSE(spoilt.ok());
        if (spoilt) continue;
        EXPECT_EQ(spoilt.error().field, calls[i].ends_with(source) ? "source" : "target");
        EXPECT_NE(spoilt.error().message.find(spoilt.error().field), std::string::npos);
        EXPECT_EQ(spoilt.error().code, CodeFor(how, calls[i]));
      }
    }
    spoiling_.SpoilCall(0, Spoil::kNothing);
    return calls;
  }

  SpoilingKms spoiling_{kms_};
  StoreLease lease_;
  Keyring keyring_;
  model::KeyProvider target_;

 private:
  static ErrorCode CodeFor(Spoil how, const std::string& call) {
    const bool replica = call.ends_with(kReplica);
    switch (how) {
      case Spoil::kRevoked:
        return replica ? ErrorCode::kKeyUnavailable : ErrorCode::kKeyRevoked;
      case Spoil::kUnavailable:
        return ErrorCode::kKeyUnavailable;
      case Spoil::kOurs:
        return replica ? ErrorCode::kKeyUnavailable : ErrorCode::kServiceFault;
      default:
        return ErrorCode::kIntegrity;
    }
  }
};

TEST_F(TwoProvidersTest, WrapForAsksEachAsOftenAsItMustAndTellsWhoseFaultItIs) {
  const model::TenantState state = State(tenant_);
  const auto calls = SpoilEach(
      [&]() -> Result<void> {
        TS_ASSIGN_OR_RETURN(const auto wrap, keyring_.WrapFor(state, 1, target_, Soon()));
        EXPECT_EQ(wrap.provider, target_.fingerprint);
        EXPECT_EQ(wrap.version, 1u);
        return {};
      },
      "internal");
  EXPECT_EQ(calls, (std::vector<std::string>{"decrypt internal", std::string("encrypt ") + kArn,
                                             std::string("decrypt ") + kArn,
                                             std::string("decrypt ") + kReplica}));
}

TEST_F(TwoProvidersTest, MintForBothLikewise) {
  const model::TenantState state = State(tenant_);
  const auto calls = SpoilEach(
      [&]() -> Result<void> {
        TS_ASSIGN_OR_RETURN(const auto pair, keyring_.MintForBoth(state, 2, target_, Soon()));
        EXPECT_EQ(pair.by_target.provider, target_.fingerprint);
        EXPECT_EQ(pair.by_current.provider, state.tenant.current_provider);
        EXPECT_EQ(pair.key.version, 2u);
        return {};
      },
      "internal");
  EXPECT_EQ(calls,
            (std::vector<std::string>{
                std::string("generate ") + kArn, std::string("decrypt ") + kArn,
                std::string("decrypt ") + kReplica, "encrypt internal", "decrypt internal"}));
}

TEST_F(TwoProvidersTest, EveryVersionOpensThroughBothOnceItIsWrappedByBoth) {
  BeginMove(tenant_, target_);
  const model::TenantState state = State(tenant_);
  for (const model::KeyProvider& provider : state.providers) {
    for (std::uint32_t version : {1u, 2u})
      EXPECT_TRUE(keyring_.CheckUnwraps(state, version, provider, Soon()).ok());
    EXPECT_EQ(CodeOf(keyring_.CheckUnwraps(state, 3, provider, Soon())), ErrorCode::kDecryptFailed);
    const bool source = provider.kind == model::ProviderKind::kInternal;
    const auto calls =
        SpoilEach([&] { return keyring_.CheckUnwraps(state, 2, provider, Soon()); }, "internal");
    EXPECT_EQ(calls, std::vector<std::string>{source ? "decrypt internal"
                                                     : std::string("decrypt ") + kArn});
  }
}

TEST_F(TwoProvidersTest, TheReplicaDoesNotConfirmForItsPrimary) {
  kms_.FailAll(Fault::kPrimaryAway);
  const auto minted = keyring_.Mint(tenant_, target_, 2, Soon());
  EXPECT_EQ(CodeOf(minted), ErrorCode::kKeyUnavailable);
}

TEST_F(TwoProvidersTest, WhatIsNotWrappedByThePresentProviderIsNotMoved) {
  model::TenantState state = State(tenant_);
  state.wraps.clear();
  const auto missing = keyring_.WrapFor(state, 1, target_, Soon());
  EXPECT_EQ(CodeOf(missing), ErrorCode::kIntegrity);
  EXPECT_EQ(missing.error().field, "source");
  state = State(tenant_);
  state.keys.front().check_value[0] ^= 1;
  EXPECT_EQ(keyring_.WrapFor(state, 1, target_, Soon()).error().field, "source");
  EXPECT_EQ(keyring_.Stats().integrity_alarms, 2u);
}

TEST_F(TwoProvidersTest, TheCacheIsNeverTrustedAndARefusalThatIsMetStopsUse) {
  const model::EncryptionContext context = Context(tenant_);
  ASSERT_TRUE(keyring_.Active(tenant_, Wait::kAllowed, Soon()).ok());
  const model::TenantState state = State(tenant_);
  spoiling_.SpoilCall(1, Spoil::kRevoked);  // The target's word does not count.
  EXPECT_EQ(CodeOf(keyring_.WrapFor(state, 1, target_, Soon())), ErrorCode::kKeyRevoked);
  EXPECT_TRUE(keyring_.Active(tenant_, Wait::kNever, Soon()).ok());
  spoiling_.SpoilCall(3, Spoil::kRevoked);  // Nor that the source does not wrap.
  EXPECT_EQ(CodeOf(keyring_.MintForBoth(state, 2, target_, Soon())), ErrorCode::kKeyRevoked);
  EXPECT_TRUE(keyring_.Active(tenant_, Wait::kNever, Soon()).ok());
  spoiling_.SpoilCall(0, Spoil::kRevoked);
  EXPECT_EQ(CodeOf(keyring_.WrapFor(state, 1, target_, Soon())), ErrorCode::kKeyRevoked);
  EXPECT_EQ(CodeOf(keyring_.Active(tenant_, Wait::kAllowed, Soon())), ErrorCode::kKeyRevoked);
  EXPECT_TRUE(State(tenant_).FindProvider(state.tenant.current_provider)->revoked_at.has_value());
}

// --- Labels and leases ---

class MoveTest : public KeyringGround {
 protected:
  void SetUp() override { target_ = AddKey(tenant_, kArn); }
  std::string Label() {
    const auto key = one_->keyring.Active(tenant_, Wait::kAllowed, Soon());
    return key.ok() ? key->fingerprint().text() : key.error().message;
  }
  model::KeyProvider target_;
};

TEST_F(MoveTest, NewTextsCarryTheTargetFromItsVersionOnAndTheSourceDecides) {
  EXPECT_EQ(Label(), tenant_.text());
  BeginMove(tenant_, target_);
  EXPECT_EQ(Label(), tenant_.text()) << "nobody has heard of it";
  ASSERT_TRUE(one_->lease.Refresh().ok());
  EXPECT_EQ(Label(), target_.fingerprint.text());
  EXPECT_EQ(kms_.last_key().kind, model::ProviderKind::kInternal);
  const auto old = one_->keyring.Version(tenant_, 1, Wait::kNever, Soon());
  ASSERT_TRUE(old.ok()) << "what is held follows without being fetched";
  EXPECT_EQ(old->fingerprint(), target_.fingerprint);
  Live(5min);
  ASSERT_TRUE(Seal().ok());
  EXPECT_EQ(kms_.last_key().kind, model::ProviderKind::kInternal) << "renewed by the source";
}

TEST_F(MoveTest, AtTheFlipTheLeaseRunsOnAndTheNewProviderIsAskedSoon) {
  BeginMove(tenant_, target_);
  ASSERT_TRUE(one_->lease.Refresh().ok());
  const std::string text = Seal().value();
  Live(20s);
  EndMove(tenant_);
  const std::uint64_t before = kms_.decrypts();
  ASSERT_TRUE(one_->lease.Refresh().ok());
  const auto key = one_->keyring.Active(tenant_, Wait::kAllowed, Soon());
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->usable_for(), 40s);
  EXPECT_EQ(kms_.decrypts(), before) << "nothing is fetched for it";
  Live(6s);
  EXPECT_GT(kms_.decrypts(), before);
  EXPECT_EQ(kms_.last_key().arn, kArn);
  EXPECT_GE(one_->keyring.Active(tenant_, Wait::kNever, Soon())->usable_for(), 50s);
  EXPECT_TRUE(Opens(*one_, tenant_, text));
}

TEST_F(MoveTest, TheNewProviderDecidesOnceTheLeaseHasRunOut) {
  BeginMove(tenant_, target_);
  ASSERT_TRUE(one_->lease.Refresh().ok());
  ASSERT_TRUE(Seal().ok());
  const base::BootTime sent = clock_.Boot();
  EndMove(tenant_);
  kms_.FailAll(Fault::kUnavailable);
  while (clock_.Boot() + 250ms < sent + 60s) {
    Live(250ms);
    ASSERT_TRUE(Seal().ok());
  }
  Live(500ms);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyUnavailable);
  kms_.Mend();
  Live(2s);
  EXPECT_TRUE(Seal().ok());
  kms_.FailAll(Fault::kRevoked);
  Live(46s);
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  EXPECT_TRUE(State(tenant_).FindProvider(target_.fingerprint)->revoked_at.has_value());
}

TEST_F(MoveTest, ARefusalOfTheOldProviderDoesNotBlockTheNew) {
  BeginMove(tenant_, target_);
  ASSERT_TRUE(one_->lease.Refresh().ok());
  ASSERT_TRUE(Seal().ok());
  kms_.Fail(tenant_, Fault::kRevoked);
  Live(50s);
  ASSERT_EQ(SealCode(), ErrorCode::kKeyRevoked);
  EndMove(tenant_);
  kms_.Mend();
  EXPECT_EQ(SealCode(), ErrorCode::kKeyRevoked) << "until this process hears of it";
  ASSERT_TRUE(one_->lease.Refresh().ok());
  EXPECT_TRUE(Seal().ok());
  EXPECT_EQ(kms_.last_key().arn, kArn);
  Process restarted(store_, kms_, clock_, random_);
  ASSERT_TRUE(restarted.lease.Refresh().ok());
  EXPECT_TRUE(Seal(restarted, tenant_).ok());
}

// Keeps renewals until the test runs them.
class HeldExecutor : public Executor {
 public:
  bool Submit(std::string_view, Task task) override {
    held.push_back(std::move(task));
    return true;
  }
  void Run() {
    for (Task& task : std::exchange(held, {})) task();
  }
  std::vector<Task> held;
};

class LateAnswerTest : private HeldExecutor, public KeyringGround {
 protected:
  LateAnswerTest() : KeyringGround({}, this) {}
  HeldExecutor& renewals() { return *this; }
  // A renewal is under way when the current provider changes, and its answer is `fault`.
  void AnswerLate(Fault fault, bool state_is_read) {
    tenant_ = NewTenant();
    const model::KeyProvider target =
        AddKey(tenant_, std::string(kArn) + std::to_string(++targets_));
    BeginMove(tenant_, target);
    ASSERT_TRUE(one_->lease.Refresh().ok());
    ASSERT_TRUE(Seal().ok());
    Live(46s);
    ASSERT_FALSE(renewals().held.empty());
    EndMove(tenant_);
    ASSERT_TRUE(one_->lease.Refresh().ok());
    EXPECT_TRUE(!state_is_read || Seal().ok());
    kms_.Fail(tenant_, fault);
    renewals().Run();
    kms_.Mend();
    if (state_is_read) {
      EXPECT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok()) << "nothing is noticed";
    }
    EXPECT_TRUE(Seal().ok());
    for (const model::KeyProvider& provider : State(tenant_).providers)
      EXPECT_FALSE(provider.revoked_at.has_value());
    Live(6s);
    renewals().Run();
    EXPECT_TRUE(one_->keyring.Active(tenant_, Wait::kNever, Soon()).ok());
    EXPECT_EQ(kms_.last_key().arn, target.arn);
    one_->keyring.Forget(tenant_);
  }
  int targets_ = 0;
};

TEST_F(LateAnswerTest, OfAProviderThatIsCurrentNoMoreIsNotHeeded) {
  for (const Fault fault : {Fault::kRevoked, Fault::kUnavailable, Fault::kIntegrity}) {
    for (const bool state_is_read : {true, false}) {
      SCOPED_TRACE(std::to_string(static_cast<int>(fault)) + (state_is_read ? " read" : ""));
      AnswerLate(fault, state_is_read);
    }
  }
}

}  // namespace
}  // namespace tenantseal::keyring
