#include "cli/root_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/command.h"
#include "server/root_rotation.h"

namespace tenantseal::cli {
namespace {

struct Arguments {
  std::string data_dir;
  std::string database;
  std::string root_key_file;
  int root_key_fd = -1;
  bool force = false;
};
using ArgumentsPtr = std::shared_ptr<Arguments>;

constexpr const char* kFooter = R"(
The root key wraps the keystore. It is read from --root-key-fd, else TENANTSEAL_ROOT_KEY, else
--root-key-file, else DIR/root.key. Keep a copy of it apart from database and keystore: whoever has
all three can open everything, and nobody can open anything without it.

Rotation: `rotate` makes a new root, wraps the keystore under it and tells the database. Killed
anywhere, run it again and it goes on. Then back up the root file, and `retire` the previous root.
Nothing that was sealed is touched. A service that reads its root from the same file may run
meanwhile; it reads it again by itself.

Where the root comes from the environment or a descriptor, a process has what it was started with:
  1. restart every process of the service with NEW,OLD there (base64, the new one first);
  2. run `rotate` with the same;
  3. back up the new root and the keystore;
  4. restart every process with NEW alone.
In another order `rotate` is refused and names the processes that would serve nothing any more.

Examples:
  tenantseal root init --root-key-file /mnt/usb/root.key
  tenantseal root status --data-dir /var/lib/tenantseal
  tenantseal root rotate --data-dir /var/lib/tenantseal
  tenantseal root retire --data-dir /var/lib/tenantseal)";

CLI::App* AddAction(CLI::App& root, const char* name, const char* help, const ArgumentsPtr& args,
                    bool needs_data_dir) {
  CLI::App* action = root.add_subcommand(name, help);
  action->footer(kFooter);
  auto* data_dir = action->add_option("--data-dir", args->data_dir, "The data directory.")
                       ->type_name("DIR")
                       ->envname("TENANTSEAL_DATA_DIR");
  if (needs_data_dir) data_dir->required();
  action->add_option("--database", args->database, "The database, if not DIR/tenantseal.db.")
      ->type_name("PATH")
      ->envname("TENANTSEAL_DATABASE");
  action->add_option("--root-key-file", args->root_key_file, "The root key, if not DIR/root.key.")
      ->type_name("FILE")
      ->envname("TENANTSEAL_ROOT_KEY_FILE");
  action->add_option("--root-key-fd", args->root_key_fd, "Read the root key from this descriptor.")
      ->type_name("FD");
  return action;
}

Result<server::DataDir> Open(const Arguments& args, const base::Clock& clock,
                             const base::Random& random) {
  server::DataDirOptions options;
  options.data_dir = args.data_dir;
  options.database = args.database;
  TS_ASSIGN_OR_RETURN(options.root, server::ChooseRootSource(args.root_key_file, args.root_key_fd));
  return server::OpenDataDir(std::move(options), clock, random);
}

Result<void> Init(const Arguments& args) {
  const base::SystemClock clock;
  const base::SystemRandom random;
  std::string path = args.root_key_file;
  if (path.empty() && args.data_dir.empty()) {
    return InvalidArgument("root-key-file", "say where: --root-key-file FILE or --data-dir DIR");
  }
  if (!args.data_dir.empty()) {
    if (base::FileExists(args.data_dir + "/keystore.db")) {
      return Error{ErrorCode::kConflict,
                   args.data_dir +
                       " has a keystore, and so a root key; a new "
                       "one would not open it (tenantseal root rotate makes one)"};
    }
    TS_RETURN_IF_ERROR(base::EnsurePrivateDirectory(args.data_dir));
    if (path.empty()) path = args.data_dir + "/root.key";
  }
  TS_ASSIGN_OR_RETURN(const kms::RootKeys roots, kms::CreateRootFile(path, random, clock));
  std::printf("%s\n", roots.active().id().c_str());
  std::fprintf(stderr,
               "Made the root key in %s. Copy it to a safe place apart from database and "
               "keystore: without it nothing can be opened.\n",
               path.c_str());
  return {};
}

const char* StateOf(const server::RootStatus& status, const server::RootStatus::Root& root) {
  if (root.active) return "active";
  return status.retirable ? "previous, not needed" : "previous, still needed";
}

// How the previous root goes.
std::string RetireStep(const server::DataDir& dir) {
  if (dir.root.kind == kms::RootSource::Kind::kFile) return "run: tenantseal root retire";
  return "restart every process with the new root alone in " + dir.root.origin;
}

Result<void> Status(const Arguments& args) {
  const base::SystemClock clock;
  const base::SystemRandom random;
  TS_ASSIGN_OR_RETURN(const server::DataDir dir, Open(args, clock, random));
  TS_ASSIGN_OR_RETURN(const server::RootStatus status, server::ReadRootStatus(dir));
  std::printf("source    %s\n", status.origin.c_str());
  for (const auto& root : status.roots) {
    const bool known = root.created_at != base::UtcTime{};
    std::printf("root      %s  %s%s%s\n", root.id.c_str(), StateOf(status, root),
                known ? ", made " : "",
                known ? base::FormatUtcSeconds(root.created_at).c_str() : "");
  }
  std::printf("keystore  under %s, %llu keys\n", status.keystore_root_id.c_str(),
              static_cast<unsigned long long>(status.keys));
  std::printf("database  names %s\n", status.database_root_id.c_str());
  if (status.pending)
    std::printf("next      tenantseal root rotate (a rotation is not finished)\n");
  if (status.retirable)
    std::printf("next      back up %s, then %s\n", status.origin.c_str(), RetireStep(dir).c_str());
  return {};
}

Result<void> Rotate(const Arguments& args) {
  const base::SystemClock clock;
  const base::SystemRandom random;
  TS_ASSIGN_OR_RETURN(server::DataDir dir, Open(args, clock, random));
  TS_ASSIGN_OR_RETURN(const server::RootStatus before, server::ReadRootStatus(dir));
  const auto stranded = args.force ? server::Stranded::kAllow : server::Stranded::kRefuse;
  if (!before.pending) TS_RETURN_IF_ERROR(server::BeginRootRotation(dir, clock, random, stranded));
  for (bool more = true; more;) {
    TS_ASSIGN_OR_RETURN(more, server::AdvanceRootRotation(dir, stranded));
  }
  TS_ASSIGN_OR_RETURN(const server::RootStatus after, server::ReadRootStatus(dir));
  std::printf("%s\n", after.roots.front().id.c_str());
  std::fprintf(stderr,
               "The keystore is under the new root key. Back up the root key (%s) and the "
               "keystore (%s) apart, then %s\n",
               after.origin.c_str(), dir.keystore_path.c_str(), RetireStep(dir).c_str());
  return {};
}

Result<void> Retire(const Arguments& args) {
  const base::SystemClock clock;
  const base::SystemRandom random;
  TS_ASSIGN_OR_RETURN(const server::DataDir dir, Open(args, clock, random));
  TS_RETURN_IF_ERROR(server::RetireRoot(dir));
  std::fprintf(stderr,
               "The previous root key is gone from %s. Keystore backups from before the "
               "rotation open only with copies of it.\n",
               dir.root.origin.c_str());
  return {};
}

}  // namespace

void AddRootCommand(CLI::App& app) {
  CLI::App* root = app.add_subcommand("root", "The root key: make, show, rotate, retire.");
  root->require_subcommand(1);
  root->footer(kFooter);
  const auto args = std::make_shared<Arguments>();
  OnCommand(*AddAction(*root, "init", "Make a root key before the first start.", args, false),
            [args] { return Init(*args); });
  OnCommand(*AddAction(*root, "status", "Show the roots and what needs them.", args, true),
            [args] { return Status(*args); });
  CLI::App* rotate =
      AddAction(*root, "rotate", "Make a new root and move everything to it.", args, true);
  rotate->add_flag("--force", args->force,
                   "Rotate although running processes do not have the new root; they serve nothing "
                   "until they are restarted with it.");
  OnCommand(*rotate, [args] { return Rotate(*args); });
  OnCommand(*AddAction(*root, "retire", "Remove the previous root from its file.", args, true),
            [args] { return Retire(*args); });
}

}  // namespace tenantseal::cli
