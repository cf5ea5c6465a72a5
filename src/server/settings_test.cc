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

TEST(Settings, OfKeyProvidersAndMigrations) {
  const Settings defaults = Resolve({{"data-dir", "/d"}}).value();
  EXPECT_EQ(defaults.migration_rate, 0);
  EXPECT_EQ(defaults.backup_retention, std::chrono::hours(24 * 35));
  EXPECT_EQ(defaults.kms_call_retention, std::chrono::hours(24 * 90));
  EXPECT_EQ(defaults.validation_interval, std::chrono::hours(24));
  EXPECT_EQ(defaults.rotate_after, std::chrono::hours(24 * 365));
  EXPECT_FALSE(defaults.refuse_shared_keys);
  const Settings given = Resolve({{"data-dir", "/d"},
                                  {"migration-rate", "500"},
                                  {"backup-retention", "90d"},
                                  {"validation-interval", "0s"},
                                  {"rotate-after", "30d"},
                                  {"refuse-shared-keys", "true"}})
                             .value();
  EXPECT_EQ(given.migration_rate, 500);
  EXPECT_EQ(given.backup_retention, std::chrono::hours(24 * 90));
  EXPECT_EQ(given.validation_interval, base::Duration::zero());
  EXPECT_EQ(given.rotate_after, std::chrono::hours(24 * 30));
  EXPECT_TRUE(given.refuse_shared_keys);
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
  EXPECT_EQ(field({{"revocation-bound", "1s"}}), "revocation-bound");
  EXPECT_EQ(field({{"revocation-bound", "2s"}}), "accepted");
  EXPECT_EQ(field({{"revocation-bound", "2h"}}), "revocation-bound");
  EXPECT_EQ(field({{"io-threads", "0"}}), "io-threads");
  EXPECT_EQ(field({{"log-level", "loud"}}), "log-level");
  EXPECT_EQ(field({{"migration-rate", "0.5"}}), "migration-rate");
  EXPECT_EQ(field({{"migration-rate", "1"}}), "accepted");
  EXPECT_EQ(field({{"rotate-after", "30m"}}), "rotate-after");
  EXPECT_EQ(field({{"rotate-after", "0s"}}), "accepted");
  EXPECT_EQ(field({{"validation-interval", "59m"}}), "validation-interval");
  EXPECT_EQ(field({{"backup-retention", "4000d"}}), "backup-retention");
  EXPECT_EQ(field({{"refuse-shared-keys", "yes"}}), "refuse-shared-keys");
  EXPECT_EQ(field({{"tls-cert", "c.pem"}}), "tls-cert");
  EXPECT_EQ(field({{"config", FileWith("no-such-setting = 1\n")}}), "no-such-setting");
  EXPECT_EQ(field({{"config", FileWith("region = \n")}}), "config");
  EXPECT_EQ(Resolve({}).error().field, "data-dir");
}

TEST(Settings, WhatConcernsAwsIsRefusedByName) {
  const std::string role = "arn:aws:iam::111122223333:role/service";
  const auto field = [&](const std::string& name, const std::string& value) {
    const auto settings = Resolve({{"data-dir", "/d"}, {"aws-role-arn", role}, {name, value}});
    return settings ? "accepted" : settings.error().field;
  };
  const std::vector<std::pair<std::string, std::vector<std::string>>> bad = {
      {"aws-external-id", {"", "x", std::string(1225, 'x'), "with space"}},
      {"aws-session-tag", {"service", "=x", "a=1,b", "a=1,a=2"}},
      {"aws-policy-principal",
       {"nonsense", "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/*",
        "arn:aws:iam::1111:role/x", role + ",nonsense"}},
      {"aws-control-key",
       {"", "1234", "arn:aws:kms:us-east-1:111122223333:alias/x",
        "arn:aws:kms:us-east-1:1:key/1234abcd-12ab-34cd-56ef-1234567890ab"}},
      {"aws-calls-per-second", {"", "0", "-1", "many", "1e9"}},
      {"aws-backup-region", {"us-east-1", "us-east-1=nonsense", "us-east-1=us-gov-west-1"}}};
  for (const auto& [name, values] : bad)
    for (const std::string& value : values) EXPECT_EQ(field(name, value), name) << value;
  const std::vector<std::pair<std::string, std::string>> good = {
      {"aws-external-id", "tenantseal-1"},
      {"aws-session-tag", "service=tenantseal,stage="},
      {"aws-policy-principal", role + "," + "arn:aws:iam::111122223333:user/x"},
      {"aws-control-key",
       "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"},
      {"aws-calls-per-second", "50"},
      {"aws-backup-region", "us-east-1=us-west-2,eu-north-1="}};
  for (const auto& [name, value] : good) EXPECT_EQ(field(name, value), "accepted") << name;
  for (const char* value : {"service", "arn:aws:iam::111122223333:user/x", "arn:aws:iam::1:role/x",
                            "arn:aws:iam::111122223333:role/", "arn:aws:kms:::role/x"}) {
    EXPECT_EQ(Resolve({{"data-dir", "/d"}, {"aws-role-arn", value}}).error().field, "aws-role-arn")
        << value;
  }
  EXPECT_EQ(Resolve({{"data-dir", "/d"}, {"aws-external-id", "abc"}}).error().field,
            "aws-external-id");
  EXPECT_EQ(Resolve({{"data-dir", "/d"}, {"aws-session-tag", "a=b"}}).error().field,
            "aws-session-tag");
}

TEST(Settings, WhatMayStandSeveralTimesIsAnArrayOrSeparatedByCommas) {
  const std::string file = FileWith(
      "data-dir = \"/d\"\n"
      "aws-policy-principal = [\"arn:aws:iam::111122223333:role/a\", "
      "\"arn:aws:iam::111122223333:role/b\"]\naws-backup-region = \"us-east-1=us-west-2\"\n");
  const Settings s =
      Resolve({{"config", file}},
              {{"TENANTSEAL_AWS_BACKUP_REGION", "us-east-1=us-west-1,eu-west-1=eu-west-2"}})
          .value();
  EXPECT_EQ(s.aws_policy_principals,
            (std::vector<std::string>{"arn:aws:iam::111122223333:role/a",
                                      "arn:aws:iam::111122223333:role/b"}));
  EXPECT_EQ(s.aws_backup_regions,
            (std::vector<std::string>{"us-east-1=us-west-1", "eu-west-1=eu-west-2"}));
  EXPECT_EQ(Resolve({{"config", FileWith("data-dir = \"/d\"\nregion = [\"a\"]\n"
                                         "log-level = [\"info\"]\n")}})
                .error()
                .field,
            "log-level");
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
