#include "api/data_plane_json.h"

#include <gtest/gtest.h>

#include "api/secret_text.h"

namespace tenantseal::api {
namespace {

constexpr FieldSet kSeal{.plaintext = true};

std::string FieldOf(std::string_view text, const FieldSet& fields = kSeal, bool batch = true) {
  auto parsed = ParseDataPlane(base::AsBytes(text), fields, batch);
  return parsed ? "accepted" : parsed.error().field;
}

TEST(DataPlaneJson, ReadsOneObject) {
  const auto body =
      ParseDataPlane(
          base::AsBytes(R"( {"plaintext" : "aGk=" , "encryptionContext":{"a":"\u00e9","b":""}} )"),
          kSeal, true)
          .value();
  EXPECT_FALSE(body.batch);
  ASSERT_EQ(body.items.size(), 1u);
  EXPECT_EQ(body.items[0].plaintext, "aGk=");
  ASSERT_EQ(body.items[0].context.size(), 2u);
  EXPECT_EQ(body.items[0].context[0].second, "\xC3\xA9");
}

TEST(DataPlaneJson, ReadsABatch) {
  const auto body =
      ParseDataPlane(
          base::AsBytes(
              R"({"items":[{"plaintext":"aGk="},{"plaintext":"","encryptionContext":{}}]})"),
          kSeal, true)
          .value();
  EXPECT_TRUE(body.batch);
  ASSERT_EQ(body.items.size(), 2u);
  EXPECT_EQ(body.items[0].plaintext, "aGk=");
  EXPECT_EQ(body.items[1].plaintext, "");
}

TEST(DataPlaneJson, RefusesAndNamesTheField) {
  EXPECT_EQ(FieldOf(R"({"plaintext":1})"), "plaintext");
  EXPECT_EQ(FieldOf(R"({"plaintext":"a","plaintext":"b"})"), "plaintext");
  EXPECT_EQ(FieldOf(R"({"plaintext":"a","encryptionContex":{}})"), "encryptionContex");
  EXPECT_EQ(FieldOf(R"({"plaintext":"a","encryptionContext":[]})"), "encryptionContext");
  EXPECT_EQ(FieldOf(R"({"plaintext":"a","encryptionContext":{"k":1}})"), "encryptionContext/k");
  EXPECT_EQ(FieldOf(R"({"plaintext":"a","encryptionContext":{},"encryptionContext":{}})"),
            "encryptionContext");
  EXPECT_EQ(FieldOf(R"({"items":[{"plaintext":"a"},{"x":1}]})"), "items/1/x");
  EXPECT_EQ(FieldOf(R"({"items":[3]})"), "items/0");
  EXPECT_EQ(FieldOf(R"({"items":[]})"), "items");
  EXPECT_EQ(FieldOf(R"({"items":[{"plaintext":"a"}],"plaintext":"b"})"), "items");
  EXPECT_EQ(FieldOf(R"({"items":[{"plaintext":"a"}]})", kSeal, false), "items");
  EXPECT_EQ(FieldOf(R"({"count":0})", {.count = true}), "count");
  EXPECT_EQ(FieldOf(R"({"count":1001})", {.count = true}), "count");
  EXPECT_EQ(FieldOf(R"({"count":1.5})", {.count = true}), "count");
  EXPECT_EQ(FieldOf(R"({"managed":"yes"})", {.managed = true}), "managed");
  std::string many = R"({"items":[)";
  for (int i = 0; i < 1001; ++i) many += i == 0 ? R"({"plaintext":""})" : R"(,{"plaintext":""})";
  EXPECT_EQ(ParseDataPlane(base::AsBytes(many + "]}"), kSeal, true).error().code,
            ErrorCode::kTooLarge);
}

TEST(DataPlaneJson, RefusesWhatIsNotOneJsonObject) {
  for (const char* bad :
       {"", "x", "[]", "3", "\"s\"", "{", R"({"plaintext":"a")", R"({"plaintext":"a"}})",
        R"({"plaintext":"a"} {})", R"({"plaintext":"a",})", "{\"plaintext\":\"\xFF\"}",
        R"({'plaintext':'a'})", R"({"items":[{"plaintext":"a"}})"}) {
    EXPECT_NE(FieldOf(bad), "accepted") << bad;
  }
}

TEST(DataPlaneJson, EveryTruncationIsRefused) {
  const std::string text = R"({"items":[{"plaintext":"aGk=","encryptionContext":{"a":"b"}}]})";
  ASSERT_EQ(FieldOf(text), "accepted");
  for (std::size_t n = 0; n < text.size(); ++n)
    EXPECT_NE(FieldOf(text.substr(0, n)), "accepted") << n;
}

TEST(DataPlaneJson, DecodesBase64WithEscapedSlashes) {
  EXPECT_EQ(DecodeBase64Field(R"(\/\/79)", "plaintext")->size(), 3u);
  EXPECT_EQ(DecodeBase64Field("//79", "plaintext"), DecodeBase64Field(R"(\/\/79)", "plaintext"));
  for (const char* bad : {"a", "aGk", R"(aGk\u003d)", R"(\)", "aGk=\n", "aG k="}) {
    EXPECT_EQ(DecodeBase64Field(bad, "plaintext").error().field, "plaintext") << bad;
  }
}

TEST(SecretText, GrowsAndKeepsWhatItHad) {
  SecretText text(1);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    text.Append("chunk");
    text.AppendBase64(base::AsBytes("hi"));
    expected += "chunkaGk=";
  }
  EXPECT_EQ(text.Take().RevealText(), expected);
}

}  // namespace
}  // namespace tenantseal::api
