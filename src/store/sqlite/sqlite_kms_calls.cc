// Calls of AWS KMS.
#include <algorithm>
#include <string>

#include "base/encoding.h"
#include "store/sqlite/access.h"
#include "store/sqlite/columns.h"

namespace tenantseal::store {
namespace {

using model::KmsCall;

constexpr const char* kSelectLog = "SELECT number FROM kms_call_logs WHERE process=?";
constexpr const char* kInsertLog =
    "INSERT INTO kms_call_logs(process,started_at,complete_until,stopped) VALUES(?,?,?,?)";
constexpr const char* kUpdateLog =
    "UPDATE kms_call_logs SET complete_until=?,stopped=? WHERE number=?";
constexpr const char* kSelectKey = "SELECT number,last_day FROM kms_call_keys WHERE arn=?";
constexpr const char* kInsertKey = "INSERT INTO kms_call_keys(arn,last_day) VALUES(?,?)";
constexpr const char* kTouchKey = "UPDATE kms_call_keys SET last_day=? WHERE number=?";
constexpr const char* kSelectKind =
    "SELECT number,last_day FROM kms_call_kinds WHERE tenant=? AND operation=? AND outcome=?";
constexpr const char* kInsertKind =
    "INSERT INTO kms_call_kinds(tenant,operation,outcome,last_day) VALUES(?,?,?,?)";
constexpr const char* kTouchKind = "UPDATE kms_call_kinds SET last_day=? WHERE number=?";
constexpr const char* kInsertCall =
    "INSERT OR IGNORE INTO kms_calls(key,time,log,sequence,kind,attempt,request) "
    "VALUES(?,?,?,?,?,?,?)";
constexpr const char* kPutGap =
    "INSERT OR REPLACE INTO kms_call_gaps(log,from_time,until_time,calls) VALUES(?,?,?,?)";
constexpr const char* kSelectAliases =
    "SELECT number,arn FROM kms_call_keys WHERE arn>=? AND arn<? ORDER BY arn LIMIT 64";
constexpr const char* kSelectCalls =
    "SELECT c.time,c.log,c.sequence,k.tenant,k.operation,k.outcome,c.attempt,c.request,"
    "typeof(c.request)='blob' FROM kms_calls c JOIN kms_call_kinds k ON k.number=c.kind "
    "WHERE c.key=? AND (c.time,c.log,c.sequence)>(?,?,?) AND c.time>=? AND c.time<=? "
    "AND (?=0 OR k.tenant=?) ORDER BY c.time,c.log,c.sequence LIMIT ?";
constexpr const char* kSelectLogs =
    "SELECT process,started_at,complete_until,stopped FROM kms_call_logs "
    "WHERE started_at<=? AND (stopped=0 OR complete_until>=?) "
    "ORDER BY started_at DESC,number LIMIT ?";
constexpr const char* kSelectBegun = "SELECT min(started_at) FROM kms_call_logs";
constexpr const char* kSelectGaps =
    "SELECT l.process,g.from_time,g.until_time,g.calls FROM kms_call_gaps g "
    "JOIN kms_call_logs l ON l.number=g.log WHERE g.from_time<=? AND g.until_time>=? "
    "ORDER BY g.from_time DESC LIMIT ?";
constexpr const char* kSelectKeys = "SELECT number FROM kms_call_keys ORDER BY number";
constexpr const char* kSelectOldest = "SELECT min(time) FROM kms_calls WHERE key=?";
constexpr const char* kDeleteCalls = "DELETE FROM kms_calls WHERE key=? AND time<?";
constexpr const char* kDeleteGaps = "DELETE FROM kms_call_gaps WHERE until_time<?";
constexpr const char* kDeleteLogs = "DELETE FROM kms_call_logs WHERE complete_until<?";
constexpr const char* kDeleteKeys = "DELETE FROM kms_call_keys WHERE last_day<?";
constexpr const char* kDeleteKinds = "DELETE FROM kms_call_kinds WHERE last_day<?";

constexpr std::size_t kUuidChars = 36;
constexpr std::int64_t kForgottenMax = 10'000;  // Rows of one transaction, roughly.

std::int64_t DayOf(base::UtcTime time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

bool IsDash(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

// The 16 bytes of a UUID in lower case; empty for any other text.
base::Bytes UuidBytes(std::string_view text) {
  if (text.size() != kUuidChars) return {};
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] == '-') != IsDash(i) || (text[i] >= 'A' && text[i] <= 'F')) return {};
    if (!IsDash(i)) digits += text[i];
  }
  return base::HexDecode(digits).value_or(base::Bytes());
}

std::string UuidText(base::ByteSpan bytes) {
  std::string text = base::HexEncode(bytes);
  for (const std::size_t at : {8, 13, 18, 23}) text.insert(std::min(at, text.size()), 1, '-');
  return text;
}

// The number of what `select` finds or `insert` makes, and that it was used on `day`.
struct Naming {
  const char* select;
  const char* insert;
  const char* touch;
};
constexpr Naming kKey = {kSelectKey, kInsertKey, kTouchKey};
constexpr Naming kKind = {kSelectKind, kInsertKind, kTouchKind};

Result<std::int64_t> Number(Connection& db, const Naming& naming,
                            std::initializer_list<std::string_view> names, std::int64_t day) {
  std::optional<std::int64_t> number;
  std::int64_t last_day = 0;
  {
    Statement row(db, naming.select);
    for (const std::string_view name : names) row.Bind(name);
    if (row.Step()) {
      number = row.Int(0);
      last_day = row.Int(1);
    }
    TS_RETURN_IF_ERROR(row.Check());
  }
  if (!number) {
    Statement insert(db, naming.insert);
    for (const std::string_view name : names) insert.Bind(name);
    TS_RETURN_IF_ERROR(insert.Bind(day).Run());
    return db.last_insert_row();
  }
  if (last_day < day) {
    TS_RETURN_IF_ERROR(Statement(db, naming.touch).Bind(day).Bind(*number).Run());
  }
  return *number;
}

Result<std::int64_t> PutLog(Connection& db, const model::KmsCallLogMark& mark) {
  std::optional<std::int64_t> number;
  {
    Statement row(db, kSelectLog);
    if (row.Bind(mark.process).Step()) number = row.Int(0);
    TS_RETURN_IF_ERROR(row.Check());
  }
  if (number) {
    Statement update(db, kUpdateLog);
    update.Bind(mark.complete_until).Bind(mark.stopped).Bind(*number);
    TS_RETURN_IF_ERROR(update.Run());
    return *number;
  }
  Statement insert(db, kInsertLog);
  insert.Bind(mark.process).Bind(mark.started_at).Bind(mark.complete_until).Bind(mark.stopped);
  TS_RETURN_IF_ERROR(insert.Run());
  return db.last_insert_row();
}

Result<void> PutCall(Connection& db, std::int64_t log, const KmsCall& call) {
  const std::int64_t day = DayOf(call.time);
  TS_ASSIGN_OR_RETURN(const std::int64_t key, Number(db, kKey, {call.key_arn}, day));
  TS_ASSIGN_OR_RETURN(const std::int64_t kind,
                      Number(db, kKind, {call.tenant, call.operation, call.outcome}, day));
  const base::Bytes uuid = UuidBytes(call.request_id);
  Statement insert(db, kInsertCall);
  insert.Bind(key).Bind(call.time).Bind(log).Bind(call.sequence).Bind(kind).Bind(call.attempt);
  if (!uuid.empty()) {
    insert.Bind(base::ByteSpan(uuid));
  } else if (!call.request_id.empty()) {
    insert.Bind(call.request_id);
  } else {
    insert.BindNull();
  }
  return insert.Run();
}

struct CalledKey {
  std::int64_t number = 0;
  std::string arn;
  bool tenant_only = false;
};

Result<std::vector<CalledKey>> KeysOf(Connection& db, const KmsCallQuery& query) {
  std::vector<CalledKey> keys;
  for (const std::string& arn : query.key_arns) {
    Statement row(db, kSelectKey);
    if (row.Bind(arn).Step()) keys.push_back({row.Int(0), arn, false});
    TS_RETURN_IF_ERROR(row.Check());
  }
  for (const std::string& prefix : query.alias_prefixes) {
    const std::string end = prefix + '\x7f';
    Statement row(db, kSelectAliases);
    row.Bind(prefix).Bind(end);
    while (row.Step()) keys.push_back({row.Int(0), std::string(row.Text(1)), true});
    TS_RETURN_IF_ERROR(row.Check());
  }
  return keys;
}

Result<void> ReadCalls(Connection& db, const KmsCallQuery& query, const CalledKey& key,
                       std::vector<KeptKmsCall>& out) {
  const KmsCallPlace after = query.after.value_or(KmsCallPlace{query.from, 0, 0});
  Statement row(db, kSelectCalls);
  row.Bind(key.number).Bind(after.time).Bind(after.log).Bind(after.sequence);
  row.Bind(query.from).Bind(query.until).Bind(key.tenant_only).Bind(query.tenant);
  row.Bind(query.limit);
  while (row.Step()) {
    Columns columns(row);
    KeptKmsCall kept;
    kept.place = {row.Time(0), columns.U64(1), columns.U64(2)};
    kept.call = {kept.place.time,
                 std::string(row.Text(3)),
                 key.arn,
                 std::string(row.Text(4)),
                 "",
                 std::string(row.Text(5)),
                 columns.U32(6),
                 kept.place.sequence};
    if (row.Int(8) != 0) {
      kept.call.request_id = UuidText(row.Blob(7));
    } else if (!row.Null(7)) {
      kept.call.request_id = row.Text(7);
    }
    if (!columns.ok()) return IntegrityError("A row of kms_calls is not one of ours.");
    out.push_back(std::move(kept));
  }
  return row.Check();
}

Result<std::vector<std::int64_t>> KeyNumbers(Connection& db) {
  std::vector<std::int64_t> numbers;
  Statement row(db, kSelectKeys);
  while (row.Step()) numbers.push_back(row.Int(0));
  TS_RETURN_IF_ERROR(row.Check());
  return numbers;
}

// Forgets the key's calls of before then, a day of them at a time. Returns whether there are more.
Result<bool> ForgetCalls(Connection& db, std::int64_t key, base::UtcTime before,
                         std::int64_t& left) {
  for (;;) {
    std::optional<base::UtcTime> oldest;
    {
      Statement row(db, kSelectOldest);
      if (row.Bind(key).Step()) oldest = row.OptionalTime(0);
      TS_RETURN_IF_ERROR(row.Check());
    }
    if (!oldest || *oldest >= before) return false;
    if (left <= 0) return true;
    const base::UtcTime day_later = *oldest + std::chrono::days(1);
    TS_RETURN_IF_ERROR(
        Statement(db, kDeleteCalls).Bind(key).Bind(std::min(before, day_later)).Run());
    left -= db.changes();
  }
}

}  // namespace

Result<void> SqliteStore::AppendKmsCalls(const KmsCallBatch& batch) {
  return Write([&](Session& session) -> Result<void> {
    TS_ASSIGN_OR_RETURN(const std::int64_t log, PutLog(session.db, batch.mark));
    for (const KmsCall& call : batch.calls) TS_RETURN_IF_ERROR(PutCall(session.db, log, call));
    if (!batch.gap) return {};
    Statement put(session.db, kPutGap);
    return put.Bind(log).Bind(batch.gap->from).Bind(batch.gap->until).Bind(batch.gap->calls).Run();
  });
}

Result<std::vector<KeptKmsCall>> SqliteStore::ListKmsCalls(const KmsCallQuery& query) const {
  return Read([&](Session& session) -> Result<std::vector<KeptKmsCall>> {
    TS_ASSIGN_OR_RETURN(const auto keys, KeysOf(session.db, query));
    std::vector<KeptKmsCall> out;
    for (const CalledKey& key : keys) TS_RETURN_IF_ERROR(ReadCalls(session.db, query, key, out));
    std::ranges::sort(out, {}, &KeptKmsCall::place);
    out.resize(std::min(out.size(), query.limit));
    return out;
  });
}

Result<KmsCallLogs> SqliteStore::ListKmsCallLogs(base::UtcTime from, base::UtcTime until) const {
  return Read([&](Session& session) -> Result<KmsCallLogs> {
    KmsCallLogs out;
    Statement log(session.db, kSelectLogs);
    log.Bind(until).Bind(from).Bind(kKmsCallLogsMax);
    while (log.Step()) {
      TS_ASSIGN_OR_RETURN(auto process, model::ProcessId::Parse(log.Text(0)));
      out.marks.push_back({std::move(process), log.Time(1), log.Time(2), log.Int(3) != 0});
    }
    TS_RETURN_IF_ERROR(log.Check());
    Statement gap(session.db, kSelectGaps);
    gap.Bind(until).Bind(from).Bind(kKmsCallLogsMax);
    while (gap.Step()) {
      TS_ASSIGN_OR_RETURN(auto process, model::ProcessId::Parse(gap.Text(0)));
      out.gaps.push_back(
          {std::move(process), gap.Time(1), gap.Time(2), static_cast<std::uint64_t>(gap.Int(3))});
    }
    TS_RETURN_IF_ERROR(gap.Check());
    Statement begun(session.db, kSelectBegun);
    if (begun.Step()) out.begun = begun.OptionalTime(0);
    TS_RETURN_IF_ERROR(begun.Check());
    return out;
  });
}

Result<bool> SqliteStore::ForgetKmsCalls(base::UtcTime before) {
  return Write([&](Session& session) -> Result<bool> {
    Connection& db = session.db;
    TS_ASSIGN_OR_RETURN(const auto keys, KeyNumbers(db));
    std::int64_t left = kForgottenMax;
    for (const std::int64_t key : keys) {
      TS_ASSIGN_OR_RETURN(const bool more, ForgetCalls(db, key, before, left));
      if (more) return true;
    }
    TS_RETURN_IF_ERROR(Statement(db, kDeleteGaps).Bind(before).Run());
    TS_RETURN_IF_ERROR(Statement(db, kDeleteLogs).Bind(before).Run());
    TS_RETURN_IF_ERROR(Statement(db, kDeleteKeys).Bind(DayOf(before)).Run());
    TS_RETURN_IF_ERROR(Statement(db, kDeleteKinds).Bind(DayOf(before)).Run());
    return false;
  });
}

}  // namespace tenantseal::store
