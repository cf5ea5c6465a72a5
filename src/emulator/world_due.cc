// What happens by itself when its time has come.
#include <limits>

#include "emulator/key_make.h"
#include "emulator/world.h"

namespace tenantseal::emulator {
namespace {

// A jump of the clock must end.
constexpr int kRoundsMax = 1000;
constexpr int kRotationsMax = 1000;  // Of a key in one round: two hundred years and more.

// The key that a material set rotates with: the primary, or the single-region key. Disabled and
// deleted keys do not rotate.
bool RotatesNow(const Key& key) {
  return key.state == KeyState::kEnabled && (!key.multi_region || key.primary());
}

std::optional<base::UtcTime> DueTime(const Contents& contents, const Key& key) {
  switch (key.state) {
    case KeyState::kCreating:
    case KeyState::kUpdating:
      return key.ready_at;
    case KeyState::kPendingDeletion:
      return key.deletion_at;
    default:
      break;
  }
  if (!RotatesNow(key)) return std::nullopt;
  std::shared_ptr<const MaterialSet> set = contents.MaterialOf(key);
  if (!set || !set->rotation_enabled) return std::nullopt;
  return set->next_rotation;
}

void DeleteKey(Edit& edit, const Key& key) {
  const Contents& contents = edit.contents();
  const std::string arn = key.arn();
  edit.RemoveKey(arn);
  for (const auto& [alias_arn, alias] : contents.aliases) {
    if (alias->key_id == key.id && alias->region == key.region && alias->account == key.account)
      edit.RemoveAlias(alias_arn);
  }
  std::vector<std::shared_ptr<const Key>> related = contents.Related(key);
  if (related.size() == 1) edit.RemoveMaterial(key.material_set);
  if (related.size() == 2) {
    const Key& other = *(related[0]->region == key.region ? related[1] : related[0]);
    if (other.state == KeyState::kPendingReplicaDeletion) {
      // The waiting window of the primary begins when its last replica is gone.
      Key primary = other;
      primary.state = KeyState::kPendingDeletion;
      primary.deletion_at = *key.deletion_at + std::chrono::days(primary.pending_window_days);
      edit.Put(std::move(primary));
    }
  }
  edit.Note({"DeleteKey", key.account, key.region, arn, "", *key.deletion_at});
}

// All rotations that are due by `now`, so that a jump of the clock is kept once.
void Rotate(Edit& edit, const Key& key, base::UtcTime now) {
  MaterialSet set = edit.contents().MaterialOf(key)->Copy();
  for (int i = 0; i < kRotationsMax && *set.next_rotation <= now; ++i) {
    const base::UtcTime when = *set.next_rotation;
    set.versions.push_back({NewMaterialId(edit.random()), edit.random().Key(), when, false});
    set.next_rotation = when + std::chrono::days(set.rotation_period_days);
    edit.NoteRotation(key, set.versions.back().id, when);
  }
  edit.Put(std::move(set));
}

}  // namespace

void World::TakeFrom(const Contents& contents) {
  offset_ms_.store(contents.clock.offset.count(), std::memory_order_relaxed);
  frozen_at_ms_.store(
      contents.clock.frozen_at ? contents.clock.frozen_at->time_since_epoch().count() : kNever,
      std::memory_order_relaxed);
  std::int64_t soonest = kNever;
  for (const auto& [arn, key] : contents.keys) {
    if (std::optional<base::UtcTime> due = DueTime(contents, *key))
      soonest = std::min(soonest, std::int64_t{due->time_since_epoch().count()});
  }
  next_due_ms_.store(soonest, std::memory_order_release);
}

bool World::RunDueOnce(Edit& edit, base::UtcTime now) {
  const Contents& contents = edit.contents();
  std::set<std::string> touched;  // One step at a time per set: an edit does not see its own.
  for (const auto& [arn, key] : contents.keys) {
    std::optional<base::UtcTime> due = DueTime(contents, *key);
    if (!due || *due > now || touched.contains(key->material_set)) continue;
    touched.insert(key->material_set);
    if (key->state == KeyState::kPendingDeletion) {
      DeleteKey(edit, *key);
    } else if (key->ready_at) {
      Key ready = *key;
      ready.state = KeyState::kEnabled;
      ready.ready_at.reset();
      edit.Put(std::move(ready));
    } else {
      Rotate(edit, *key, now);
    }
  }
  return !touched.empty();
}

Result<void> World::RunDue() {
  const base::UtcTime now = Now();
  if (now.time_since_epoch().count() < next_due_ms_.load(std::memory_order_acquire)) return {};
  Edit edit(*this);
  for (int round = 0; round < kRoundsMax && RunDueOnce(edit, now); ++round)
    TS_RETURN_IF_ERROR(edit.Commit());
  return {};
}

}  // namespace tenantseal::emulator
