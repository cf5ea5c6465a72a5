#include "events/head_writer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/file.h"
#include "events/chain_audit.h"
#include "store/memory/faulty_store.h"
#include "store/memory/memory_store.h"
#include "store/store_test_ground.h"

namespace tenantseal::events {
namespace {

using namespace store::samples;  // NOLINT

class HeadWriterTest : public testing::Test {
 protected:
  HeadWriterTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "heads-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    Reopen();
  }
  ~HeadWriterTest() override { std::filesystem::remove_all(directory_); }

  void Reopen() {
    writer_ = HeadWriter::Open(faulty_, clock_, seed_.Copy(), "dep-1", directory_).value();
  }
  void Append(int count, store::MemoryStore& store) {
    for (int i = 0; i < count; ++i) {
      const auto scope = model::Scope::Deployment();
      ASSERT_TRUE(store.CreateApiKey(ApiKeyOf(std::nullopt), EventOf(scope)).ok());
    }
  }
  void Append(int count) { Append(count, store_); }
  std::string Text() const {
    std::ifstream file(HeadsFile(directory_));
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  std::vector<SignedHead> Heads() const {
    std::vector<SignedHead> heads;
    std::istringstream lines(Text());
    for (std::string line; std::getline(lines, line);) heads.push_back(ParseHead(line).value());
    return heads;
  }

  base::FakeClock clock_;
  base::SystemRandom random_;
  base::Secret256 seed_ = random_.Key();
  store::MemoryStore store_;
  store::FaultyStore faulty_{store_};
  std::string directory_;
  std::unique_ptr<HeadWriter> writer_;
};

TEST_F(HeadWriterTest, SignsAfterAHundredEvents) {
  Append(99);
  ASSERT_TRUE(writer_->SignDue());
  EXPECT_TRUE(Heads().empty());
  Append(1);
  ASSERT_TRUE(writer_->SignDue());
  ASSERT_EQ(Heads().size(), 1u);
  const SignedHead head = Heads()[0];
  EXPECT_EQ(head.head.sequence, 100u);
  EXPECT_EQ(head.head.hash, store_.ListEvents(model::Scope::Deployment(), 99, 1)->at(0).hash);
  EXPECT_EQ(head.deployment, "dep-1");
  EXPECT_EQ(head.signed_at, clock_.Utc());
  const auto key = ParsePublicKey(base::ReadFile(HeadKeyFile(directory_), 100)->RevealText());
  EXPECT_TRUE(head.SignedBy(key.value()));
}

TEST_F(HeadWriterTest, SignsAMinuteAfterTheFirstEvent) {
  Append(1);
  ASSERT_TRUE(writer_->SignDue());
  clock_.Advance(std::chrono::seconds(59));
  Append(1);
  ASSERT_TRUE(writer_->SignDue());
  EXPECT_TRUE(Heads().empty());
  clock_.Advance(std::chrono::seconds(1));
  ASSERT_TRUE(writer_->SignDue());
  ASSERT_EQ(Heads().size(), 1u);
  EXPECT_EQ(Heads()[0].head.sequence, 2u);
  clock_.Advance(std::chrono::hours(1));
  ASSERT_TRUE(writer_->SignDue());
  EXPECT_EQ(Heads().size(), 1u) << "nothing has changed";
}

TEST_F(HeadWriterTest, SignsEachChainThatHasGrown) {
  const auto a = NewTenant();
  ASSERT_TRUE(store_.CreateTenant(a, EventOf(a.tenant.id)).ok());
  Append(1);
  ASSERT_TRUE(writer_->SignNow());
  EXPECT_EQ(Heads().size(), 2u);
  Append(1);
  ASSERT_TRUE(writer_->SignNow());
  ASSERT_EQ(Heads().size(), 3u);
  EXPECT_TRUE(Heads()[2].head.scope.is_deployment());
}

TEST_F(HeadWriterTest, GoesOnAfterARestart) {
  Append(3);
  ASSERT_TRUE(writer_->SignNow());
  Reopen();
  ASSERT_TRUE(writer_->SignNow());
  EXPECT_EQ(Heads().size(), 1u);
  Append(1);
  ASSERT_TRUE(writer_->SignNow());
  EXPECT_EQ(Heads().back().head.sequence, 4u);
}

TEST_F(HeadWriterTest, DoesNotSignAnotherHistory) {
  Append(3);
  ASSERT_TRUE(writer_->SignNow());
  store::MemoryStore other;
  Append(5, other);
  auto writer = HeadWriter::Open(other, clock_, seed_.Copy(), "dep-1", directory_).value();
  ASSERT_TRUE(writer->SignNow());
  ASSERT_TRUE(writer->SignDue());
  EXPECT_EQ(Heads().size(), 1u);
  store::MemoryStore shorter;
  Append(2, shorter);
  writer = HeadWriter::Open(shorter, clock_, seed_.Copy(), "dep-1", directory_).value();
  ASSERT_TRUE(writer->SignDue());
  EXPECT_EQ(Heads().size(), 1u);
}

TEST_F(HeadWriterTest, OneBadChainKeepsNoOtherFromBeingSigned) {
  const auto a = NewTenant();
  ASSERT_TRUE(store_.CreateTenant(a, EventOf(a.tenant.id)).ok());
  Append(1);
  // Call 1 lists the heads, 2 reads the deployment's chain, 3 the tenant's.
  faulty_.FailCall(2, IntegrityError("tampered"));
  ASSERT_TRUE(writer_->SignNow());
  ASSERT_EQ(Heads().size(), 1u);
}

TEST_F(HeadWriterTest, AFailureOfTheStoreIsMadeUpForLater) {
  Append(1);
  for (std::uint64_t call = 1; call <= 2; ++call) {
    faulty_.FailCall(call, {ErrorCode::kUnavailable, "gone"});
    EXPECT_FALSE(writer_->SignNow());
    EXPECT_TRUE(Heads().empty());
  }
  faulty_.FailNothing();
  ASSERT_TRUE(writer_->SignNow());
  EXPECT_EQ(Heads().size(), 1u);
}

TEST_F(HeadWriterTest, MendsALineThatACrashCutOff) {
  Append(1);
  ASSERT_TRUE(writer_->SignNow());
  std::ofstream(HeadsFile(directory_), std::ios::app) << R"({"deployment":"dep)";
  Reopen();
  Append(1);
  ASSERT_TRUE(writer_->SignNow());
  ASSERT_EQ(Heads().size(), 2u);
  ChainAudit audit;
  EXPECT_TRUE(audit.AddHeads(Text(), crypto::Ed25519Public(seed_), "dep-1"));
}

TEST_F(HeadWriterTest, FilesAreTheOwnersAlone) {
  Append(1);
  ASSERT_TRUE(writer_->SignNow());
  EXPECT_TRUE(base::RequirePrivateFile(HeadsFile(directory_)));
}

}  // namespace
}  // namespace tenantseal::events
