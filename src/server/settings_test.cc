#include "server/settings.h"

#include <gtest/gtest.h>

#include <fstream>

namespace tenantseal::server {
namespace {

using Map = std::map<std::string, std::string>;

Result<Settings> Resolve(const Map& flags, const Map& environment = {}) {
  return ResolveSettings(flags, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    return found == environment.end() ? std::nullopt : std::optional(found->second);
  });
}

std::string FileWith(const std::string& text) {
  const std::string path = testing::TempDir() + "/settings_test.toml";
  std::ofstream(path) << text;
  return path;
}

TEST(Settings, FlagsComeBeforeVariablesBeforeTheFile) {
  const std::string file =
      FileWith("data-dir = \"/from/file\"\nregion = \"eu-west-1\"\nio-threads = 3\n");
  const Settings s =
      Resolve({{"config", file}, {"data-dir", "/from/flag"}},
              {{"TENANTSEAL_DATA_DIR", "/from/variable"}, {"TENANTSEAL_REGION", "eu-west-2"}})
          .value();
  EXPECT_EQ(s.data_dir, "/from/flag");
  EXPECT_EQ(s.region, "eu-west-2");
  EXPECT_EQ(s.io_threads, 3u);
}

TEST(Settings, RefusesByName) {
  const auto field = [](Map flags) {
    flags.emplace("data-dir", "/d");
    auto settings = Resolve(flags);
    return settings ? "accepted" : settings.error().field;
  };
  EXPECT_EQ(field({}), "accepted");
  EXPECT_EQ(field({{"listen", "nonsense"}}), "listen");
  EXPECT_EQ(field({{"listen", "example.org:80"}}), "listen");
  EXPECT_EQ(field({{"listen", "127.0.0.1:65536"}}), "listen");
  EXPECT_EQ(field({{"revocation-bound", "0s"}}), "revocation-bound");
  EXPECT_EQ(field({{"revocation-bound", "2h"}}), "revocation-bound");
  EXPECT_EQ(field({{"io-threads", "0"}}), "io-threads");
  EXPECT_EQ(field({{"log-level", "loud"}}), "log-level");
  EXPECT_EQ(field({{"tls-cert", "c.pem"}}), "tls-cert");
  EXPECT_EQ(field({{"config", FileWith("no-such-setting = 1\n")}}), "no-such-setting");
  EXPECT_EQ(field({{"config", FileWith("region = \n")}}), "config");
  EXPECT_EQ(Resolve({}).error().field, "data-dir");
}

TEST(Settings, PlainHttpStaysOnLoopback) {
  EXPECT_EQ(Resolve({{"data-dir", "/d"}, {"listen", "0.0.0.0:80"}}).error().field, "listen");
  EXPECT_TRUE(Resolve({{"data-dir", "/d"}, {"listen", "0.0.0.0:80"}, {"insecure-http", "true"}}));
  EXPECT_TRUE(Resolve(
      {{"data-dir", "/d"}, {"listen", "0.0.0.0:443"}, {"tls-cert", "c"}, {"tls-key", "k"}}));
  EXPECT_TRUE(Resolve({{"data-dir", "/d"}, {"listen", "[::1]:80"}}));
}

TEST(Settings, ReadsTimes) {
  EXPECT_EQ(ParseDurationText("90s").value(), std::chrono::seconds(90));
  EXPECT_EQ(ParseDurationText("7d").value(), std::chrono::hours(168));
  for (const char* bad : {"", "s", "1", "1.5h", "-1s", "1w", "99999999999d"})
    EXPECT_FALSE(ParseDurationText(bad)) << bad;
}

}  // namespace
}  // namespace tenantseal::server
