// Where the keyring runs what may wait for a key provider and that no request waits for.
#pragma once

#include <functional>
#include <string_view>

namespace tenantseal::keyring {

// Thread-safe. Bounded: how many tasks run at once, and how many wait.
class Executor {
 public:
  using Task = std::move_only_function<void()>;
  virtual ~Executor() = default;
  // Runs `task` once, on any thread, or returns false and drops it: then it is offered again later.
  // Tasks of one `domain` (what may fail as a whole: a provider's region) may not take the places
  // of all others. Does not block.
  virtual bool Submit(std::string_view domain, Task task) = 0;
};

}  // namespace tenantseal::keyring
