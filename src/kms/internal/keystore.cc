#include "kms/internal/keystore.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/encoding.h"
#include "base/file.h"
#include "crypto/kdf.h"
#include "kms/internal/keystore_file.h"
#include "kms/internal/sqlite_file.h"

namespace tenantseal::kms {
namespace {

constexpr std::string_view kSecretLabel = "tenantseal keystore secret v1";
constexpr std::string_view kKeyLabel = "tenantseal provider key v1";
// EXTRA also syncs the directory once the journal is gone, so a commit survives power loss.
constexpr const char* kPragmas =
    "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA; PRAGMA secure_delete=ON;"
    "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;";
constexpr const char* kSchema =
    "CREATE TABLE header (one INTEGER PRIMARY KEY CHECK (one = 1), deployment_id TEXT NOT NULL,"
    " root_id TEXT NOT NULL, root_check BLOB NOT NULL, secret BLOB NOT NULL,"
    " created_at INTEGER NOT NULL);"
    "CREATE TABLE provider_key (tenant_id TEXT PRIMARY KEY, key_id TEXT NOT NULL,"
    " root_id TEXT NOT NULL, wrapped BLOB NOT NULL, created_at INTEGER NOT NULL,"
    " destroyed_at INTEGER);"
    "PRAGMA application_id=1414744915; PRAGMA user_version=1;";
static_assert(kKeystoreApplicationId == 1414744915 && kKeystoreFormat == 1);

Result<Keystore::Header> SelectHeader(sqlite3* db, const std::string& path) {
  Keystore::Header header;
  Statement head(db, "SELECT deployment_id, root_id FROM header WHERE one = 1");
  TS_ASSIGN_OR_RETURN(const bool there, head.Step("read its header"));
  if (!there) return Damaged(path, "no header");
  header.deployment_id = head.Text(0);
  header.root_id = head.Text(1);
  Statement counts(
      db,
      "SELECT COUNT(*) FILTER (WHERE destroyed_at IS NULL),"
      " COUNT(*) FILTER (WHERE destroyed_at IS NOT NULL),"
      " COUNT(*) FILTER (WHERE destroyed_at IS NULL AND root_id <> ?1) FROM provider_key");
  TS_RETURN_IF_ERROR(counts.Bind(1, header.root_id).Step("count its keys"));
  header.live_keys = static_cast<std::uint64_t>(counts.Number(0));
  header.destroyed_keys = static_cast<std::uint64_t>(counts.Number(1));
  header.under_other_roots = static_cast<std::uint64_t>(counts.Number(2));
  return header;
}

// The keystore's own errors, as a caller of the KMS sees them.
Error AsKmsError(Error error) {
  if (error.code == ErrorCode::kUnavailable) error.code = ErrorCode::kKeyUnavailable;
  return error;
}

}  // namespace

Keystore::Keystore(std::string path, RootSource source, RootKeys roots, const base::Random& random,
                   const base::Clock& clock)
    : path_(std::move(path)),
      source_(std::move(source)),
      random_(random),
      clock_(clock),
      roots_(std::move(roots)) {}

Keystore::~Keystore() { sqlite3_close_v2(db_); }

Result<Keystore::Header> Keystore::Inspect(const std::string& path) {
  TS_ASSIGN_OR_RETURN(Db db, OpenKeystoreFile(path));
  TS_RETURN_IF_ERROR(CheckKeystoreFormat(db.get(), path));
  return SelectHeader(db.get(), path);
}

Result<std::unique_ptr<Keystore>> Keystore::Create(const std::string& path, RootSource source,
                                                   RootKeys roots, const std::string& deployment_id,
                                                   const base::Random& random,
                                                   const base::Clock& clock) {
  if (base::FileExists(path)) return Error{ErrorCode::kAlreadyExists, path + " exists already"};
  // Written aside and linked into place, so that a crash leaves a whole keystore or none.
  std::string aside = path + ".new-XXXXXX";
  const base::UniqueFd fd(::mkostemp(aside.data(), O_CLOEXEC));
  if (!fd.valid()) return base::FileError("create", aside);
  const auto fill = [&]() -> Result<void> {
    TS_ASSIGN_OR_RETURN(Db db, OpenKeystoreFile(aside));
    TS_RETURN_IF_ERROR(Execute(db.get(), kPragmas, "configure it"));
    WriteTransaction transaction(db.get());
    TS_RETURN_IF_ERROR(transaction.Begin());
    TS_RETURN_IF_ERROR(Execute(db.get(), kSchema, "create it"));
    const base::Secret256 secret = random.Key();
    const RootKey& root = roots.active();
    base::ByteWriter binding;
    binding.Field(deployment_id);
    binding.Field(root.id());
    const base::Bytes wrapped = root.Wrap(kSecretLabel, binding.bytes(), secret.Reveal(), random);
    Statement insert(db.get(), "INSERT INTO header VALUES (1, ?, ?, ?, ?, ?)");
    TS_RETURN_IF_ERROR(insert.Bind(1, deployment_id)
                           .Bind(2, root.id())
                           .Bind(3, root.CheckValue())
                           .Bind(4, wrapped)
                           .Bind(5, clock.Utc().time_since_epoch().count())
                           .Run("write its header"));
    return transaction.Commit();
  };
  Result<void> made = fill();
  if (made && ::link(aside.c_str(), path.c_str()) != 0) {
    made = errno == EEXIST ? Error{ErrorCode::kAlreadyExists, path + " exists already"}
                           : base::FileError("create", path);
  }
  ::unlink(aside.c_str());
  if (!made) return made.error();
  TS_RETURN_IF_ERROR(base::SyncParentDirectory(path));
  return Open(path, std::move(source), std::move(roots), random, clock);
}

Result<std::unique_ptr<Keystore>> Keystore::Open(const std::string& path, RootSource source,
                                                 RootKeys roots, const base::Random& random,
                                                 const base::Clock& clock) {
  std::unique_ptr<Keystore> keystore(
      new Keystore(path, std::move(source), std::move(roots), random, clock));
  TS_RETURN_IF_ERROR(keystore->Connect());
  return keystore;
}

Result<void> Keystore::Connect() {
  base::MutexLock lock(mutex_);
  TS_ASSIGN_OR_RETURN(Db db, OpenKeystoreFile(path_));
  TS_RETURN_IF_ERROR(CheckKeystoreFormat(db.get(), path_));
  TS_RETURN_IF_ERROR(Execute(db.get(), kPragmas, "configure it"));
  db_ = db.release();
  return OpenHeader();
}

Result<void> Keystore::OpenHeader() {
  Statement head(db_,
                 "SELECT deployment_id, root_id, root_check, secret FROM header WHERE one = 1");
  TS_ASSIGN_OR_RETURN(const bool there, head.Step("read its header"));
  if (!there) return Damaged(path_, "no header");
  deployment_id_ = head.Text(0);
  const std::string root_id = head.Text(1);
  const RootKey* root = roots_.Find(root_id);
  if (root == nullptr) {
    return InvalidArgument("root-key-file",
                           "this is the wrong root key: the keystore " + path_ + " needs root " +
                               root_id + ", but " + source_.origin + " holds " +
                               roots_.active().id() +
                               "; give the right one, or restore it from its backup");
  }
  if (!base::ConstantTimeEqual(head.Blob(2), root->CheckValue()))
    return Damaged(path_, "root check value");
  const auto secret = root->Unwrap(kSecretLabel, SecretBinding(root_id), head.Blob(3));
  if (!secret || secret->size() != 32) return Damaged(path_, "deployment secret");
  deployment_secret_ = base::Secret256(secret->Reveal().first<32>());
  return {};
}

base::Bytes Keystore::SecretBinding(std::string_view root_id) const {
  base::ByteWriter out;
  out.Field(deployment_id_);
  out.Field(root_id);
  return out.Take();
}

base::Bytes Keystore::KeyBinding(std::string_view tenant, std::string_view key_id,
                                 std::string_view root_id) const {
  base::ByteWriter out;
  out.Field(deployment_id_);
  out.Field(tenant);
  out.Field(key_id);
  out.Field(root_id);
  return out.Take();
}

base::Secret256 Keystore::DeploymentKey(std::string_view label) const {
  base::Secret256 out;
  crypto::CounterKdf(deployment_secret_.Reveal(), label, base::AsBytes(deployment_id_),
                     out.RevealMutable());
  return out;
}

Result<Keystore::Header> Keystore::ReadHeader() const {
  base::MutexLock lock(mutex_);
  return SelectHeader(db_, path_);
}

Result<void> Keystore::CheckRoot() const {
  // A file that was deleted stays usable for whoever has it open, but no longer counts as there.
  if (!base::FileExists(path_)) {
    return Error{ErrorCode::kUnavailable,
                 "the keystore " + path_ + " is gone; restore it from its backup and start again"};
  }
  base::MutexLock lock(mutex_);
  TS_ASSIGN_OR_RETURN(const std::string root_id, CurrentRootId());
  const auto root = FindRoot(root_id);
  if (!root) return Error{ErrorCode::kUnavailable, root.error().message};
  return {};
}

Result<const RootKey*> Keystore::FindRoot(const std::string& id) const {
  if (const RootKey* root = roots_.Find(id)) return root;
  if (source_.kind == RootSource::Kind::kFile) {
    auto again = LoadRootKeys(source_);
    if (again) roots_ = std::move(*again);
    if (const RootKey* root = roots_.Find(id)) return root;
  }
  return Error{ErrorCode::kServiceFault,
               "the keystore is under root " + id + ", which " + source_.origin +
                   " does not hold; give the process that root and restart it"};
}

Result<std::string> Keystore::CurrentRootId() const {
  Statement head(db_, "SELECT root_id FROM header WHERE one = 1");
  TS_ASSIGN_OR_RETURN(const bool there, head.Step("read its header"));
  if (!there) return Damaged(path_, "no header");
  return head.Text(0);
}

Result<base::Secret256> Keystore::LoadKey(const model::TenantId& tenant) const {
  base::MutexLock lock(mutex_);
  Statement select(
      db_, "SELECT key_id, root_id, wrapped, destroyed_at FROM provider_key WHERE tenant_id = ?");
  const auto there = select.Bind(1, tenant.text()).Step("read a key");
  if (!there) return AsKmsError(there.error());
  if (!*there)
    return IntegrityError("the keystore has no key of tenant " + tenant.text() +
                          "; is it the right one?");
  if (!select.IsNull(3)) {
    return Error{ErrorCode::kKeyRevoked,
                 "the internal key of tenant " + tenant.text() + " was destroyed"};
  }
  const std::string root_id = select.Text(1);
  TS_ASSIGN_OR_RETURN(const RootKey* root, FindRoot(root_id));
  const auto key =
      root->Unwrap(kKeyLabel, KeyBinding(tenant.text(), select.Text(0), root_id), select.Blob(2));
  if (!key || key->size() != 32) {
    return IntegrityError("the keystore's key of tenant " + tenant.text() + " was altered");
  }
  return base::Secret256(key->Reveal().first<32>());
}

Result<void> Keystore::CreateKey(const model::TenantId& tenant) {
  base::MutexLock lock(mutex_);
  WriteTransaction transaction(db_);
  TS_RETURN_IF_ERROR(transaction.Begin());
  Statement select(db_, "SELECT destroyed_at FROM provider_key WHERE tenant_id = ?");
  TS_ASSIGN_OR_RETURN(const bool there, select.Bind(1, tenant.text()).Step("look for a key"));
  if (there && select.IsNull(0)) return {};
  if (there)
    return Error{ErrorCode::kConflict,
                 "the internal key of tenant " + tenant.text() + " was destroyed"};
  // Under the root that the file is under now, which another process may have changed.
  TS_ASSIGN_OR_RETURN(const std::string root_id, CurrentRootId());
  TS_ASSIGN_OR_RETURN(const RootKey* root, FindRoot(root_id));
  std::array<std::uint8_t, 12> id{};
  random_.FillPublic(id);
  const std::string key_id = base::Base64UrlEncode(id);
  const base::Secret256 key = random_.Key();
  const base::Bytes wrapped =
      root->Wrap(kKeyLabel, KeyBinding(tenant.text(), key_id, root_id), key.Reveal(), random_);
  Statement insert(db_, "INSERT INTO provider_key VALUES (?, ?, ?, ?, ?, NULL)");
  TS_RETURN_IF_ERROR(insert.Bind(1, tenant.text())
                         .Bind(2, key_id)
                         .Bind(3, root_id)
                         .Bind(4, wrapped)
                         .Bind(5, clock_.Utc().time_since_epoch().count())
                         .Run("add a key"));
  return transaction.Commit();
}

Result<void> Keystore::DestroyKey(const model::TenantId& tenant) {
  base::MutexLock lock(mutex_);
  WriteTransaction transaction(db_);
  TS_RETURN_IF_ERROR(transaction.Begin());
  // Same size first: the row is overwritten where it lies. secure_delete zeroes what then goes.
  Statement overwrite(db_,
                      "UPDATE provider_key SET wrapped = zeroblob(length(wrapped))"
                      " WHERE tenant_id = ? AND destroyed_at IS NULL");
  TS_RETURN_IF_ERROR(overwrite.Bind(1, tenant.text()).Run("destroy a key"));
  Statement mark(db_,
                 "UPDATE provider_key SET wrapped = x'', destroyed_at = ?"
                 " WHERE tenant_id = ? AND destroyed_at IS NULL");
  TS_RETURN_IF_ERROR(mark.Bind(1, clock_.Utc().time_since_epoch().count())
                         .Bind(2, tenant.text())
                         .Run("destroy a key"));
  return transaction.Commit();
}

Result<void> Keystore::RewrapRows(const RootKey& to) {
  Statement select(
      db_,
      "SELECT tenant_id, key_id, root_id, wrapped FROM provider_key WHERE destroyed_at IS NULL");
  struct Row {
    std::string tenant;
    base::Bytes wrapped;
  };
  std::vector<Row> rows;
  while (true) {
    TS_ASSIGN_OR_RETURN(const bool there, select.Step("read the keys"));
    if (!there) break;
    const std::string tenant = select.Text(0), key_id = select.Text(1), root_id = select.Text(2);
    TS_ASSIGN_OR_RETURN(const RootKey* from, FindRoot(root_id));
    auto key = from->Unwrap(kKeyLabel, KeyBinding(tenant, key_id, root_id), select.Blob(3));
    if (!key)
      return IntegrityError("the keystore's key of tenant " + tenant +
                            " was altered; nothing was changed");
    const base::Bytes binding = KeyBinding(tenant, key_id, to.id());
    rows.push_back({tenant, to.Wrap(kKeyLabel, binding, key->Reveal(), random_)});
    const auto again = to.Unwrap(kKeyLabel, binding, rows.back().wrapped);
    if (!again || !(*again == *key)) return Internal("a rewrapped key does not open");
  }
  for (const Row& row : rows) {
    Statement update(db_, "UPDATE provider_key SET wrapped = ?, root_id = ? WHERE tenant_id = ?");
    TS_RETURN_IF_ERROR(
        update.Bind(1, row.wrapped).Bind(2, to.id()).Bind(3, row.tenant).Run("rewrap a key"));
  }
  return {};
}

Result<void> Keystore::RewrapHeader(const RootKey& to) {
  const base::Bytes wrapped =
      to.Wrap(kSecretLabel, SecretBinding(to.id()), deployment_secret_.Reveal(), random_);
  Statement update(db_, "UPDATE header SET root_id = ?, root_check = ?, secret = ? WHERE one = 1");
  return update.Bind(1, to.id()).Bind(2, to.CheckValue()).Bind(3, wrapped).Run("rewrap its header");
}

Result<void> Keystore::RewrapUnder(RootKeys roots) {
  base::MutexLock lock(mutex_);
  WriteTransaction transaction(db_);
  TS_RETURN_IF_ERROR(transaction.Begin());
  TS_ASSIGN_OR_RETURN(const std::string current, CurrentRootId());
  if (roots.Find(current) == nullptr)
    return Error{ErrorCode::kConflict, "the present root " + current + " is missing"};
  roots_ = std::move(roots);
  if (current == roots_.active().id()) return {};
  // A file source might be read again while rows are rewrapped, hence a copy that stays.
  const RootKey to(roots_.active().key().Copy());
  TS_RETURN_IF_ERROR(RewrapRows(to));
  TS_RETURN_IF_ERROR(RewrapHeader(to));
  return transaction.Commit();
}

Result<void> Keystore::Backup(const std::string& path) const {
  const base::UniqueFd fd(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  if (!fd.valid() && errno == EEXIST)
    return Error{ErrorCode::kAlreadyExists, path + " exists already"};
  if (!fd.valid()) return base::FileError("create", path);
  Result<void> copied;
  {
    base::MutexLock lock(mutex_);
    Statement vacuum(db_, "VACUUM INTO ?", path);
    copied = vacuum.Bind(1, path).Run("be copied");
  }
  if (copied && ::fsync(fd.get()) != 0) copied = base::FileError("sync", path);
  if (!copied) {
    ::unlink(path.c_str());
    return copied;
  }
  return base::SyncParentDirectory(path);
}

}  // namespace tenantseal::kms
