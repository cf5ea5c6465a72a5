#include "emulator/world.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "aws/region.h"
#include "base/log.h"
#include "emulator/state_file.h"
#include "emulator/world_json.h"

namespace tenantseal::emulator {
namespace {

struct StateNameEntry {
  KeyState state;
  std::string_view name;
};
constexpr StateNameEntry kStateNames[] = {
    {KeyState::kCreating, "Creating"},
    {KeyState::kEnabled, "Enabled"},
    {KeyState::kDisabled, "Disabled"},
    {KeyState::kPendingDeletion, "PendingDeletion"},
    {KeyState::kPendingReplicaDeletion, "PendingReplicaDeletion"},
    {KeyState::kPendingImport, "PendingImport"},
    {KeyState::kUnavailable, "Unavailable"},
    {KeyState::kUpdating, "Updating"},
};

}  // namespace

std::string KmsArnText(std::string_view region, std::string_view account,
                       std::string_view resource_type, std::string_view id) {
  const std::string_view partition = aws::PartitionOfRegion(region).value_or("aws");
  std::string out;
  out.reserve(32 + region.size() + account.size() + id.size());
  out.append("arn:").append(partition).append(":kms:").append(region).append(":");
  return out.append(account).append(":").append(resource_type).append(id);
}

Result<PolicyDocument> CompilePolicy(std::string text, aws::PolicyKind kind) {
  TS_ASSIGN_OR_RETURN(aws::Policy policy, aws::ParsePolicy(text, kind));
  return PolicyDocument{std::move(text),
                        std::make_shared<const aws::CompiledPolicy>(std::move(policy))};
}

MaterialSet MaterialSet::Copy() const {
  MaterialSet out{name, {}, rotation_enabled, rotation_period_days, next_rotation};
  for (const BackingKey& version : versions) out.versions.push_back(version.Copy());
  return out;
}

std::string_view KeyStateName(KeyState state) {
  return kStateNames[static_cast<std::size_t>(state)].name;
}

std::optional<KeyState> KeyStateOf(std::string_view name) {
  for (const StateNameEntry& entry : kStateNames)
    if (entry.name == name) return entry.state;
  return std::nullopt;
}

std::string Key::arn() const { return KmsArnText(region, account, "key/", id); }
std::string Alias::arn() const { return KmsArnText(region, account, "", name); }

std::shared_ptr<const Key> Contents::FindKey(std::string_view arn) const {
  auto found = keys.find(arn);
  return found == keys.end() ? nullptr : found->second;
}

std::shared_ptr<const MaterialSet> Contents::MaterialOf(const Key& key) const {
  auto found = materials.find(key.material_set);
  return found == materials.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Key>> Contents::Related(const Key& key) const {
  std::vector<std::shared_ptr<const Key>> out;
  auto arns = arns_by_id.find(key.id);
  if (arns == arns_by_id.end()) return out;
  for (const std::string& arn : arns->second) {
    std::shared_ptr<const Key> other = FindKey(arn);
    const bool itself = other->region == key.region && other->account == key.account;
    if (itself ||
        (key.multi_region && other->multi_region && other->material_set == key.material_set)) {
      out.push_back(std::move(other));
    }
  }
  return out;
}

World::World(std::unique_ptr<StateFile> file, const base::Clock& clock, const base::Random& random)
    : clock_(clock),
      random_(random),
      file_(std::move(file)),
      frozen_at_ms_(kNever),
      next_due_ms_(kNever) {}

World::~World() = default;

Result<std::unique_ptr<World>> World::Open(const std::string& path, const base::Clock& clock,
                                           const base::Random& random) {
  std::unique_ptr<StateFile> file;
  Contents contents;
  if (!path.empty()) {
    TS_ASSIGN_OR_RETURN(file, StateFile::Open(path));
    TS_RETURN_IF_ERROR(
        file->ForEach([&](std::string_view kind, std::string_view id, std::string_view value) {
          return ReadRow(kind, id, value, contents);
        }));
    FinishLoading(contents);
  }
  std::unique_ptr<World> world(new World(std::move(file), clock, random));
  world->TakeFrom(contents);
  base::MutexLock lock(world->mutex_);
  world->contents_ = std::move(contents);
  return world;
}

base::UtcTime World::Now() const {
  const std::int64_t frozen = frozen_at_ms_.load(std::memory_order_relaxed);
  if (frozen != kNever) return base::UtcTime(std::chrono::milliseconds(frozen));
  return clock_.Utc() + std::chrono::milliseconds(offset_ms_.load(std::memory_order_relaxed));
}

ClockSetting World::clock_setting() const {
  return Read([](const Contents& contents) { return contents.clock; });
}

Result<void> World::SetClock(ClockSetting setting) {
  Edit edit(*this);
  const Contents& contents = edit.contents();
  edit.PutSettings(setting, contents.replica_creating_for, contents.updating_for);
  return edit.Commit();
}

Result<void> World::SetDelays(base::Duration replica_creating_for, base::Duration updating_for) {
  Edit edit(*this);
  edit.PutSettings(edit.contents().clock, replica_creating_for, updating_for);
  return edit.Commit();
}

void World::HoldReplicas(std::vector<std::string> regions) {
  base::MutexLock lock(mutex_);
  held_regions_ = std::move(regions);
}

std::optional<base::UtcTime> World::ReplicaReadyAt(std::string_view region) const {
  base::MutexLock lock(mutex_);
  for (const std::string& held : held_regions_)
    if (held.empty() || held == region) return kHeldReplica;
  const base::Duration creating = contents_.replica_creating_for;
  if (creating <= base::Duration::zero()) return std::nullopt;
  return Now() + std::chrono::duration_cast<std::chrono::milliseconds>(creating);
}

base::SecretBytes World::Snapshot() const {
  std::string out = R"({"version":1,"rows":[)";
  bool first = true;
  auto add = [&](std::string_view kind, const std::string& id, const base::SecretBytes& value) {
    if (!first) out += ',';
    first = false;
    out.append("[\"").append(kind).append("\",").append(nlohmann::json(id).dump()).append(",");
    out.append(value.RevealText()).append("]");
  };
  Read([&](const Contents& contents) {
    for (const std::string& account : contents.accounts)
      add("account", account, base::SecretBytes::CopyOf(base::AsBytes("{}")));
    for (const auto& [id, value] : contents.roles) add("role", id, ToJson(*value));
    for (const auto& [id, value] : contents.users) add("user", id, ToJson(*value));
    for (const auto& [id, value] : contents.access_keys) add("access_key", id, ToJson(*value));
    for (const auto& [id, value] : contents.materials) add("material", id, ToJson(*value));
    for (const auto& [id, value] : contents.keys) add("key", id, ToJson(*value));
    for (const auto& [id, value] : contents.aliases) add("alias", id, ToJson(*value));
    add("settings", "", SettingsJson(contents));
  });
  out += "]}";
  base::SecretBytes bytes = base::SecretBytes::CopyOf(base::AsBytes(out));
  base::Wipe({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return bytes;
}

Result<void> World::Restore(std::string_view snapshot) {
  const nlohmann::json document = nlohmann::json::parse(snapshot, nullptr, false);
  if (!document.is_object() || document.value("version", 0) != 1 || !document.contains("rows") ||
      !document["rows"].is_array()) {
    return InvalidArgument("body", "This is not a snapshot: it wants {\"version\":1,\"rows\":[]}.");
  }
  auto contents = std::make_shared<Contents>();
  Edit edit(*this);
  edit.RemoveEverything();
  for (const nlohmann::json& row : document["rows"]) {
    if (!row.is_array() || row.size() != 3 || !row[0].is_string() || !row[1].is_string())
      return InvalidArgument("rows", "A row of a snapshot is [KIND, ID, VALUE].");
    const auto& kind = row[0].get_ref<const std::string&>();
    const auto& id = row[1].get_ref<const std::string&>();
    const std::string value = row[2].dump();
    if (auto read = ReadRow(kind, id, value, *contents); !read)
      return InvalidArgument("rows", std::move(read).error().message);
    edit.Add(kind, id, base::SecretBytes::CopyOf(base::AsBytes(value)), nullptr);
  }
  FinishLoading(*contents);
  edit.changes_.back().apply = [contents](Contents& all) { all = *contents; };
  return edit.Commit();
}

Result<void> World::Reset() {
  Edit edit(*this);
  edit.RemoveEverything();
  return edit.Commit();
}

// An Edit owns edit_mutex_, under which contents_ does not change: hence no analysis.
Edit::Edit(World& world) TS_NO_THREAD_SAFETY_ANALYSIS : world_(world), lock_(world.edit_mutex_) {}
Edit::~Edit() = default;

const Contents& Edit::contents() const TS_NO_THREAD_SAFETY_ANALYSIS { return world_.contents_; }

void Edit::Add(std::string kind, std::string id, std::optional<base::SecretBytes> value,
               std::function<void(Contents&)> apply) {
  changes_.push_back({std::move(kind), std::move(id), std::move(value), std::move(apply)});
}

void Edit::Put(Key key) {
  recount_ = true;
  std::string arn = key.arn();
  base::SecretBytes row = ToJson(key);
  auto shared = std::make_shared<const Key>(std::move(key));
  Add("key", arn, std::move(row), [arn, shared](Contents& contents) {
    contents.keys[arn] = shared;
    contents.arns_by_id[shared->id].insert(arn);
  });
}

void Edit::Put(MaterialSet set) {
  recount_ = true;
  std::string name = set.name;
  base::SecretBytes row = ToJson(set);
  auto shared = std::make_shared<const MaterialSet>(std::move(set));
  Add("material", name, std::move(row),
      [name, shared](Contents& contents) { contents.materials[name] = shared; });
}

void Edit::Put(Alias alias) {
  std::string arn = alias.arn();
  base::SecretBytes row = ToJson(alias);
  auto shared = std::make_shared<const Alias>(std::move(alias));
  Add("alias", arn, std::move(row),
      [arn, shared](Contents& contents) { contents.aliases[arn] = shared; });
}

// The callers of access keys carry the policies of their user or role: they are attached anew.
void Edit::Put(Role role) {
  std::string arn = role.arn;
  base::SecretBytes row = ToJson(role);
  auto shared = std::make_shared<const Role>(std::move(role));
  Add("role", arn, std::move(row), [arn, shared](Contents& contents) {
    contents.roles[arn] = shared;
    FinishLoading(contents);
  });
}

void Edit::Put(User user) {
  std::string arn = user.arn;
  base::SecretBytes row = ToJson(user);
  auto shared = std::make_shared<const User>(std::move(user));
  Add("user", arn, std::move(row), [arn, shared](Contents& contents) {
    contents.users[arn] = shared;
    FinishLoading(contents);
  });
}

void Edit::Put(AccessKey key) {
  key.caller.access_key_id = key.id;
  AttachPolicies(contents(), key);
  std::string id = key.id;
  base::SecretBytes row = ToJson(key);
  auto shared = std::make_shared<const AccessKey>(std::move(key));
  Add("access_key", id, std::move(row),
      [id, shared](Contents& contents) { contents.access_keys[id] = shared; });
}

void Edit::PutAccount(const std::string& account) {
  Add("account", account, base::SecretBytes::CopyOf(base::AsBytes("{}")),
      [account](Contents& contents) { contents.accounts.insert(account); });
}

void Edit::PutSettings(ClockSetting clock, base::Duration replica_creating_for,
                       base::Duration updating_for) {
  Contents settings;
  settings.clock = clock;
  settings.replica_creating_for = replica_creating_for;
  settings.updating_for = updating_for;
  recount_ = true;
  Add("settings", "", SettingsJson(settings), [=](Contents& contents) {
    contents.clock = clock;
    contents.replica_creating_for = replica_creating_for;
    contents.updating_for = updating_for;
  });
}

void Edit::RemoveKey(const std::string& arn) {
  recount_ = true;
  Add("key", arn, std::nullopt, [arn](Contents& contents) {
    auto found = contents.keys.find(arn);
    if (found == contents.keys.end()) return;
    auto arns = contents.arns_by_id.find(found->second->id);
    arns->second.erase(arn);
    if (arns->second.empty()) contents.arns_by_id.erase(arns);
    contents.keys.erase(found);
  });
}

void Edit::RemoveMaterial(const std::string& name) {
  Add("material", name, std::nullopt,
      [name](Contents& contents) { contents.materials.erase(name); });
}

void Edit::RemoveAlias(const std::string& arn) {
  Add("alias", arn, std::nullopt, [arn](Contents& contents) { contents.aliases.erase(arn); });
}

void Edit::RemoveAccessKey(const std::string& id) {
  Add("access_key", id, std::nullopt, [id](Contents& contents) { contents.access_keys.erase(id); });
}

void Edit::RemoveEverything() {
  recount_ = true;
  Add("", "", std::nullopt, [](Contents& contents) { contents = Contents(); });
}

void Edit::Note(ServiceEvent event) { events_.push_back(std::move(event)); }

void Edit::NoteRotation(const Key& key, const std::string& material_id, base::UtcTime time) {
  Note({"RotateKey", key.account, key.region, key.arn(), material_id, time});
  if (contents().Related(key).size() > 1)
    Note({"SynchronizeMultiRegionKey", key.account, key.region, key.arn(), "", time});
}

Result<void> Edit::WriteTo(StateFile& file) {
  TS_RETURN_IF_ERROR(file.Begin());
  for (const Change& change : changes_) {
    Result<void> done;
    if (change.kind.empty()) {
      done = file.RemoveAll();
    } else if (change.value) {
      done = file.Put(change.kind, change.id, change.value->RevealText());
    } else {
      done = file.Remove(change.kind, change.id);
    }
    if (done) continue;
    file.Rollback();
    return done;
  }
  Result<void> done = file.Commit();
  if (!done) file.Rollback();
  return done;
}

Result<void> Edit::Commit() {
  if (changes_.empty()) return {};
  if (world_.file_) {
    if (Result<void> written = WriteTo(*world_.file_); !written) {
      base::LogError("a change was not kept", {{"why", written.error().message}});
      changes_.clear();
      events_.clear();
      return written;
    }
  }
  {
    base::MutexLock lock(world_.mutex_);
    for (const Change& change : changes_)
      if (change.apply) change.apply(world_.contents_);
  }
  if (world_.on_event_)
    for (const ServiceEvent& event : events_) world_.on_event_(event);
  changes_.clear();
  events_.clear();
  if (recount_) world_.TakeFrom(contents());
  recount_ = false;
  return {};
}

}  // namespace tenantseal::emulator
