#include <array>
#include <map>

#include "aws/sts.h"
#include "aws/xml.h"

namespace tenantseal::aws {
namespace {

constexpr std::size_t kTextCharsMax = 2048;  // Of everything but the session token.

Error Malformed(std::string what) { return {ErrorCode::kInvalidArgument, std::move(what)}; }

// Collects the leaves that this client reads. A leaf that comes twice is an error.
struct Leaves {
  std::string_view action;
  StsReply reply;
  std::string expiration;
  bool is_error = false;
  std::string twice;  // The path of a leaf that came twice.
  std::string too_long;

  void Set(std::string& to, std::string_view path, std::string_view text) {
    if (!to.empty()) twice = path;
    to = text;
  }
  void SetShort(std::string& to, std::string_view path, std::string_view text) {
    if (text.size() > kTextCharsMax) too_long = path;
    Set(to, path, text.substr(0, kTextCharsMax));
  }

  void On(std::string_view path, std::string_view text) {
    const std::string root = std::string(action) + "Response/";
    if (path.starts_with("ErrorResponse/")) {
      is_error = true;
      OnError(path.substr(14), text);
    } else if (path.starts_with(root)) {
      OnResult(path.substr(root.size()), text);
    }
  }
  void OnError(std::string_view path, std::string_view text) {
    if (path == "Error/Code") SetShort(reply.fault_code, path, text);
    if (path == "Error/Message") SetShort(reply.fault_message, path, text);
    if (path == "RequestId") SetShort(reply.request_id, path, text);
  }
  void OnResult(std::string_view path, std::string_view text) {
    if (path == "ResponseMetadata/RequestId") SetShort(reply.request_id, path, text);
    const std::string result = std::string(action) + "Result/";
    if (!path.starts_with(result)) return;
    path.remove_prefix(result.size());
    Credentials& credentials = reply.credentials;
    if (path == "Credentials/AccessKeyId") SetShort(credentials.access_key_id, path, text);
    if (path == "Credentials/SessionToken") Set(credentials.session_token, path, text);
    if (path == "Credentials/Expiration") SetShort(expiration, path, text);
    if (path == "Credentials/SecretAccessKey") {
      if (!credentials.secret_access_key.empty()) twice = path;
      if (text.size() > kTextCharsMax) too_long = path;
      credentials.secret_access_key = base::SecretBytes::CopyOf(base::AsBytes(text));
    }
    if (path == "Arn" || path == "AssumedRoleUser/Arn") SetShort(reply.identity.arn, path, text);
    if (path == "Account") SetShort(reply.identity.account, path, text);
    if (path == "UserId" || path == "AssumedRoleUser/AssumedRoleId") {
      SetShort(reply.identity.user_id, path, text);
    }
  }
};

bool IsVisible(std::string_view text) {
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f) return false;
  }
  return !text.empty();
}

Result<void> CheckCredentials(Leaves& leaves) {
  const Credentials& credentials = leaves.reply.credentials;
  const std::array<std::pair<std::string_view, std::string_view>, 3> parts = {
      {{"AccessKeyId", credentials.access_key_id},
       {"SecretAccessKey", credentials.secret_access_key.RevealText()},
       {"SessionToken", credentials.session_token}}};
  for (const auto& [name, value] : parts) {
    if (!IsVisible(value)) {
      return Malformed("The reply has no well-formed " + std::string(name) + ".");
    }
  }
  const auto expires = base::ParseUtc(leaves.expiration);
  if (!expires) return Malformed("The reply has no well-formed Expiration.");
  leaves.reply.credentials.expires = *expires;
  return {};
}

}  // namespace

Result<StsReply> ParseStsReply(std::string_view action, std::string_view document) {
  Leaves leaves{.action = action, .reply = {}, .expiration = {}, .twice = {}, .too_long = {}};
  TS_RETURN_IF_ERROR(ReadXml(
      document, [&](std::string_view path, std::string_view text) { leaves.On(path, text); }));
  if (!leaves.twice.empty()) return Malformed("The reply has " + leaves.twice + " twice.");
  if (!leaves.too_long.empty()) {
    return Malformed("In the reply " + leaves.too_long + " is too long.");
  }
  if (leaves.is_error) {
    if (!IsVisible(leaves.reply.fault_code)) return Malformed("The error has no Code.");
    return std::move(leaves.reply);
  }
  if (action == "GetCallerIdentity") {
    const CallerIdentity& who = leaves.reply.identity;
    if (!IsVisible(who.account) || !IsVisible(who.arn)) {
      return Malformed("The reply has no well-formed Account and Arn.");
    }
    return std::move(leaves.reply);
  }
  TS_RETURN_IF_ERROR(CheckCredentials(leaves));
  return std::move(leaves.reply);
}

}  // namespace tenantseal::aws
