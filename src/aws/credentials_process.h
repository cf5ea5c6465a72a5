// Runs the program that a profile names as its source of credentials. Private to aws/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace tenantseal::aws {

inline constexpr std::size_t kProcessOutputBytesMax = 64 << 10;

// Splits a command as a POSIX shell splits words: white space, '...', "..." and backslashes, and
// nothing else; no variable, pattern or pipe means anything. kInvalidArgument: an open quote, or
// no word.
Result<std::vector<std::string>> SplitCommand(std::string_view command);

// Runs `words` without a shell and returns what it writes to standard output. Standard input is
// empty, standard error is ours. kServiceFault: it cannot be run, fails, or writes more than
// kProcessOutputBytesMax. kKeyUnavailable: `time` has passed; it and what it started are killed.
Result<base::SecretBytes> RunProcess(const std::vector<std::string>& words, base::Duration time);

}  // namespace tenantseal::aws
