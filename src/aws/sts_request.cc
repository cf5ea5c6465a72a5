#include <algorithm>

#include "aws/arn.h"
#include "aws/quote.h"
#include "aws/sts.h"

namespace tenantseal::aws {
namespace {

constexpr std::size_t kBodyBytesMax = 256 << 10;
constexpr std::size_t kTagsMax = 50;          // STS API: tagListType.
constexpr std::size_t kTagKeyCharsMax = 128;  // STS API: tagKeyType.
constexpr std::size_t kTagValueCharsMax = 256;

// A body of application/x-www-form-urlencoded in memory that is wiped.
class Form {
 public:
  explicit Form(std::string_view action) {
    Add("Action", action);
    Add("Version", "2011-06-15");
  }
  void Add(std::string_view name, std::string_view value) {
    if (body_.size() > 0) Raw("&");
    Encoded(name);
    Raw("=");
    Encoded(value);
  }
  net::SecretBuffer Take() { return std::move(body_); }

 private:
  void Raw(std::string_view text) { body_.Append(base::AsBytes(text), kBodyBytesMax); }
  void Encoded(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    for (const char c : text) {
      const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                         (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
      const auto byte = static_cast<std::uint8_t>(c);
      const char escaped[] = {'%', kDigits[byte >> 4], kDigits[byte & 15]};
      Raw(plain ? std::string_view(&c, 1) : std::string_view(escaped, 3));
    }
  }
  net::SecretBuffer body_;
};

void AddCommon(const AssumeRoleRequest& request, Form& form) {
  form.Add("RoleArn", request.role_arn);
  form.Add("RoleSessionName", request.session_name);
  form.Add("DurationSeconds", std::to_string(request.duration.count()));
  if (!request.policy.empty()) form.Add("Policy", request.policy);
}

bool IsWord(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           more.contains(c);
  });
}

}  // namespace

Result<void> CheckAssumeRole(const AssumeRoleRequest& request) {
  const auto arn = ParseArn(request.role_arn);
  if (!arn || arn->service != "iam" || !IsAccountId(arn->account) ||
      !arn->resource.starts_with("role/") || arn->resource.size() == 5) {
    return InvalidArgument("roleArn", "The role " + Quote(request.role_arn) +
                                          " is not an ARN of the form "
                                          "arn:aws:iam::111122223333:role/NAME.");
  }
  const std::string& name = request.session_name;
  if (name.size() < 2 || name.size() > 64 || !IsWord(name, "_+=,.@-")) {
    return InvalidArgument("roleSessionName", "The role session name " + Quote(name) +
                                                  " must have 2 to 64 characters of "
                                                  "A-Z a-z 0-9 _ + = , . @ -.");
  }
  const std::string& external_id = request.external_id;
  const bool id_ok =
      external_id.size() >= 2 && external_id.size() <= 1224 && IsWord(external_id, "_+=,.@:/-");
  if (!external_id.empty() && !id_ok) {  // May be a shared secret: not quoted.
    return InvalidArgument("externalId",
                           "The external id must have 2 to 1224 characters of "
                           "A-Z a-z 0-9 _ + = , . @ : / -.");
  }
  if (request.duration < std::chrono::seconds(900) ||
      request.duration > std::chrono::seconds(43200)) {
    return InvalidArgument("durationSeconds",
                           "The duration " + std::to_string(request.duration.count()) +
                               " of a role session must be 900 to 43200 seconds.");
  }
  if (request.policy.size() > 2048) {
    return InvalidArgument("policy", "A session policy has at most 2048 characters.");
  }
  if (request.tags.size() > kTagsMax) {
    return InvalidArgument("tags", "A role session has at most 50 tags.");
  }
  for (const SessionTag& tag : request.tags) {
    if (tag.key.empty() || tag.key.size() > kTagKeyCharsMax ||
        tag.value.size() > kTagValueCharsMax) {
      return InvalidArgument("tags", "The session tag " + Quote(tag.key) +
                                         " must have a key of 1 to 128 and a value of at most "
                                         "256 characters.");
    }
  }
  return {};
}

net::SecretBuffer AssumeRoleBody(const AssumeRoleRequest& request) {
  Form form("AssumeRole");
  AddCommon(request, form);
  if (!request.external_id.empty()) form.Add("ExternalId", request.external_id);
  std::size_t tags = 0, transitive = 0;
  for (const SessionTag& tag : request.tags) {
    const std::string member = "Tags.member." + std::to_string(++tags);
    form.Add(member + ".Key", tag.key);
    form.Add(member + ".Value", tag.value);
    if (tag.transitive) {
      form.Add("TransitiveTagKeys.member." + std::to_string(++transitive), tag.key);
    }
  }
  return form.Take();
}

net::SecretBuffer WebIdentityBody(const AssumeRoleRequest& request, std::string_view token) {
  Form form("AssumeRoleWithWebIdentity");
  AddCommon(request, form);
  form.Add("WebIdentityToken", token);
  return form.Take();
}

}  // namespace tenantseal::aws
