#include "sdk/data_key_cache.h"

#include <algorithm>

#include "base/result.h"

namespace tenantseal::sdk {
namespace {

// What of a header decides which data key it has: context, data keys up to ours. Contiguous in the
// message, so it can be looked up without a copy.
std::string_view OpeningId(const formats::ContentHeader& header,
                           const formats::EncryptedDataKey& own) {
  const char* const begin = reinterpret_cast<const char*>(header.context.data());
  const char* const end = own.ciphertext.data() + own.ciphertext.size();
  return {begin, static_cast<std::size_t>(end - begin)};
}

}  // namespace

std::int64_t SystemBootNanoseconds() { return base::SystemClock().Boot().since_boot().count(); }

DataKeyCache::DataKeyCache(const DataKeySource& source, model::TenantId tenant,
                           DataKeyLimits limits, BootNanoseconds clock)
    : source_(source),
      tenant_(std::move(tenant)),
      limits_(limits),
      clock_(clock ? std::move(clock) : SystemBootNanoseconds),
      sealing_(limits.entries),
      opening_(limits.entries) {}

CachedKeyPtr DataKeyCache::MakeKey(DataKey key, const Context& context,
                                   std::int64_t asked_ns) const {
  const auto usable = std::clamp(key.usable_for, std::chrono::milliseconds(0), limits_.age);
  return std::make_shared<const CachedKey>(
      CachedKey{base::Secret256(key.plaintext.Reveal()), std::move(key.wrapped), context, tenant_,
                asked_ns + std::chrono::nanoseconds(usable).count()});
}

CachedKeyPtr DataKeyCache::TakeUse(std::string_view id, std::uint64_t bytes) {
  DropExpired(clock_());
  SealingKey* const kept = sealing_.Find(id);
  if (kept == nullptr) return nullptr;
  if (kept->messages >= limits_.messages || bytes > limits_.bytes ||
      kept->bytes > limits_.bytes - bytes) {
    return nullptr;
  }
  ++kept->messages;
  kept->bytes += bytes;
  return kept->key;
}

Result<CachedKeyPtr> DataKeyCache::Await(const std::shared_ptr<Flight>& flight, std::uint64_t bytes,
                                         std::string_view id) {
  base::MutexLock lock(mutex_);
  while (!flight->done) lock.Wait(landed_);
  if (flight->key == nullptr) return flight->error;
  return TakeUse(id, bytes);
}

Result<CachedKeyPtr> DataKeyCache::ForSealing(const Context& context, std::uint64_t bytes) {
  if (context.tenant_id() != tenant_.text()) {
    return InvalidArgument("encryptionContext/TenantId", "The context is another tenant's.");
  }
  const std::string_view id = base::AsText(context.inner().serialized());
  std::shared_ptr<Flight> flight;
  bool first = false;
  {
    base::MutexLock lock(mutex_);
    if (CachedKeyPtr key = TakeUse(id, bytes)) return key;
    if (const auto under_way = flights_.find(id); under_way != flights_.end()) {
      flight = under_way->second;
    } else if (limits_.entries > 0) {
      first = true;
      flight = flights_.emplace(id, std::make_shared<Flight>()).first->second;
    }
  }
  if (flight != nullptr && !first) {
    TS_ASSIGN_OR_RETURN(CachedKeyPtr shared, Await(flight, bytes, id));
    if (shared != nullptr) return shared;
    return Fresh(context);  // The new key was used up or is for one message only.
  }
  auto fresh = Fresh(context);
  if (flight == nullptr) return fresh;
  base::MutexLock lock(mutex_);
  flights_.erase(flights_.find(id));
  flight->done = true;
  landed_.notify_all();
  if (!fresh) {
    flight->error = fresh.error();
    return fresh;
  }
  flight->key = *fresh;
  KeepForSealing(id, *fresh, bytes);
  return fresh;
}

Result<CachedKeyPtr> DataKeyCache::Fresh(const Context& context) const {
  if (context.tenant_id() != tenant_.text()) {
    return InvalidArgument("encryptionContext/TenantId", "The context is another tenant's.");
  }
  const std::int64_t asked_ns = clock_();
  TS_ASSIGN_OR_RETURN(DataKey key, source_.Mint(context));
  return MakeKey(std::move(key), context, asked_ns);
}

Result<CachedKeyPtr> DataKeyCache::ForOpening(const formats::ContentHeader& header) {
  const formats::EncryptedDataKey* const own = header.TenantsealKey();
  if (own == nullptr || own->provider_info != tenant_.text()) return DecryptFailed();
  const std::string_view id = OpeningId(header, *own);
  {
    base::MutexLock lock(mutex_);
    DropExpired(clock_());
    if (const CachedKeyPtr* kept = opening_.Find(id)) return *kept;
  }
  auto parsed = header.ParseContext();
  if (!parsed) return DecryptFailed();
  const Context context(std::move(*parsed));
  if (context.tenant_id() != tenant_.text()) return DecryptFailed();
  const std::int64_t asked_ns = clock_();
  TS_ASSIGN_OR_RETURN(DataKey key, source_.Unwrap(own->ciphertext, context));
  key.wrapped = own->ciphertext;
  CachedKeyPtr made = MakeKey(std::move(key), context, asked_ns);
  base::MutexLock lock(mutex_);
  KeepForOpening(id, made);
  return made;
}

void DataKeyCache::KeepForSealing(std::string_view id, const CachedKeyPtr& key,
                                  std::uint64_t bytes) {
  const std::int64_t now = clock_();
  DropExpired(now);
  if (now >= key->expires_ns) return;
  sealing_.Put(id, SealingKey{key, 1, bytes});
  next_expiry_ns_ = std::min(next_expiry_ns_, key->expires_ns);
}

void DataKeyCache::KeepForOpening(std::string_view id, const CachedKeyPtr& key) {
  const std::int64_t now = clock_();
  DropExpired(now);
  if (now >= key->expires_ns) return;
  opening_.Put(id, key);
  next_expiry_ns_ = std::min(next_expiry_ns_, key->expires_ns);
}

void DataKeyCache::DropExpired(std::int64_t now_ns) {
  if (now_ns < next_expiry_ns_) return;
  std::int64_t next = std::numeric_limits<std::int64_t>::max();
  const auto expired = [&](const CachedKey& key) {
    if (now_ns >= key.expires_ns) return true;
    next = std::min(next, key.expires_ns);
    return false;
  };
  sealing_.DropIf([&](const SealingKey& kept) { return expired(*kept.key); });
  opening_.DropIf([&](const CachedKeyPtr& kept) { return expired(*kept); });
  next_expiry_ns_ = next;
}

std::size_t DataKeyCache::size() const {
  base::MutexLock lock(mutex_);
  return sealing_.size() + opening_.size();
}

}  // namespace tenantseal::sdk
