#include "base/text.h"

#include <gtest/gtest.h>

#include <string>

namespace tenantseal::base {
namespace {

TEST(PlainText, IsUtf8WithoutControlCharacters) {
  EXPECT_TRUE(IsPlainText(""));
  EXPECT_TRUE(IsPlainText("Schlüssel 1 ~ \xc2\xa0 \xe2\x82\xac"));
  const std::string bads[] = {
      "a\nb", std::string("a\0b", 3), "\x7f", "a\xc2\x80", "\xc2\x9f", "\xc2", "\xff"};
  for (const std::string& bad : bads) {
    EXPECT_FALSE(IsPlainText(bad)) << bad;
  }
}

TEST(CharactersOf, CountsCodePoints) {
  EXPECT_EQ(CharactersOf(""), 0u);
  EXPECT_EQ(CharactersOf("key"), 3u);
  EXPECT_EQ(CharactersOf("Schlüssel €"), 11u);
  EXPECT_EQ(CharactersOf("\xf0\x9f\x94\x91"), 1u);
}

}  // namespace
}  // namespace tenantseal::base
