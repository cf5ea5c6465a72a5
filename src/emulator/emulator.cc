#include "emulator/emulator.h"

#include <charconv>

#include "aws/arn.h"
#include "aws/region.h"
#include "base/log.h"
#include "emulator/admin.h"
#include "emulator/demo.h"
#include "emulator/front.h"
#include "emulator/page.h"
#include "emulator/seed.h"
#include "net/worker_pool.h"

namespace tenantseal::emulator {
namespace {

constexpr std::size_t kWorkers = 4;
constexpr std::size_t kBodyBytesMax = 64 << 20;  // Of a snapshot; calls have their own bound.

bool IsLoopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

}  // namespace

std::string ListenAddress::url() const {
  const bool v6 = address.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

Result<ListenAddress> ParseListenAddress(const std::string& text, const std::string& flag,
                                         bool with_region) {
  ListenAddress out;
  const Error error = InvalidArgument(
      flag, "'" + text + "' is not an address; write " +
                (with_region ? "us-east-1=127.0.0.1:4600." : "127.0.0.1:4599 or [::1]:4599."));
  std::string_view rest = text;
  if (with_region) {
    const std::size_t equals = rest.find('=');
    if (equals == rest.npos || !aws::PartitionOfRegion(rest.substr(0, equals))) return error;
    out.region = rest.substr(0, equals);
    rest.remove_prefix(equals + 1);
  }
  const std::size_t colon = rest.rfind(':');
  if (colon == rest.npos || colon == 0) return error;
  std::string_view address = rest.substr(0, colon);
  if (address.front() == '[' && address.back() == ']') address = address.substr(1, colon - 2);
  out.address = address == "localhost" ? "127.0.0.1" : address;
  const std::string_view port = rest.substr(colon + 1);
  const auto [end, code] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (code != std::errc() || end != port.data() + port.size()) return error;
  return out;
}

// Members stand in the order of their making.
struct Emulator::Parts {
  Parts(std::unique_ptr<World> the_world, Seed the_seed, const EmulatorOptions& options,
        const base::Clock& clock, const base::Random& random)
      : world(std::move(the_world)),
        seed(std::move(the_seed)),
        faults(random),
        trail(random, trail_limits),
        trail_service(*world, trail, clock, random),
        auth(*world, clock, options.allow_unsigned ? options.account : ""),
        kms(*world),
        sts(*world, options.allow_unsigned),
        workers({.threads = kWorkers, .queued_max = 1024, .queued_per_key_max = 1024}) {
    sts.SetWebIdentities(seed.web_identities);
    world->OnServiceEvent([this](const ServiceEvent& event) { trail.Add(event); });
  }

  const std::unique_ptr<World> world;
  const Seed seed;
  const TrailLimits trail_limits;
  FaultRules faults;
  Trail trail;
  std::unique_ptr<TrailFile> trail_file;
  TrailService trail_service;
  Authenticator auth;
  KmsService kms;
  StsService sts;
  std::unique_ptr<Admin> admin;
  std::unique_ptr<Page> page;
  net::WorkerPool workers;
  std::vector<std::unique_ptr<Front>> fronts;
  std::vector<std::unique_ptr<net::HttpServer>> servers;
  std::vector<ListenAddress> listeners;
};

Emulator::Emulator(const base::Clock& clock, const base::Random& random)
    : clock_(clock), random_(random) {}
Emulator::~Emulator() = default;

Result<void> Emulator::Start(const EmulatorOptions& options) {
  if (!aws::IsAccountId(options.account)) {
    return InvalidArgument("--account",
                           "'" + options.account + "' is no account id; it has twelve digits.");
  }
  TS_ASSIGN_OR_RETURN(Seed seed, options.seed_file.empty()
                                     ? ParseSeed(DefaultSeedJson(), "the default seed")
                                     : ReadSeed(options.seed_file));
  TS_ASSIGN_OR_RETURN(std::unique_ptr<World> world,
                      World::Open(options.state_file, clock_, random_));
  parts_ = std::make_unique<Parts>(std::move(world), std::move(seed), options, clock_, random_);
  Parts& parts = *parts_;
  if (!options.state_file.empty()) {
    TS_ASSIGN_OR_RETURN(parts.trail_file,
                        TrailFile::Open(options.state_file + ".trail", parts.trail,
                                        parts.trail_limits.records_max));
  }
  const auto fill = [&parts, options]() -> Result<void> {
    TS_RETURN_IF_ERROR(ApplySeed(parts.seed, *parts.world));
    if (options.allow_unsigned) TS_RETURN_IF_ERROR(parts.world->AddAccount(options.account));
    if (options.demo) TS_RETURN_IF_ERROR(AddDemoKey(*parts.world));
    return {};
  };
  TS_RETURN_IF_ERROR(fill());
  parts.admin = std::make_unique<Admin>(*parts.world, parts.faults, parts.trail,
                                        parts.trail_service, parts.trail_file.get(), clock_, fill);
  TS_RETURN_IF_ERROR(parts.admin->SettleReplicas());  // Faults have ended with their process.
  parts.page = std::make_unique<Page>(*parts.world, parts.kms, parts.trail, options.admin_anywhere);
  for (ListenAddress listener : options.listeners) {
    const bool admin = options.admin_anywhere || IsLoopback(listener.address);
    parts.fronts.push_back(std::make_unique<Front>(
        Services{*parts.world, parts.auth, parts.faults, parts.kms, parts.sts, parts.trail_service,
                 parts.trail, *parts.admin, *parts.page},
        FrontOptions{.region = listener.region, .admin = admin}));
    net::HttpServerOptions server;
    server.address = listener.address;
    server.port = listener.port;
    server.threads = options.threads;
    server.body_bytes_max = kBodyBytesMax;
    parts.servers.push_back(std::make_unique<net::HttpServer>(server, *parts.fronts.back(),
                                                              parts.workers, clock_, random_));
    TS_RETURN_IF_ERROR(parts.servers.back()->Start());
    listener.port = parts.servers.back()->Port();
    parts.listeners.push_back(listener);
    base::LogInfo("listening", {{"url", listener.url()},
                                {"region", listener.region.empty() ? "every" : listener.region}});
  }
  return {};
}

std::string Emulator::url() const { return parts_->listeners.front().url(); }

void Emulator::Stop() {
  if (!parts_) return;
  for (auto& server : parts_->servers) server->Drain(std::chrono::seconds(3));
  parts_->workers.Stop();
  if (parts_->trail_file) {
    if (auto flushed = parts_->trail_file->Flush(); !flushed)
      base::LogError("the trail is not kept", {{"reason", flushed.error().message}});
  }
}

}  // namespace tenantseal::emulator
