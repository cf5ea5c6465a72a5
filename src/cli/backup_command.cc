#include "cli/backup_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/command.h"
#include "server/backup.h"

namespace tenantseal::cli {
namespace {

constexpr const char* kBackupFooter = R"(
Works while the service runs. PATH becomes a directory with tenantseal.db and keystore.db; where it
ends with .db, a copy of the database alone. --keystore-output puts the keystore elsewhere.

The root key is NOT copied: keep it apart (a safe, a secret manager), since all three together open
everything. Copy it once, and after each rotation.

Examples:
  tenantseal backup --data-dir /var/lib/tenantseal --output /backup/2026-11-24
  tenantseal backup --data-dir /var/lib/tenantseal --output /backup/db/monday.db \
      --keystore-output /backup/keystore/monday.db)";

constexpr const char* kRestoreFooter = R"(
Makes a new data directory of a backup, complete or not at all. With the root key, every tenant's
rows and key are verified first. Without, the copy is only checked for damage: put root.key there
before the service starts, or name it with --root-key-file when serving.

Examples:
  tenantseal restore --input /backup/2026-11-24 --data-dir /var/lib/tenantseal-new
  tenantseal restore --input /backup/db/monday.db --keystore /backup/keystore/monday.db \
      --root-key-file /mnt/usb/root.key --data-dir /var/lib/tenantseal-new)";

struct Arguments {
  std::string data_dir;
  std::string database;
  std::string root_key_file;
  int root_key_fd = -1;
  std::string path;
  std::string keystore;
};

Result<void> Backup(Arguments args) {
  const base::SystemClock clock;
  const base::SystemRandom random;
  server::DataDirOptions options;
  options.data_dir = args.data_dir;
  options.database = args.database;
  TS_ASSIGN_OR_RETURN(options.root, server::ChooseRootSource(args.root_key_file, args.root_key_fd));
  TS_ASSIGN_OR_RETURN(const server::DataDir dir,
                      server::OpenDataDir(std::move(options), clock, random));
  if (!args.path.ends_with(".db")) {
    TS_RETURN_IF_ERROR(base::EnsurePrivateDirectory(args.path));
    if (args.keystore.empty()) args.keystore = args.path + "/keystore.db";
    args.path += "/tenantseal.db";
  }
  TS_RETURN_IF_ERROR(server::BackupDataDir(dir, args.path, args.keystore));
  std::printf("database  %s\n", args.path.c_str());
  if (!args.keystore.empty()) std::printf("keystore  %s\n", args.keystore.c_str());
  std::fprintf(
      stderr, "Back up apart from these: the root key (%s)%s. Without it nothing opens.\n",
      dir.root.origin.c_str(),
      args.keystore.empty() ? (" and the keystore (" + dir.keystore_path + ")").c_str() : "");
  return {};
}

Result<void> Restore(Arguments args) {
  const base::SystemClock clock;
  const base::SystemRandom random;
  std::error_code ignored;
  if (std::filesystem::is_directory(args.path, ignored)) {
    if (args.keystore.empty() && base::FileExists(args.path + "/keystore.db")) {
      args.keystore = args.path + "/keystore.db";
    }
    args.path += "/tenantseal.db";
  }
  TS_ASSIGN_OR_RETURN(kms::RootSource root,
                      server::ChooseRootSource(args.root_key_file, args.root_key_fd));
  server::RestoreOptions options{args.path, args.keystore, std::move(root), args.data_dir};
  TS_ASSIGN_OR_RETURN(const server::Restored restored,
                      server::RestoreDataDir(std::move(options), clock, random));
  std::printf("%s\n", args.data_dir.c_str());
  if (restored.complete) {
    std::fprintf(stderr, "Restored and verified: %llu tenants.\n",
                 static_cast<unsigned long long>(restored.tenants));
  } else {
    std::fprintf(stderr,
                 "Restored: the copy is undamaged, but was not verified without its root key. "
                 "Before serving, put there%s the root key "
                 "(root.key, mode 0600).\n",
                 args.keystore.empty() ? " keystore.db and" : "");
  }
  if (restored.complete && restored.destructions_cancelled == 0) {
    std::fprintf(stderr, "No tenant was waiting for its destruction.\n");
  } else if (restored.complete) {
    std::fprintf(stderr,
                 "The destruction of %llu tenants was waiting and is cancelled; order it anew.\n",
                 static_cast<unsigned long long>(restored.destructions_cancelled));
  } else {
    std::fprintf(stderr,
                 "Destructions of tenants that were waiting are cancelled at the first start.\n");
  }
  std::fprintf(stderr,
               "What was true then is true again: go through API keys and tenants that were "
               "deleted or deactivated since.\n");
  return {};
}

void AddRootOptions(CLI::App& command, Arguments& args) {
  command.add_option("--root-key-file", args.root_key_file, "The root key.")->type_name("FILE");
  command.add_option("--root-key-fd", args.root_key_fd, "Read the root key from this descriptor.")
      ->type_name("FD");
}

}  // namespace

void AddBackupCommands(CLI::App& app) {
  CLI::App* backup = app.add_subcommand("backup", "Copy a data directory that is in use.");
  backup->footer(kBackupFooter);
  const auto args = std::make_shared<Arguments>();
  backup->add_option("--data-dir", args->data_dir, "The data directory.")
      ->type_name("DIR")
      ->envname("TENANTSEAL_DATA_DIR")
      ->required();
  backup->add_option("--database", args->database, "The database, if not DIR/tenantseal.db.")
      ->type_name("PATH");
  backup->add_option("--output", args->path, "What to make; must not exist.")
      ->type_name("PATH")
      ->required();
  backup->add_option("--keystore-output", args->keystore, "A new file for the keystore.")
      ->type_name("FILE");
  AddRootOptions(*backup, *args);
  OnCommand(*backup, [args] { return Backup(*args); });

  CLI::App* restore = app.add_subcommand("restore", "Make a data directory of a backup.");
  restore->footer(kRestoreFooter);
  restore->add_option("--input,--from", args->path, "A backup: directory or database copy.")
      ->type_name("PATH")
      ->required();
  restore->add_option("--data-dir", args->data_dir, "The directory to make.")
      ->type_name("NEW")
      ->required();
  restore->add_option("--keystore", args->keystore, "A copy of the keystore.")->type_name("FILE");
  AddRootOptions(*restore, *args);
  OnCommand(*restore, [args] { return Restore(*args); });
}

}  // namespace tenantseal::cli
