#include "emulator/trail.h"

#include <algorithm>

namespace tenantseal::emulator {
namespace {

constexpr std::size_t kAgentsMax = 1024;
constexpr std::size_t kRestsMax = 4096;

// CloudTrail names denials without the suffix that the wire has, and keeps nothing of the request.
void AddFault(const Fault& fault, TrailRecord& record) {
  record.error_message = fault.message;
  record.note.response_elements_json.clear();
  if (fault.code == "AccessDeniedException" || fault.code == "AccessDenied") {
    record.error_code = "AccessDenied";
    record.note.request_parameters_json.clear();
    record.note.additional_data_json.clear();
  } else {
    record.error_code = fault.code;
  }
}

// The accounts other than `caller` that own what was used.
std::vector<std::string_view> OtherAccounts(std::string_view caller, const TrailNote& note) {
  std::vector<std::string_view> others;
  for (const std::string& arn : note.key_arns) {
    const std::string_view account = AccountOfArn(arn);
    if (account.empty() || account == caller) continue;
    if (std::ranges::find(others, account) == others.end()) others.push_back(account);
  }
  return others;
}

bool SameRest(const TrailRecord& a, const TrailRecord& b) {
  return a.region == b.region && a.recipient == b.recipient && a.source == b.source &&
         a.operation == b.operation && a.source_ip == b.source_ip &&
         *a.user_agent == *b.user_agent && a.service_event == b.service_event &&
         a.error_code == b.error_code && a.error_message == b.error_message && a.note == b.note;
}

std::size_t HashRest(const TrailRecord& rest) {
  std::size_t hash = 0;
  for (const std::string* text :
       {&rest.operation, &rest.region, &rest.recipient, &rest.source_ip, rest.user_agent.get(),
        &rest.error_message, &rest.note.request_parameters_json, &rest.note.additional_data_json}) {
    hash = hash * 1'000'003 + std::hash<std::string>()(*text);
  }
  return hash;
}

}  // namespace

TrailRecord Trail::Kept::Whole() const {
  TrailRecord out = *rest;
  out.sequence = sequence;
  out.time = time;
  out.event_id = event_id;
  out.shared_event_id = shared_event_id;
  out.request_id = request_id;
  out.who = who;
  return out;
}

bool Trail::Matches(const Kept& kept, const TrailQuery& query,
                    const std::optional<Uuid>& event_id) {
  const TrailRecord& record = *kept.rest;
  switch (query.attribute) {
    case TrailAttribute::kNone:
      return true;
    case TrailAttribute::kEventId:
      return event_id && kept.event_id == *event_id;
    case TrailAttribute::kEventName:
      return record.operation == query.value;
    case TrailAttribute::kReadOnly:
      return (record.note.read_only ? "true" : "false") == query.value;
    case TrailAttribute::kUsername:
      return kept.who->user_name == query.value;
    case TrailAttribute::kResourceType:
      return std::ranges::any_of(record.note.key_arns, [&](const std::string& arn) {
        return ResourceType(arn) == query.value;
      });
    case TrailAttribute::kResourceName:
      return std::ranges::find(record.note.key_arns, query.value) != record.note.key_arns.end();
    case TrailAttribute::kEventSource:
      return record.source + ".amazonaws.com" == query.value;
    case TrailAttribute::kAccessKeyId:
      return kept.who->access_key_id == query.value;
  }
  return false;
}

bool Trail::IsNewer(const Kept& a, const Kept& b) {
  return std::pair(a.time, a.sequence) > std::pair(b.time, b.sequence);
}

bool Trail::InScope(const Kept& kept, const TrailQuery& query) {
  return kept.rest->region == query.region && kept.rest->recipient == query.account &&
         (!query.start || kept.time >= *query.start) && (!query.end || kept.time <= *query.end) &&
         (!query.visible_until || kept.time <= *query.visible_until);
}

void Trail::Add(const Call& call, std::shared_ptr<const TrailIdentity> who, TrailNote note,
                const Fault* fault) {
  TrailRecord record{.time = call.time,
                     .region = call.region,
                     .recipient = who->account,
                     .source = call.service,
                     .operation = call.operation,
                     .request_id = call.request_id,
                     .event_id = NewUuid(random_),
                     .shared_event_id = {},
                     .source_ip = call.source_ip,
                     .user_agent = {},
                     .who = std::move(who),
                     .error_code = {},
                     .error_message = {},
                     .note = std::move(note)};
  if (fault != nullptr) AddFault(*fault, record);
  std::vector<TrailRecord> copies;
  if (record.error_code != "AccessDenied") {
    for (std::string_view account : OtherAccounts(record.recipient, record.note)) {
      if (!record.shared_event_id) record.shared_event_id = NewUuid(random_);
      copies.push_back(record);
      copies.back().recipient = account;
      copies.back().event_id = NewUuid(random_);
    }
  }
  base::MutexLock lock(mutex_);
  record.user_agent = Interned(call.user_agent);
  for (TrailRecord& copy : copies) {
    copy.user_agent = record.user_agent;
    copy.shared_event_id = record.shared_event_id;
  }
  Append(std::move(record));
  for (TrailRecord& copy : copies) Append(std::move(copy));
}

void Trail::Add(const ServiceEvent& event) {
  TrailRecord record;
  record.time = event.time;
  record.region = event.region;
  record.recipient = event.account;
  record.source = "kms";
  record.operation = event.name;
  record.event_id = NewUuid(random_);
  record.source_ip = "AWS Internal";
  record.service_event = true;
  auto who = std::make_shared<TrailIdentity>();
  who->account = event.account;
  who->json = "{";
  AppendJsonMember("accountId", event.account, who->json);
  who->json += ",\"invokedBy\":\"AWS Internal\"}";
  record.who = std::move(who);
  record.note.read_only = false;
  record.note.key_arns = {event.key_arn};
  std::string& details = record.note.additional_data_json = "{";
  AppendJsonMember("keyId", std::string_view(event.key_arn).substr(event.key_arn.rfind('/') + 1),
                   details);
  if (!event.key_material_id.empty()) {
    details += ',';
    AppendJsonMember("currentKeyMaterialId", event.key_material_id, details);
  }
  details += '}';
  base::MutexLock lock(mutex_);
  record.user_agent = Interned("AWS Internal");
  Append(std::move(record));
}

void Trail::Load(TrailRecord record) {
  base::MutexLock lock(mutex_);
  record.user_agent = Interned(*record.user_agent);
  Append(std::move(record));
}

std::shared_ptr<const std::string> Trail::Interned(const std::string& text) {
  const auto found = agents_.find(text);
  if (found != agents_.end()) return found->second;
  if (agents_.size() >= kAgentsMax) agents_.clear();
  return agents_.emplace(text, std::make_shared<const std::string>(text)).first->second;
}

std::shared_ptr<const TrailRecord> Trail::Shared(TrailRecord rest, std::size_t& bytes) {
  const std::size_t hash = HashRest(rest);
  const auto found = rests_.find(hash);
  if (found != rests_.end() && SameRest(*found->second, rest)) return found->second;
  bytes += rest.bytes();
  auto shared = std::make_shared<const TrailRecord>(std::move(rest));
  if (rests_.size() >= kRestsMax) rests_.clear();
  rests_.insert_or_assign(hash, shared);
  return shared;
}

void Trail::Append(TrailRecord record) {
  Kept kept{++last_sequence_,
            record.time,
            records_.empty() ? record.time : std::max(record.time, records_.back().latest),
            record.event_id,
            record.shared_event_id,
            std::move(record.request_id),
            std::move(record.who),
            nullptr};
  kept.bytes = sizeof kept + kept.request_id.size();
  record.request_id.clear();
  kept.rest = Shared(std::move(record), kept.bytes);
  bytes_ += kept.bytes;
  records_.push_back(std::move(kept));
  while (records_.size() > limits_.records_max ||
         (bytes_ > limits_.bytes_max && records_.size() > 1)) {
    bytes_ -= records_.front().bytes;
    records_.pop_front();
  }
}

TrailPage Trail::Find(const TrailQuery& query) const {
  const std::optional<Uuid> event_id = ParseUuid(query.value);
  TrailPage page;
  base::MutexLock lock(mutex_);
  const Kept* from = nullptr;
  if (query.before != UINT64_MAX) {
    const auto found = std::ranges::lower_bound(records_, query.before, {}, &Kept::sequence);
    // It has fallen out, and so has what followed it.
    if (found == records_.end() || found->sequence != query.before) return page;
    from = &*found;
  }
  std::vector<const Kept*> newest;  // Of this page, and one more: a heap with the oldest in front.
  const auto newer = [](const Kept* a, const Kept* b) { return IsNewer(*a, *b); };
  for (auto it = records_.rbegin(); it != records_.rend(); ++it) {
    const bool full = newest.size() > query.max;
    if (full && newest.front()->time >= it->latest) break;
    if (full && !IsNewer(*it, *newest.front())) continue;
    if (from != nullptr && !IsNewer(*from, *it)) continue;
    if (!InScope(*it, query) || !Matches(*it, query, event_id)) continue;
    newest.push_back(&*it);
    std::ranges::push_heap(newest, newer);
    if (!full) continue;
    std::ranges::pop_heap(newest, newer);
    newest.pop_back();
  }
  std::ranges::sort(newest, newer);
  if (newest.size() > query.max) {
    newest.pop_back();
    page.next_before = newest.back()->sequence;
  }
  for (const Kept* kept : newest) page.records.push_back(kept->Whole());
  return page;
}

std::vector<TrailRecord> Trail::After(std::uint64_t sequence, std::size_t max) const {
  std::vector<TrailRecord> out;
  base::MutexLock lock(mutex_);
  const auto first = std::ranges::upper_bound(records_, sequence, {}, &Kept::sequence);
  for (auto it = first; it != records_.end() && out.size() < max; ++it) out.push_back(it->Whole());
  return out;
}

std::uint64_t Trail::last_sequence() const {
  base::MutexLock lock(mutex_);
  return last_sequence_;
}

std::size_t Trail::size() const {
  base::MutexLock lock(mutex_);
  return records_.size();
}

void Trail::Clear() {
  base::MutexLock lock(mutex_);
  records_.clear();
  agents_.clear();
  rests_.clear();
  bytes_ = 0;
}

}  // namespace tenantseal::emulator
