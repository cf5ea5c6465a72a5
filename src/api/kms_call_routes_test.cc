#include "api/key_provider_test_ground.h"

namespace tenantseal::api {
namespace {

using model::ProcessId;

class KmsCallRoutes : public KeyProviderRoutesTest {
 protected:
  // Five calls, a second apart, the last one now; the log began an hour ago.
  void Keep() {
    std::vector<model::KmsCall> calls;
    for (std::uint64_t i = 1; i <= 5; ++i) {
      model::KmsCall call;
      call.time = clock_.Utc() - std::chrono::seconds(5 - i);
      call.tenant = i == 3 ? std::string(32, 'x') : tenant_;
      call.key_arn = i == 2 ? kReplica : kKey;
      call.operation = "Decrypt";
      call.outcome = i == 4 ? "timeout" : "ok";
      if (i != 4) call.request_id = "request-" + std::to_string(i);
      call.sequence = i;
      calls.push_back(call);
    }
    model::KmsCall by_alias = calls[0];
    by_alias.key_arn = kAlias;
    by_alias.outcome = "AccessDeniedException";
    by_alias.time -= std::chrono::seconds(1);
    by_alias.sequence = 6;
    calls.push_back(by_alias);
    const model::KmsCallLogMark mark{process_, clock_.Utc() - std::chrono::hours(1), clock_.Utc(),
                                     true};
    ASSERT_TRUE(store_.AppendKmsCalls({mark, calls}).ok());
  }
  std::string Path(const std::string& query = "") {
    return kPath + "/" + fingerprint_ + "/kms-calls" + query;
  }
  std::vector<std::string> Ids(const json& page) {
    std::vector<std::string> out;
    for (const json& call : page["data"]) out.push_back(call.value("awsRequestId", ""));
    return out;
  }

  const ProcessId process_ = ProcessId::Parse(std::string(16, 'p')).value();
  std::string fingerprint_ = Registered();
};

TEST_F(KmsCallRoutes, ListsTheCallsOfBothKeysByTime) {
  Keep();
  const Answer answer = Get(Path());
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(Ids(answer.body), (std::vector<std::string>{"request-1", "request-1", "request-2",
                                                        "request-3", "", "request-5"}));
  const json expected = {{"time", base::FormatUtc(clock_.Utc())},
                         {"keyArn", kKey},
                         {"operation", "Decrypt"},
                         {"outcome", "ok"},
                         {"attempt", 1},
                         {"awsRequestId", "request-5"},
                         {"tenantId", tenant_}};
  EXPECT_EQ(answer.body["data"][5], expected);
  EXPECT_EQ(answer.body["data"][0]["keyArn"], kAlias) << "which key it names was not told";
  EXPECT_FALSE(answer.body["data"][3].contains("tenantId")) << "that of another tenant";
  EXPECT_EQ(answer.body["keyArns"], json({kKey, kReplica}));
  EXPECT_EQ(answer.body["principals"], json({"arn:aws:iam::338144066592:role/proxy"}));
  EXPECT_EQ(answer.body["incomplete"][0]["reason"], "no-log") << answer.body["incomplete"];
  EXPECT_FALSE(answer.body.contains("links"));
}

TEST_F(KmsCallRoutes, PagesOverOneSpan) {
  Keep();
  std::vector<std::string> all;
  std::string target = Path("?limit=2");
  int pages = 0;
  for (; !target.empty() && pages < 10; ++pages) {
    const Answer page = Get(target);
    ASSERT_EQ(page.status, 200) << page.body;
    for (const std::string& id : Ids(page.body)) all.push_back(id);
    EXPECT_EQ(page.body.contains("incomplete"), pages == 0);
    const std::string href = page.body.value("/links/next/href"_json_pointer, "");
    target = href.empty() ? "" : href.substr(href.find("/api"));
    clock_.Advance(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(all.size(), 6U);
}

TEST_F(KmsCallRoutes, TakesASpan) {
  Keep();
  const std::string from = base::FormatUtc(clock_.Utc() - std::chrono::seconds(2));
  const std::string to = base::FormatUtc(clock_.Utc() - std::chrono::seconds(1));
  const Answer answer = Get(Path("?from=" + from + "&to=" + to));
  EXPECT_EQ(Ids(answer.body), (std::vector<std::string>{"request-3", ""}));
  EXPECT_TRUE(answer.body["incomplete"].empty());
}

TEST_F(KmsCallRoutes, SaysWhenACallMayBeMissing) {
  const model::KmsCallLogMark mark{process_, clock_.Utc(), clock_.Utc(), false};
  const model::KmsCallGap gap{process_, clock_.Utc(), clock_.Utc(), 7};
  ASSERT_TRUE(store_.AppendKmsCalls({mark, {}, gap}).ok());
  const std::string at = base::FormatUtc(clock_.Utc());
  json incomplete = Get(Path("?from=" + at)).body["incomplete"];
  ASSERT_EQ(incomplete.size(), 2U) << incomplete;
  EXPECT_EQ(incomplete[0], (json{{"reason", "not-kept"},
                                 {"from", at},
                                 {"to", at},
                                 {"process", process_.text()},
                                 {"calls", 7}}));
  EXPECT_EQ(incomplete[1]["reason"], "not-written");
  clock_.Advance(std::chrono::minutes(5));
  incomplete = Get(Path("?from=" + at)).body["incomplete"];
  EXPECT_EQ(incomplete[1]["reason"], "killed");
}

TEST_F(KmsCallRoutes, RefusesWhatItDoesNotUnderstand) {
  const auto field = [this](const std::string& query) {
    const Answer answer = Get(Path(query));
    EXPECT_EQ(answer.status, 400) << query << answer.body;
    return answer.field();
  };
  EXPECT_EQ(field("?from=yesterday"), "from");
  EXPECT_EQ(field("?to=1"), "to");
  EXPECT_EQ(field("?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z"), "to");
  for (const char* limit : {"0", "1001", "-1", "x", "1x", ""})
    EXPECT_EQ(field(std::string("?limit=") + limit), "limit") << limit;
  for (const char* next : {"x", "AAAA", ""})
    EXPECT_EQ(field(std::string("?next=") + next), "next") << next;
  ExpectRefused(Get(kPath + "/" + std::string(32, '0') + "/kms-calls"), 404, "Encryption-11");
}

TEST_F(KmsCallRoutes, IsForTheTenantsAdminsAndAuditors) {
  EXPECT_EQ(ApiTest::Call(Method::kGet, Path(), NewKey("Auditor", tenant_)).status, 200);
  EXPECT_EQ(ApiTest::Call(Method::kGet, Path(), content_).status, 403);
  const std::string other = NewKey("TenantAdmin", NewTenant());
  EXPECT_EQ(ApiTest::Call(Method::kGet, Path(), other).status, 404);
}

TEST_F(KmsCallRoutes, OfTheInternalKmsThereAreNone) {
  Keep();
  const Answer answer = Get(kPath + "/" + tenant_ + "/kms-calls");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_TRUE(answer.body["data"].empty());
  EXPECT_TRUE(answer.body["keyArns"].empty());
}

}  // namespace
}  // namespace tenantseal::api
