#include "server/settings.h"

#include <arpa/inet.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <thread>

#include "base/file.h"
#include "server/settings_values.h"

namespace tenantseal::server {
namespace {

template <auto Field>
Result<void> SetText(Settings& s, const std::string& text) {
  s.*Field = text;
  return {};
}

template <auto Field, std::size_t Min, std::size_t Max>
Result<void> SetSize(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(s.*Field, Number<std::size_t>(text, Min, Max));
  return {};
}

template <auto Field>
Result<void> SetRate(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(s.*Field, Number<double>(text, 0, 1e9));
  return {};
}

Result<void> SetListen(Settings& s, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return Bad("must be ADDRESS:PORT, e.g. 127.0.0.1:8080");
  std::string address = text.substr(0, colon);
  if (address.size() > 2 && address.front() == '[' && address.back() == ']')
    address = address.substr(1, address.size() - 2);
  if (address == "localhost") address = "127.0.0.1";
  in6_addr scratch;
  if (inet_pton(AF_INET, address.c_str(), &scratch) != 1 &&
      inet_pton(AF_INET6, address.c_str(), &scratch) != 1) {
    return Bad("must hold a numeric address, e.g. 127.0.0.1:8080 or [::1]:8080");
  }
  TS_ASSIGN_OR_RETURN(s.listen_port, Number<std::uint16_t>(text.substr(colon + 1), 0, 65535));
  s.listen_address = address;
  return {};
}

Result<void> SetRootKeyFd(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(s.root_key_fd, Number<int>(text, 0, 65535));
  return {};
}

Result<void> SetMigrationRate(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(const double rate, Number<double>(text, 0, 1e9));
  if (rate > 0 && rate < 1) return Bad("must be 0 or at least 1");
  s.migration_rate = rate;
  return {};
}

// 0 switches it off; short intervals would keep providers busy for nothing.
template <auto Field>
Result<void> SetInterval(Settings& s, const std::string& text) {
  TS_ASSIGN_OR_RETURN(const base::Duration value, ParseDurationText(text));
  if (value != base::Duration::zero() &&
      (value < std::chrono::hours(1) || value > std::chrono::hours(24 * 3650)))
    return Bad("must be 0s or lie between 1h and 3650d");
  s.*Field = value;
  return {};
}

Result<void> SetLogLevel(Settings& s, const std::string& text) {
  if (text == "debug")
    s.log_level = base::LogLevel::kDebug;
  else if (text == "info")
    s.log_level = base::LogLevel::kInfo;
  else if (text == "warning")
    s.log_level = base::LogLevel::kWarning;
  else if (text == "error")
    s.log_level = base::LogLevel::kError;
  else
    return Bad("must be debug, info, warning or error");
  return {};
}

constexpr std::array kSettings = {
    Setting{
        "data-dir", "DIR",
        "Where database, keystore and root key live; made with mode 0700 on first start. Required.",
        SetText<&Settings::data_dir>},
    Setting{"listen", "ADDRESS:PORT",
            "Where to listen; port 0 takes any free one. Default 127.0.0.1:8080.", SetListen},
    Setting{"database", "FILE", "SQLite database. Default DIR/tenantseal.db.",
            SetText<&Settings::database>},
    Setting{"region", "REGION", "AWS region of tenants that name none. Default us-east-1.",
            SetText<&Settings::region>},
    Setting{"root-key-file", "FILE",
            "File with the root key, mode 0600. Default DIR/root.key, made on first start.",
            SetText<&Settings::root_key_file>},
    Setting{"root-key-fd", "FD", "Read the root key from this open file descriptor instead.",
            SetRootKeyFd},
    Setting{"tls-cert", "FILE",
            "PEM certificate chain; with tls-key: serve HTTPS. SIGHUP reads both again.",
            SetText<&Settings::tls_cert_file>},
    Setting{"tls-key", "FILE", "PEM private key.", SetText<&Settings::tls_key_file>},
    Setting{"insecure-http", "",
            "Allow plain HTTP on an address other than loopback. Keys and plaintext cross the "
            "network in clear.",
            SetSwitch<&Settings::insecure_http>},
    Setting{"io-threads", "N",
            "Threads that read, seal, open and answer. Default: one for each two cores.",
            SetSize<&Settings::io_threads, 1, 256>},
    Setting{"worker-threads", "N", "Threads for what waits for the database or a KMS. Default 8.",
            SetSize<&Settings::worker_threads, 1, 256>},
    Setting{"connections-max", "N", "Open connections. Default 10000.",
            SetSize<&Settings::connections_max, 1, 1'000'000>},
    Setting{"queue-max", "N",
            "Requests that may wait for a worker, all tenants together; an eighth of it for one "
            "tenant. Default 1024.",
            SetSize<&Settings::queue_max, 8, 1'000'000>},
    Setting{"revocation-bound", "TIME",
            "How long a tenant key may be used after its last successful unwrap. Default 60s.",
            SetDuration<&Settings::revocation_bound, 2, 3600>},
    Setting{"outage-grace", "TIME",
            "How much longer while the key provider is unreachable. Default 0s.",
            SetDuration<&Settings::outage_grace, 0, 86400>},
    Setting{"destroy-after", "TIME",
            "Wait between the request to destroy a tenant and its destruction. Default 7d.",
            SetDuration<&Settings::destroy_after, 0, 86400L * 365>},
    Setting{"drain-timeout", "TIME", "How long SIGTERM waits for requests in flight. Default 20s.",
            SetDuration<&Settings::drain_timeout, 0, 3600>},
    Setting{"migration-rate", "N",
            "Data keys a second that migrations and rotations rewrap, in each process; 0: no "
            "limit. Default 0.",
            SetMigrationRate},
    Setting{"backup-retention", "TIME",
            "How long backups are kept, and with them the need for a former key provider's key. "
            "Default 35d.",
            SetDuration<&Settings::backup_retention, 0, 86400L * 3650>},
    Setting{"kms-call-retention", "TIME",
            "How long calls of AWS KMS are kept, to be compared with CloudTrail, which keeps 90 "
            "days. Default 90d.",
            SetDuration<&Settings::kms_call_retention, 86400, 86400L * 3650>},
    Setting{"validation-interval", "TIME",
            "How often current key providers in AWS KMS are validated; 0s: on demand only. "
            "Default 24h.",
            SetInterval<&Settings::validation_interval>},
    Setting{"rotate-after", "TIME",
            "Age at which a tenant key is rotated; 0s: on demand only. Default 365d.",
            SetInterval<&Settings::rotate_after>},
    Setting{"refuse-shared-keys", "",
            "Refuse a KMS key that another tenant uses, too, instead of warning.",
            SetSwitch<&Settings::refuse_shared_keys>},
    Setting{"tenant-rate", "N",
            "Data-plane items a second for each tenant; 0: no limit. Default 100000.",
            SetRate<&Settings::tenant_rate>},
    Setting{"read-rate", "N",
            "Control-plane reads a minute for each key, over 5 minutes; 0: no limit. Default 1000.",
            SetRate<&Settings::read_rate>},
    Setting{
        "write-rate", "N",
        "Control-plane changes a minute for each key, over 5 minutes; 0: no limit. Default 100.",
        SetRate<&Settings::write_rate>},
    Setting{"log-level", "LEVEL", "debug, info, warning or error. Default info.", SetLogLevel},
    Setting{"aws-role-arn", "ARN",
            "Role that is assumed for every call of AWS KMS. Default: the credentials that the AWS "
            "SDKs would find are used themselves.",
            SetRoleArn},
    Setting{"aws-external-id", "ID", "External id given to AWS STS with the role.", SetExternalId},
    Setting{"aws-session-tag", "KEY=VALUE",
            "Tag of the role's session, for policies that look at aws:PrincipalTag; repeatable.",
            SetSessionTags, true},
    Setting{"aws-policy-principal", "ARN",
            "Role or user that stands in printed key policies; repeatable. Default: aws-role-arn.",
            SetPolicyPrincipals, true},
    Setting{"aws-control-key", "ARN",
            "KMS key of the operator's own: when it is denied, too, the service's credentials fail "
            "and no tenant has revoked its key.",
            SetControlKey},
    Setting{"aws-calls-per-second", "N",
            "Calls of AWS KMS a second for each account and region; half of it is kept for the "
            "renewal of leases. Default 1000.",
            SetCallsPerSecond},
    Setting{"aws-backup-region", "PRIMARY=BACKUP",
            "Adds or replaces a pair of regions that hold multi-region keys; an empty BACKUP: the "
            "region needs none. Repeatable.",
            SetBackupRegions, true},
    Setting{"aws-ca-file", "FILE", "PEM roots for AWS in place of the system's.",
            SetText<&Settings::aws_ca_file>},
};

const Setting* Find(std::string_view name) {
  for (const Setting& setting : AllSettings()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

Result<void> Apply(Settings& settings, const Setting& setting, const std::string& text,
                   const std::string& origin) {
  auto set = setting.set(settings, text);
  if (set) return {};
  return InvalidArgument(std::string(setting.name), origin + " " + set.error().message + ".");
}

std::string TomlText(const toml::node& node, bool repeatable) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return std::to_string(number->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "true" : "false";
  if (const auto* array = node.as_array(); array != nullptr && repeatable) {
    std::string all;
    for (const auto& item : *array) all += (all.empty() ? "" : ",") + TomlText(item, false);
    return all;
  }
  return "";
}

Result<void> ApplyFile(Settings& settings, const std::string& path) {
  TS_ASSIGN_OR_RETURN(const base::SecretBytes text, base::ReadFile(path, 1 << 20));
  try {
    const toml::table table = toml::parse(text.RevealText(), path);
    for (const auto& [key, node] : table) {
      const Setting* setting = Find(key.str());
      if (setting == nullptr) {
        return InvalidArgument(std::string(key.str()),
                               path + " sets " + std::string(key.str()) +
                                   ", which does not exist; see tenantseal serve --help.");
      }
      TS_RETURN_IF_ERROR(Apply(settings, *setting, TomlText(node, setting->repeatable),
                               std::string(key.str()) + " in " + path));
    }
  } catch (const toml::parse_error& error) {
    return InvalidArgument("config", path + " is not valid TOML, line " +
                                         std::to_string(error.source().begin.line) + ": " +
                                         std::string(error.description()));
  }
  return {};
}

Result<void> CheckTogether(const Settings& s) {
  if (s.data_dir.empty())
    return InvalidArgument("data-dir",
                           "Say where data is kept: --data-dir DIR or TENANTSEAL_DATA_DIR.");
  if (!s.aws_external_id.empty() && s.aws_role_arn.empty()) {
    return InvalidArgument("aws-external-id", "--aws-external-id goes with --aws-role-arn.");
  }
  if (!s.aws_session_tags.empty() && s.aws_role_arn.empty()) {
    return InvalidArgument("aws-session-tag", "--aws-session-tag goes with --aws-role-arn.");
  }
  if (s.tls_cert_file.empty() != s.tls_key_file.empty()) {
    return InvalidArgument("tls-cert", "--tls-cert and --tls-key go together.");
  }
  if (s.tls_cert_file.empty() && !IsLoopback(s.listen_address) && !s.insecure_http) {
    return InvalidArgument(
        "listen", s.listen_address +
                      " is not a loopback address: give --tls-cert and --tls-key, or accept keys "
                      "and plaintext in clear on the network with --insecure-http.");
  }
  return CheckSignIn(s);
}

}  // namespace

std::span<const Setting> AllSettings() {
  static const std::vector<Setting> all = [] {
    std::vector<Setting> out(kSettings.begin(), kSettings.end());
    out.insert(out.end(), SignInSettingTable().begin(), SignInSettingTable().end());
    out.insert(out.end(), WebhookSettingTable().begin(), WebhookSettingTable().end());
    return out;
  }();
  return all;
}

std::string EnvironmentName(std::string_view setting) {
  std::string name = "TENANTSEAL_";
  for (char c : setting)
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

Result<Settings> ResolveSettings(
    const std::map<std::string, std::string>& flags,
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  Settings settings;
  settings.io_threads = std::max<std::size_t>(1, std::thread::hardware_concurrency() / 2);
  const auto file_flag = flags.find("config");
  const auto file = file_flag != flags.end() ? std::optional(file_flag->second)
                                             : environment("TENANTSEAL_CONFIG");
  if (file) TS_RETURN_IF_ERROR(ApplyFile(settings, *file));
  for (const Setting& setting : AllSettings()) {
    const std::string name(setting.name);
    const auto flag = flags.find(name);
    if (flag != flags.end()) {
      TS_RETURN_IF_ERROR(Apply(settings, setting, flag->second, "--" + name));
    } else if (const auto variable = environment(EnvironmentName(name))) {
      TS_RETURN_IF_ERROR(Apply(settings, setting, *variable, EnvironmentName(name)));
    }
  }
  TS_RETURN_IF_ERROR(CheckTogether(settings));
  return settings;
}

Result<base::Duration> ParseDurationText(std::string_view text) {
  const Error bad = Bad("must be a time such as 90s, 15m, 12h or 7d");
  if (text.size() < 2) return bad;
  const auto number = Number<std::int64_t>(text.substr(0, text.size() - 1), 0, 1'000'000'000);
  if (!number) return bad;
  switch (text.back()) {
    case 's':
      return base::Duration(std::chrono::seconds(*number));
    case 'm':
      return *number > 100'000'000 ? Result<base::Duration>(bad)
                                   : base::Duration(std::chrono::minutes(*number));
    case 'h':
      return *number > 2'000'000 ? Result<base::Duration>(bad)
                                 : base::Duration(std::chrono::hours(*number));
    case 'd':
      return *number > 100'000 ? Result<base::Duration>(bad)
                               : base::Duration(std::chrono::hours(24 * *number));
    default:
      return bad;
  }
}

bool IsLoopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1";
}

}  // namespace tenantseal::server
