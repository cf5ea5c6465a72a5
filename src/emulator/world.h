// All that the emulator keeps: principals, keys, aliases, grants, its clock.
//
// What is kept is made of immutable values, so whoever took one out may read it without a lock.
// Reading takes the lock for a moment (World::Read); changing goes through an Edit, of which there
// is one at a time: it writes to the state file first and shows the change to readers afterwards,
// so a change that cannot be kept never happened, and readers never wait for the disk.
#pragma once

#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/policy_evaluator.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "emulator/call.h"

namespace tenantseal::emulator {

class Edit;
class StateFile;

struct Tag {
  std::string key, value;
};

// A policy as it was given, and made ready for use. Copying it is cheap.
struct PolicyDocument {
  std::string text;
  std::shared_ptr<const aws::CompiledPolicy> compiled;  // Null when `text` is empty.
};
Result<PolicyDocument> CompilePolicy(std::string text, aws::PolicyKind kind);

// One version of key material.
struct BackingKey {
  std::string id;  // 64 hexadecimal digits: KeyMaterialId.
  base::Secret256 material;
  base::UtcTime created;
  bool on_demand = false;  // Came of RotateKeyOnDemand.
  BackingKey Copy() const { return {id, material.Copy(), created, on_demand}; }
};
// Related multi-region keys share one. It is kept under the name that Key::material_set has.
struct MaterialSet {
  std::string name;
  std::vector<BackingKey> versions;  // The last one encrypts. Never empty.
  bool rotation_enabled = false;
  int rotation_period_days = 365;
  std::optional<base::UtcTime> next_rotation;
  MaterialSet Copy() const;
};

enum class KeyState : std::uint8_t {
  kCreating,
  kEnabled,
  kDisabled,
  kPendingDeletion,
  kPendingReplicaDeletion,
  kPendingImport,
  kUnavailable,
  kUpdating,
};
inline constexpr std::size_t kKeyStates = 8;
std::string_view KeyStateName(KeyState state);  // "Enabled" ...
std::optional<KeyState> KeyStateOf(std::string_view name);

struct Grant {
  std::string id, token, name;
  aws::GrantView view;
  std::string retiring_principal, issuing_account;
  base::UtcTime created;
};

// The spec of a symmetric key, and the one algorithm that such a key has.
inline constexpr std::string_view kSymmetricDefault = "SYMMETRIC_DEFAULT";

struct Key {
  std::string account, region, id, description;
  std::string usage = "ENCRYPT_DECRYPT";
  std::string spec{kSymmetricDefault};
  std::string origin = "AWS_KMS";
  KeyState state = KeyState::kEnabled;
  std::optional<base::UtcTime> ready_at;  // kCreating or kUpdating until then, kEnabled afterwards.
  std::optional<base::UtcTime> deletion_at;
  int pending_window_days = 30;
  base::UtcTime created;
  bool multi_region = false;
  std::string primary_region;  // Of a multi-region key; equal to `region` in the primary.
  PolicyDocument policy;
  std::vector<Tag> tags;
  std::vector<Grant> grants;
  std::string material_set;  // Empty for asymmetric keys, which only can be described.

  std::string arn() const;  // The partition follows from the region.
  bool primary() const { return multi_region && primary_region == region; }
};

struct Alias {
  std::string account, region, name;  // "alias/...".
  std::string key_id;
  base::UtcTime created, updated;
  std::string arn() const;
};
// The ARN of a key ("key/ID") or alias ("alias/NAME"); the partition follows from the region.
std::string KmsArnText(std::string_view region, std::string_view account,
                       std::string_view resource_type, std::string_view id);

struct Role {
  std::string arn, name, id, account;  // id: "AROA...".
  PolicyDocument trust;
  std::vector<PolicyDocument> policies;
  int max_session_seconds = 3600;
};
struct User {
  std::string arn, name, id, account;  // id: "AIDA...".
  std::map<std::string, std::string> tags;
  std::vector<PolicyDocument> policies;
};
// An access key: of a user, of an account's root user, or of a role's session. Its caller's
// identity policies are looked up when it is put into the World (of the user or role that
// `caller.identity` names); they need not be filled in before.
struct AccessKey {
  std::string id;
  base::SecretBytes secret;
  Caller caller;                    // Ready to be used in a Call.
  std::string session_token;        // Not empty: must be sent along.
  std::string session_policy_text;  // What caller.session_policy was compiled from.
  std::optional<base::UtcTime> expires;
};

// How far the emulator's clock may be from the machine's: a hundred years.
inline constexpr std::chrono::milliseconds kClockOffsetMax = std::chrono::days(36'525);

// The emulator's clock is the machine's plus `offset`, or stands still.
struct ClockSetting {
  std::chrono::milliseconds offset{0};
  std::optional<base::UtcTime> frozen_at;
};

template <typename T>
using Shelf = std::map<std::string, std::shared_ptr<const T>, std::less<>>;

struct Contents {
  Shelf<Key> keys;               // By ARN.
  Shelf<MaterialSet> materials;  // By name.
  Shelf<Alias> aliases;          // By alias ARN.
  Shelf<Role> roles;             // By ARN.
  Shelf<User> users;             // By ARN.
  Shelf<AccessKey> access_keys;  // By id.
  std::set<std::string, std::less<>> accounts;
  // Derived: key id to the ARNs of the keys that have it.
  std::map<std::string, std::set<std::string>, std::less<>> arns_by_id;
  ClockSetting clock;
  base::Duration replica_creating_for{0};  // How long new replicas are Creating.
  base::Duration updating_for{0};          // How long UpdatePrimaryRegion takes.

  std::shared_ptr<const Key> FindKey(std::string_view arn) const;
  std::shared_ptr<const MaterialSet> MaterialOf(const Key& key) const;
  // The key itself and its related keys in other regions, in the order of their ARNs.
  std::vector<std::shared_ptr<const Key>> Related(const Key& key) const;
};

// What AWS does by itself and records as an AwsServiceEvent.
struct ServiceEvent {
  std::string name;  // "RotateKey", "DeleteKey", "SynchronizeMultiRegionKey".
  std::string account, region, key_arn;
  std::string key_material_id;  // RotateKey: the new one. Else empty.
  base::UtcTime time;
};

// Until when a replica is Creating that a fault holds there.
inline constexpr base::UtcTime kHeldReplica{std::chrono::days(2'900'000)};

// A key to be seeded.
struct KeySeed {
  std::string account, region;
  std::string id;                         // Empty: a fresh one.
  std::vector<base::Secret256> material;  // Oldest first. Empty: fresh material.
  std::string policy;                     // Empty: the account's default policy.
  std::string description;
  std::string spec{kSymmetricDefault};
  bool multi_region = false;  // Also set by an id of "mrk-..." and by replicas.
  std::vector<std::string> replica_regions;
  std::vector<std::string> aliases;  // "alias/...", made in every region of the key.
  std::vector<Tag> tags;
};

// Thread-safe.
class World {
 public:
  // Without a state file, `path` empty: everything is gone when the process ends. With one, opens
  // or creates it and loads what it holds. kInvalidArgument when it is not a state file of ours.
  static Result<std::unique_ptr<World>> Open(const std::string& path, const base::Clock& clock,
                                             const base::Random& random);
  ~World();

  // The emulator's time. Signatures are judged by the machine's clock, not by this one.
  base::UtcTime Now() const;
  Result<void> SetClock(ClockSetting setting);
  ClockSetting clock_setting() const;
  Result<void> SetDelays(base::Duration replica_creating_for, base::Duration updating_for);
  // Replicas made in these regions from now on ("": in any) stay Creating. Not kept in the file.
  void HoldReplicas(std::vector<std::string> regions);
  // When a replica that is made now in `region` is Enabled; nothing: at once.
  std::optional<base::UtcTime> ReplicaReadyAt(std::string_view region) const;

  // Calls `f(const Contents&)` under the lock and returns what it returns. Keep it short, and let
  // no reference out; shared_ptrs may leave.
  template <typename F>
  auto Read(F&& f) const {
    base::MutexLock lock(mutex_);
    return std::forward<F>(f)(std::as_const(contents_));
  }

  // Does what has become due by Now(): Creating and Updating end, waiting windows run out, keys
  // rotate. KmsService calls it before every operation; it costs an atomic load when nothing is.
  Result<void> RunDue();
  // Takes each event as soon as its change is kept. It must not call the World. Set it before the
  // World is shared.
  void OnServiceEvent(std::function<void(const ServiceEvent&)> take) {
    on_event_ = std::move(take);
  }

  // Seeding. What is there already stays as it is; true: it was added.
  Result<bool> AddAccount(const std::string& account);
  Result<bool> AddUser(User user);
  Result<bool> AddRole(Role role);
  Result<bool> AddAccessKey(AccessKey key);
  // Adds the key with its replicas and aliases; returns the ARN in `seed.region`.
  Result<std::string> AddKey(KeySeed seed);
  Result<bool> AddAlias(const std::string& account, const std::string& region,
                        const std::string& name, const std::string& key_id);
  // Sessions of roles come and go: removes expired ones now and then.
  Result<void> RemoveExpiredSessions();

  // Everything as JSON text, secrets included; and back, replacing everything. A snapshot that
  // cannot be read changes nothing.
  base::SecretBytes Snapshot() const;
  Result<void> Restore(std::string_view snapshot);
  Result<void> Reset();  // Forgets everything, the clock's setting too.

  const base::Random& random() const { return random_; }

 private:
  friend class Edit;
  World(std::unique_ptr<StateFile> file, const base::Clock& clock, const base::Random& random);
  // Takes the clock's setting and the next due time from contents_. Under the edit's lock.
  void TakeFrom(const Contents& contents);
  bool RunDueOnce(Edit& edit, base::UtcTime now);

  const base::Clock& clock_;
  const base::Random& random_;
  const std::unique_ptr<StateFile> file_;  // Used under edit_mutex_. Null: memory only.
  std::atomic<std::int64_t> offset_ms_{0};
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  std::atomic<std::int64_t> frozen_at_ms_;  // kNever: it runs.
  std::atomic<std::int64_t> next_due_ms_;   // kNever: nothing is.

  base::Mutex edit_mutex_;  // Held by the one Edit. Taken before mutex_.
  mutable base::Mutex mutex_;
  // Written under both locks, so an Edit may read it with its own alone.
  Contents contents_ TS_GUARDED_BY(mutex_);
  std::vector<std::string> held_regions_ TS_GUARDED_BY(mutex_);
  std::function<void(const ServiceEvent&)> on_event_;
};

// One change of the World. It owns the right to change from construction to destruction; nothing
// happens before Commit(), and nothing at all when Commit() fails or is not called.
class Edit {
 public:
  explicit Edit(World& world);
  ~Edit();
  Edit(const Edit&) = delete;
  Edit& operator=(const Edit&) = delete;

  // As before this edit: what was put is not in it yet.
  const Contents& contents() const;
  base::UtcTime now() const { return world_.Now(); }
  const base::Random& random() const { return world_.random_; }

  void Put(Key key);
  void Put(MaterialSet set);
  void Put(Alias alias);
  void Put(Role role);
  void Put(User user);
  void Put(AccessKey key);
  void PutAccount(const std::string& account);
  void PutSettings(ClockSetting clock, base::Duration replica_creating_for,
                   base::Duration updating_for);
  void RemoveKey(const std::string& arn);
  void RemoveMaterial(const std::string& name);
  void RemoveAlias(const std::string& arn);
  void RemoveAccessKey(const std::string& id);
  void RemoveEverything();
  void Note(ServiceEvent event);
  // The events of a rotation of `key`, which replicas, if it has any, are synchronised with.
  void NoteRotation(const Key& key, const std::string& material_id, base::UtcTime time);

  // kUnavailable when the state file cannot take it. Afterwards the edit is empty and goes on, and
  // contents() shows what was put.
  Result<void> Commit();

 private:
  friend class World;
  void Add(std::string kind, std::string id, std::optional<base::SecretBytes> value,
           std::function<void(Contents&)> apply);
  Result<void> WriteTo(StateFile& file);

  struct Change {
    std::string kind, id;                    // A row of the state file; an empty kind: all rows.
    std::optional<base::SecretBytes> value;  // None: the row goes.
    std::function<void(Contents&)> apply;
  };
  World& world_;
  base::MutexLock lock_;
  std::vector<Change> changes_;
  bool recount_ = false;  // Something else may become due.
  std::vector<ServiceEvent> events_;
};

}  // namespace tenantseal::emulator
