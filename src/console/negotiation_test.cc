#include "console/negotiation.h"

#include <gtest/gtest.h>

namespace tenantseal::console {
namespace {

TEST(Negotiation, TakesEncodingsByNameWildcardAndWeight) {
  const struct {
    std::string_view header;
    bool gzip, brotli;
  } cases[] = {
      {"", false, false},
      {"gzip", true, false},
      {"gzip, deflate, br, zstd", true, true},
      {"GZIP;q=0.5 , BR;Q=1", true, true},
      {"*", true, true},
      {"*;q=0", false, false},
      {"gzip;q=0, *", false, true},
      {"gzip; q=0.000", false, false},
      {"gzip;q=0.001", true, false},
      {"identity", false, false},
      {"x-gzip, brotli", false, false},
      {",,;;=,gzip;;", true, false},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(AcceptsEncoding(c.header, "gzip"), c.gzip) << c.header;
    EXPECT_EQ(AcceptsEncoding(c.header, "br"), c.brotli) << c.header;
  }
}

TEST(Negotiation, TakesATypeOnlyByItsName) {
  EXPECT_TRUE(AcceptsType("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"));
  EXPECT_TRUE(AcceptsType("application/json, Text/HTML;level=1;q=0.3", "text/html"));
  for (const char* header :
       {"", "*/*", "text/*", "application/json", "text/html;q=0", "text/html5"})
    EXPECT_FALSE(AcceptsType(header, "text/html")) << header;
}

TEST(Negotiation, ComparesTagsWeakly) {
  EXPECT_TRUE(TagMatches("\"a\"", "\"a\""));
  EXPECT_TRUE(TagMatches("W/\"a\"", "\"a\""));
  EXPECT_TRUE(TagMatches("\"b\" , W/\"c\",\"a\"", "\"a\""));
  EXPECT_TRUE(TagMatches(" * ", "\"a\""));
  for (const char* header : {"", "a", "\"a", "\"a-br\"", "\"b\"", "w/\"a\""})
    EXPECT_FALSE(TagMatches(header, "\"a\"")) << header;
}

}  // namespace
}  // namespace tenantseal::console
