#include "identity/oidc_provider.h"

#include "base/log.h"

namespace tenantseal::identity {
namespace {

constexpr base::Duration kTimeout = std::chrono::seconds(5);

}  // namespace

Result<net::HttpResponse> OidcProvider::Fetch(const std::string& url) const {
  net::HttpRequest request;
  request.url = url;
  request.headers = {{"Accept", "application/json"}};
  request.timeout = kTimeout;
  auto response = http_.Send(request);
  Error error{ErrorCode::kUnavailable, url + ": "};
  if (response && response->status == 200) return response;
  error.message += response ? "HTTP " + std::to_string(response->status) : response.error().message;
  base::LogWarning("the OpenID Connect provider does not answer", {{"reason", error.message}});
  return error;
}

Result<OidcMetadata> OidcProvider::Metadata() {
  return metadata_.Get(false, clock_, [this]() -> Result<OidcMetadata> {
    TS_ASSIGN_OR_RETURN(const net::HttpResponse response, Fetch(MetadataUrl(issuer_)));
    auto metadata = ParseOidcMetadata(response.body.Reveal(), issuer_);
    if (!metadata) {
      base::LogWarning("the OpenID Connect provider is not usable",
                       {{"reason", metadata.error().message}});
    }
    return metadata;
  });
}

Result<KeySet> OidcProvider::Keys(bool insist) {
  TS_ASSIGN_OR_RETURN(const OidcMetadata metadata, Metadata());
  return keys_.Get(insist, clock_, [&]() -> Result<KeySet> {
    TS_ASSIGN_OR_RETURN(const net::HttpResponse response, Fetch(metadata.jwks_uri));
    return KeySet::Parse(response.body.Reveal());
  });
}

Result<nlohmann::json> OidcProvider::Verify(std::string_view token) {
  TS_ASSIGN_OR_RETURN(const JwsHeader header, ReadJwsHeader(token));
  TS_ASSIGN_OR_RETURN(KeySet keys, Keys(false));
  if (!keys.Has(header)) {
    // The provider may have changed its keys.
    TS_ASSIGN_OR_RETURN(keys, Keys(true));
  }
  return keys.Verify(token, header);
}

}  // namespace tenantseal::identity
