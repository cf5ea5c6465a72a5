// A file of the console, as it is embedded.
#pragma once

#include <span>
#include <string_view>

#include "base/bytes.h"

namespace tenantseal::console {

// All views are of static storage.
struct File {
  std::string_view path;  // From the root of the site: "/index.html", "/assets/x-1a2b.js".
  std::string_view content_type;
  std::string_view hash;   // Of the contents; ETags are made of it.
  bool immutable = false;  // The name changes with the contents.
  base::ByteSpan plain;
  base::ByteSpan gzip = {};  // The same, compressed; empty where that saves nothing.
  base::ByteSpan brotli = {};
};

// Those of this binary; /index.html is always among them. Without the console, TENANTSEAL_CONSOLE
// being OFF, that is a page which says so.
std::span<const File> EmbeddedFiles();

}  // namespace tenantseal::console
