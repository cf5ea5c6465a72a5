// Rotation against a plain loop: how fast every managed data key is moved to a new tenant key.
//
//   rotate_bench DIR [KEYS]      default 1,000,000 keys
//
// Prints `rotate N` (data keys a second of the service's job) and `loop N` (of the plain loop of
// rewrap_ground.h), then their ratio. Both work on copies of one database.
#include <atomic>
#include <chrono>
#include <filesystem>

#include "rewrap_ground.h"

namespace tenantseal::bench {
namespace {

namespace fs = std::filesystem;

// Seconds of the job, the new version's making apart.
double TimeRotation(Setup& setup, const std::string& path, const model::TenantId& tenant,
                    std::size_t count) {
  const auto store = setup.Open(path);
  Process process(setup, *store);
  Must(process.rotation.Start(tenant, "bench", setup.Soon()));
  const std::atomic<bool> stop{false};
  const auto start = std::chrono::steady_clock::now();
  process.rotation.RunJobs(stop);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const auto job = Must(process.rotation.Job(tenant));
  if (!job || job->state != model::RewrapState::kDone || job->done != count || job->failed != 0) {
    std::fprintf(stderr, "rotate_bench: the job did not move every key\n");
    std::exit(1);
  }
  return took.count();
}

int Run(const std::string& directory, std::size_t count) {
  Setup setup;
  const std::string full = directory + "/rotate.db", copy = directory + "/rotate-copy.db";
  for (const std::string& path : {full, copy}) RemoveDatabase(path);
  model::TenantId tenant;
  {
    const auto store = setup.Open(full);
    Process process(setup, *store);
    tenant = Must(process.tenants.Create("Bench", "us-east-1", "bench", setup.Soon())).id;
    MintDataKeys(setup, process, tenant, count);
  }
  double best = 0;
  for (int round = 0; round < 2; ++round) {
    double seconds[2];
    for (int which : {round % 2, 1 - round % 2}) {  // Each goes first once.
      RemoveDatabase(copy);
      fs::copy_file(full, copy);
      seconds[which] = which == 0 ? TimeRotation(setup, copy, tenant, count)
                                  : TimeLoop(setup, copy, tenant, count);
    }
    const auto number = static_cast<double>(count);
    std::printf("rotate %.0f\nloop %.0f\n", number / seconds[0], number / seconds[1]);
    std::fflush(stdout);
    best += seconds[1] / seconds[0] / 2;
  }
  std::printf("ratio %.2f\n", best);
  for (const std::string& path : {full, copy}) RemoveDatabase(path);
  return 0;
}

}  // namespace
}  // namespace tenantseal::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: rotate_bench DIR [KEYS]\n");
    return 2;
  }
  return tenantseal::bench::Run(argv[1],
                                argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000);
}
