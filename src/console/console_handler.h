// console/ is the web console's server side: the files that `npm run build` makes of the folder
// console/ at the top of the tree, embedded in the binary, and the handler that serves them. It
// knows nothing of tenants, keys or sessions: the console is static, public, and the same for
// everyone; what it shows comes from the API, under the API's rules.
//
// Promises: a page of the console runs no script and no style but its own files, is shown in no
// frame, and may be kept by a browser only as long as it is what this binary holds; no request
// names a file of the machine.
//
// This file: which requests are the console's. file.h: what is embedded.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "console/file.h"
#include "net/http_server.h"

namespace tenantseal::console {

// Answers GET and HEAD of `files`, and gives /index.html for "/" and for every other path that
// belongs to no API when the client asks for HTML: the console finds its way from there. Everything
// else goes to `inner`. Thread-safe; never needs a worker for its own answers.
class ConsoleHandler final : public net::HttpHandler {
 public:
  // Both outlive the handler. `files` must hold /index.html.
  ConsoleHandler(std::span<const File> files, net::HttpHandler& inner);

  std::optional<net::Response> HandleNow(net::Request& request) override;
  net::Response HandleBlocking(net::Request& request) override;
  std::size_t BodyBytesMax(const net::Request& request) const override;
  net::Response Overloaded(net::Request& request) override;
  net::Response Refused(int status, std::string_view detail, std::string_view request_id) override;

 private:
  const File* Find(std::string_view path) const;
  // Null: not the console's.
  const File* FileFor(const net::Request& request) const;

  const std::span<const File> files_;
  net::HttpHandler& inner_;
};

}  // namespace tenantseal::console
