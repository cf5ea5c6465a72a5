// server/ makes a running service of all the folders below it: settings, the data directory,
// wiring, background work, signals. It is the only folder that names implementations (SQLite, the
// internal KMS). It promises that a setting is checked before anything is opened, that a failed
// start changes nothing, and that SIGTERM loses no request.
//
// This file: what can be set, by flag, environment variable (TENANTSEAL_<NAME>) or TOML file, in
// this order of precedence.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/credentials.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"

namespace tenantseal::server {

// Who signs in, and how; see docs/signing-in.md.
struct SignInSettings {
  std::string public_url;  // "https://seal.example.com", without a path; empty: as requests say.
  base::Duration session_idle = std::chrono::minutes(30);
  base::Duration session_max = std::chrono::hours(12);
  base::Duration access_token_life = std::chrono::hours(1);
  std::size_t sessions_max = 100'000;
  double attempts_per_minute = 60;  // Of one address.
  bool with_api_key = false;        // Besides the provider; without one always.
  bool emulated = false;
  std::string emulated_page;  // The emulator's own page; empty: none is shown.
  std::string oidc_issuer;    // Empty: no provider.
  std::string oidc_name;      // Empty: the issuer's host.
  std::string oidc_client_id;
  std::string oidc_client_secret_file;
  std::string oidc_scopes = "openid profile email";
  std::string oidc_tenant_claim = "tenant";
  std::string oidc_role_claim = "role";
  std::vector<std::string> oidc_role_map;   // "VALUE=ROLE"; empty: values are names of roles.
  std::vector<std::string> oidc_audiences;  // Of bearer tokens; empty: the client id.
  std::string oidc_ca_file;                 // Empty: the system's roots.
};

// Where webhooks may reach, and how many at a time; see docs/webhooks.md.
struct WebhookSettings {
  std::vector<std::string> allowed_networks;  // Besides public addresses.
  std::string ca_file;                        // Empty: the system's roots.
  std::size_t concurrency = 8;                // 0: this process delivers nothing.
};

struct Settings {
  std::string data_dir;
  std::string listen_address = "127.0.0.1";
  std::uint16_t listen_port = 8080;
  std::string database;  // Empty: <data-dir>/tenantseal.db.
  std::string region = "us-east-1";
  std::string root_key_file;  // Empty: <data-dir>/root.key.
  int root_key_fd = -1;
  bool insecure_http = false;
  std::string tls_cert_file;
  std::string tls_key_file;
  std::size_t io_threads = 1;
  std::size_t worker_threads = 8;
  std::size_t connections_max = 10'000;
  std::size_t queue_max = 1024;
  base::Duration revocation_bound = std::chrono::seconds(60);
  base::Duration outage_grace = std::chrono::seconds(0);
  base::Duration destroy_after = std::chrono::hours(24 * 7);
  base::Duration drain_timeout = std::chrono::seconds(20);
  double migration_rate = 0;  // Data keys a second; 0: no limit.
  base::Duration backup_retention = std::chrono::hours(24 * 35);
  base::Duration kms_call_retention = std::chrono::hours(24 * 90);
  base::Duration validation_interval = std::chrono::hours(24);  // 0: never by itself.
  base::Duration rotate_after = std::chrono::hours(24 * 365);   // 0: never by itself.
  bool refuse_shared_keys = false;
  double tenant_rate = 100'000;
  double read_rate = 1000;
  double write_rate = 100;
  base::LogLevel log_level = base::LogLevel::kInfo;
  std::string aws_role_arn;     // Assumed for every KMS call; empty: the credentials are used.
  std::string aws_external_id;  // Given to STS with the role.
  std::vector<aws::SessionTag> aws_session_tags;   // Of the role's session.
  std::vector<std::string> aws_policy_principals;  // Who stands in printed key policies.
  std::string aws_control_key;                     // The operator's own KMS key; empty: none.
  double aws_calls_per_second = 1000;              // For each account and region.
  std::vector<std::string> aws_backup_regions;     // "PRIMARY=BACKUP", beside the built-in pairs.
  std::string aws_ca_file;                         // Empty: the system's roots.
  SignInSettings sign_in;
  WebhookSettings webhooks;
};

struct Setting {
  std::string_view name;   // As a flag without its dashes, e.g. "data-dir".
  std::string_view value;  // What the help shows for its value; empty for a switch.
  std::string_view help;
  Result<void> (*set)(Settings&, const std::string& text);
  // A flag may stand several times, a line of the file may be an array; all are joined by commas.
  bool repeatable = false;
};

std::span<const Setting> AllSettings();

// "TENANTSEAL_DATA_DIR" for "data-dir".
std::string EnvironmentName(std::string_view setting);

// Puts the settings together. `flags` holds what stood on the command line, by name; `environment`
// looks a variable up. The TOML file is the setting "config", itself a flag or variable. Errors
// name the setting and where it came from; so do unknown names in the file.
Result<Settings> ResolveSettings(
    const std::map<std::string, std::string>& flags,
    const std::function<std::optional<std::string>(const std::string&)>& environment);

// "90s", "15m", "12h", "7d".
Result<base::Duration> ParseDurationText(std::string_view text);

bool IsLoopback(std::string_view address);

}  // namespace tenantseal::server
