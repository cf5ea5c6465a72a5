// The front: HTTP in, HTTP out. Finds the service and operation of a request, lets faults strike,
// has the signature verified, calls the service and records the call in the trail.
//
// Operations that change nothing and wait for nothing are answered on the I/O thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "emulator/auth.h"
#include "emulator/faults.h"
#include "emulator/kms_service.h"
#include "emulator/sts_service.h"
#include "emulator/trail.h"
#include "emulator/trail_service.h"
#include "net/http_server.h"

namespace tenantseal::emulator {

class Admin;
class Page;

// What every front works with; outlives it.
struct Services {
  World& world;
  Authenticator& auth;
  FaultRules& faults;
  KmsService& kms;
  StsService& sts;
  TrailService& trail_service;
  Trail& trail;
  Admin& admin;
  Page& page;
};

// One listener's ways.
struct FrontOptions {
  std::string region;                        // Bound to it; empty: the credential scope says.
  std::string default_region = "us-east-1";  // Of unsigned requests.
  bool admin = true;                         // Answers the paths under /_emulator/.
};

// Which service and operation a request calls.
struct Target {
  std::string service, operation;
  std::optional<Fault> fault;
  StsForm form;
};
Target TargetOf(const net::Request& request);

class Front final : public net::HttpHandler {
 public:
  Front(Services services, FrontOptions options)
      : services_(services), options_(std::move(options)) {}

  std::optional<net::Response> HandleNow(net::Request& request) override;
  net::Response HandleBlocking(net::Request& request) override;
  std::size_t BodyBytesMax(const net::Request& request) const override;
  net::Response Overloaded(net::Request& request) override;
  net::Response Refused(int status, std::string_view detail, std::string_view request_id) override;

 private:
  net::Response Serve(net::Request& request, Target target);
  net::Response ServeAs(net::Request& request, Target& target, Call& call, const Claim& claim);
  Reply CallService(Call& call, const Target& target, std::string_view body, TrailNote& note);
  std::string RegionOf(const Claim& claim) const;

  const Services services_;
  const FrontOptions options_;
};

}  // namespace tenantseal::emulator
