// Takes the place of the embedded files where TENANTSEAL_CONSOLE is OFF.
#include <array>

#include "console/file.h"

namespace tenantseal::console {
namespace {

constexpr std::string_view kPage = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tenantseal</title>
<h1>Tenantseal</h1>
<p>This build has no console. <code>make build</code> makes one that has;
the option <code>TENANTSEAL_CONSOLE=OFF</code> leaves it out.</p>
<p>The API is here: <a href="/openapi.json">/openapi.json</a> describes it.</p>
</html>
)";

}  // namespace

std::span<const File> EmbeddedFiles() {
  static const std::array kFiles = {File{.path = "/index.html",
                                         .content_type = "text/html; charset=utf-8",
                                         .hash = "without-console-1",
                                         .plain = base::AsBytes(kPage)}};
  return kFiles;
}

}  // namespace tenantseal::console
