#include "aws/sign_request.h"

#include <utility>
#include <vector>

#include "aws/sigv4.h"

namespace tenantseal::aws {

void SignRequest(net::HttpRequest& request, const Credentials& credentials, std::string_view region,
                 std::string_view service, base::UtcTime now) {
  std::string_view path = request.url;
  path.remove_prefix(path.find("://") + 3);
  const std::string_view host = path.substr(0, path.find('/'));
  path.remove_prefix(host.size());
  std::vector<std::pair<std::string_view, std::string_view>> headers = {{"host", host}};
  for (const auto& [name, value] : request.headers) headers.emplace_back(name, value);
  const SignableRequest signable{"POST", path.empty() ? "/" : path, {}, headers, request.body};
  for (auto& [name, value] :
       Sign(signable, credentials.access_key_id, credentials.secret_access_key,
            credentials.session_token, region, service, now)) {
    request.headers.push_back({std::move(name), std::move(value)});
  }
}

}  // namespace tenantseal::aws
