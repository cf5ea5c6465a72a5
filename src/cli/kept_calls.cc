#include "cli/kept_calls.h"

#include <nlohmann/json.hpp>

#include "aws/arn.h"
#include "cli/api_command.h"
#include "cli/key_provider_paths.h"
#include "cli/list_pages.h"
#include "cli/table.h"

namespace tenantseal::cli {
namespace {

using nlohmann::json;

constexpr int kPagesMax = 20'000;  // Of 1,000 calls.

Error NotUnderstood() { return UnexpectedAnswer("is no list of calls"); }

// The elements of a member that is a list; empty when it is missing.
const json& List(const json& object, const char* name) {
  static const json kNone = json::array();
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : kNone;
}

std::vector<std::string> Texts(const json& object, const char* name) {
  std::vector<std::string> out;
  for (const json& text : List(object, name)) {
    if (text.is_string()) out.push_back(text.get<std::string>());
  }
  return out;
}

Result<KeptCall> ReadCall(const json& object) {
  const auto time = base::ParseUtc(Text(object, "time"));
  KeptCall call;
  call.key_arn = Text(object, "keyArn");
  call.operation = Text(object, "operation");
  call.outcome = Text(object, "outcome");
  call.request_id = Text(object, "awsRequestId");
  call.tenant = Text(object, "tenantId");
  const auto attempt = object.find("attempt");
  if (attempt != object.end() && attempt->is_number_unsigned())
    call.attempt = attempt->get<std::uint64_t>();
  const auto arn = aws::ParseKmsArn(call.key_arn);
  if (!time || !arn || call.operation.empty() || call.outcome.empty()) return NotUnderstood();
  call.time = *time;
  call.region = arn->region;
  call.by_alias = arn->kind == aws::KmsArn::Kind::kAlias;
  return call;
}

Result<LogDoubt> ReadDoubt(const json& object) {
  const auto from = base::ParseUtc(Text(object, "from"));
  const auto to = base::ParseUtc(Text(object, "to"));
  if (!from || !to) return NotUnderstood();
  LogDoubt doubt{Text(object, "reason"), Text(object, "process"), *from, *to};
  const auto calls = object.find("calls");
  if (calls != object.end() && calls->is_number_unsigned())
    doubt.calls = calls->get<std::uint64_t>();
  return doubt;
}

Result<void> AddPage(const json& page, KeptCalls& out) {
  const auto data = page.find("data");
  if (data == page.end() || !data->is_array()) return NotUnderstood();
  for (const json& object : *data) {
    if (!object.is_object()) return NotUnderstood();
    TS_ASSIGN_OR_RETURN(KeptCall call, ReadCall(object));
    out.calls.push_back(std::move(call));
  }
  for (const json& object : List(page, "incomplete")) {
    if (!object.is_object()) return NotUnderstood();
    TS_ASSIGN_OR_RETURN(LogDoubt doubt, ReadDoubt(object));
    out.doubts.push_back(std::move(doubt));
  }
  return {};
}

}  // namespace

Result<KeptCalls> ReadKeptCalls(const Api& api, const std::string& fingerprint, base::UtcTime from,
                                base::UtcTime to) {
  TS_ASSIGN_OR_RETURN(const std::string provider, KeyProviderPath(fingerprint));
  KeptCalls out;
  std::string path = provider + "/kms-calls?from=" + base::FormatUtc(from) +
                     "&to=" + base::FormatUtc(to) + "&limit=1000";
  for (int pages = 0; !path.empty(); ++pages) {
    if (pages == kPagesMax)
      return Error{
          ErrorCode::kTooLarge,
          "The service has more calls than can be read: give a shorter time with --from and --to."};
    TS_ASSIGN_OR_RETURN(const auto answer, api.Call(net::Method::kGet, path));
    TS_ASSIGN_OR_RETURN(const json page, ParseBody(answer.body));
    if (pages == 0) {
      out.key_arns = Texts(page, "keyArns");
      out.principals = Texts(page, "principals");
    }
    TS_RETURN_IF_ERROR(AddPage(page, out));
    path = NextPagePath(page);
  }
  return out;
}

}  // namespace tenantseal::cli
