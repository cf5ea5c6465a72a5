// For the tests of what talks to AWS: an HTTP client made of a function, and AWS's replies.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "aws/region.h"
#include "base/mutex.h"
#include "net/http_client.h"

namespace tenantseal::aws::testing {

// A request as it was sent.
struct Sent {
  net::Method method;
  std::string url, body;
  std::map<std::string, std::string> headers;
};

// Answers by a function; keeps what was sent. Thread-safe if the function is.
class FakeHttp final : public net::HttpClient {
 public:
  using Answer = std::function<Result<net::HttpResponse>(const Sent&)>;
  explicit FakeHttp(Answer given) : answer(std::move(given)) {}
  Result<net::HttpResponse> Send(const net::HttpRequest& request) const override {
    Sent sent{request.method, request.url, std::string(base::AsText(request.body)), {}};
    for (const auto& header : request.headers) sent.headers[header.name] = header.value;
    {
      base::MutexLock lock(mutex_);
      sent_.push_back(sent);
    }
    return answer(sent);
  }
  std::vector<Sent> sent() const {
    base::MutexLock lock(mutex_);
    return sent_;
  }

  Answer answer;

 private:
  mutable base::Mutex mutex_;
  mutable std::vector<Sent> sent_ TS_GUARDED_BY(mutex_);
};

inline net::HttpResponse Reply(int status, std::string_view body) {
  net::HttpResponse response;
  response.status = status;
  response.body = base::SecretBytes::CopyOf(base::AsBytes(body));
  return response;
}
inline Error NoConnection() { return {ErrorCode::kUnavailable, "no connection"}; }

// A session of STS's "AssumeRole" or "AssumeRoleWithWebIdentity".
inline std::string SessionXml(const std::string& action, const std::string& id,
                              const std::string& expiration) {
  return "<" + action + "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <" +
         action +
         "Result><AssumedRoleUser><AssumedRoleId>AROAX:s</AssumedRoleId>"
         "<Arn>arn:aws:sts::111122223333:assumed-role/r/s</Arn></AssumedRoleUser><Credentials>"
         "<AccessKeyId>" +
         id +
         "</AccessKeyId><SecretAccessKey>session/secret+1</SecretAccessKey>"
         "<SessionToken>token-of-" +
         id + "</SessionToken><Expiration>" + expiration + "</Expiration></Credentials></" +
         action +
         "Result><ResponseMetadata><RequestId>req-1"
         "</RequestId></ResponseMetadata></" +
         action + "Response>";
}
inline std::string ErrorXml(const std::string& code, const std::string& message) {
  return "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender"
         "</Type><Code>" +
         code + "</Code><Message>" + message +
         "</Message></Error><RequestId>req-2</RequestId></ErrorResponse>";
}

inline Environment FakeEnvironment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

}  // namespace tenantseal::aws::testing
