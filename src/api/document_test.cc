// Holds routes, openapi.json and docs/errors.md equal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "api/error_table.h"
#include "api/routes.h"

namespace tenantseal::api {
namespace {

using nlohmann::json;

const json& Document() {
  static const json document = json::parse(OpenApiDocument());
  return document;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return out;
}

TEST(OpenApi, HasExactlyTheRoutes) {
  std::set<std::string> documented, served;
  for (const auto& [path, methods] : Document()["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) documented.insert(method + " " + path);
  }
  for (const Route& route : AllRoutes()) {
    served.insert(Lower(net::MethodName(route.method)) + " " + std::string(route.pattern));
  }
  EXPECT_EQ(documented, served);
}

TEST(OpenApi, SaysWhichRoutesArePublic) {
  for (const Route& route : AllRoutes()) {
    const json& operation =
        Document()["paths"][std::string(route.pattern)][Lower(net::MethodName(route.method))];
    const bool open = operation.contains("security") && operation["security"].empty();
    EXPECT_EQ(open, route.access == Access::kPublic) << route.pattern;
  }
}

void CollectRefs(const json& node, std::set<std::string>& refs) {
  if (node.is_object() && node.contains("$ref")) refs.insert(node["$ref"].get<std::string>());
  if (node.is_structured()) {
    for (const auto& [key, child] : node.items()) CollectRefs(child, refs);
  }
}

TEST(OpenApi, EveryReferenceResolvesAndEverySchemaIsUsed) {
  std::set<std::string> refs;
  CollectRefs(Document(), refs);
  for (const std::string& ref : refs) {
    EXPECT_TRUE(Document().contains(json::json_pointer(ref.substr(1)))) << ref;
  }
  for (const auto& [name, schema] : Document()["components"]["schemas"].items()) {
    EXPECT_TRUE(refs.contains("#/components/schemas/" + name)) << name << " is used nowhere";
  }
}

TEST(OpenApi, OperationIdsAreUnique) {
  std::set<std::string> ids;
  for (const auto& [path, methods] : Document()["paths"].items()) {
    for (const auto& [method, operation] : methods.items()) {
      EXPECT_TRUE(ids.insert(operation["operationId"].get<std::string>()).second) << path;
    }
  }
}

TEST(ErrorDocument, HasExactlyTheCodes) {
  std::ifstream file(TENANTSEAL_SOURCE_DIR "/docs/errors.md");
  ASSERT_TRUE(file);
  std::set<std::pair<std::string, int>> documented, known;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) continue;
    const std::size_t end = line.find('`', 3);
    const std::size_t bar = line.find('|', end);
    documented.insert({line.substr(3, end - 3), std::stoi(line.substr(bar + 1))});
  }
  for (const ErrorRow& row : AllErrorRows()) known.insert({std::string(row.code), row.status});
  EXPECT_EQ(documented, known);
}

}  // namespace
}  // namespace tenantseal::api
