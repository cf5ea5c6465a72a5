#include "cli/list_pages.h"

#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace tenantseal::cli {
namespace {

constexpr int kPagesMax = 1000;

}  // namespace

std::string NextPagePath(const nlohmann::json& page) {
  const auto links = page.find("links");
  if (links == page.end() || !links->is_object() || !links->contains("next") ||
      !(*links)["next"].is_object())
    return "";
  const std::string href = Text((*links)["next"], "href");
  const std::size_t scheme = href.find("://");
  const std::size_t path = href.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  return path == std::string::npos ? "" : href.substr(path);
}

Result<nlohmann::json> ListPages(const sdk::Rest& rest, const std::string& path) {
  nlohmann::json all = nlohmann::json::array();
  std::string next = path;
  for (int page = 0; page < kPagesMax; ++page) {
    TS_ASSIGN_OR_RETURN(const base::SecretBytes body,
                        rest.Call(net::Method::kGet, next, {}, sdk::Rest::Repeat::kAnyFailure));
    TS_ASSIGN_OR_RETURN(const nlohmann::json answer, ParseAnswer(body));
    const auto data = answer.find("data");
    if (data == answer.end() || !data->is_array()) return UnexpectedAnswer("holds no list");
    all.insert(all.end(), data->begin(), data->end());
    next = NextPagePath(answer);
    if (next.empty()) return all;
  }
  return Error{ErrorCode::kTooLarge,
               "The list has more than 1,000 pages: read it from the API, with its filters."};
}

}  // namespace tenantseal::cli
