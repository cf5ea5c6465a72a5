// cli/ is the command line `tenantseal`. One command, or one family of commands, per file; each
// registers itself with a function `void Add<Name>Command(CLI::App& app)` that main.cc calls.
//
// A command promises: results on standard output and nothing else there; progress, warnings and
// errors on standard error; one of the exit statuses below; no output file unless everything was
// verified. It asks for no API key or other secret as an argument, where other users of the machine
// could read it; the one that it takes (an Authorization header, api.h) it warns of. It never
// prints a key except where that is the command's purpose.
//
// Commands talk to the service through sdk/; only serve, root, backup, restore and `events verify`,
// which work on a data directory, call server/, and `aws` calls aws/.
#pragma once

#include <functional>

#include "base/result.h"

namespace CLI {
class App;
}

namespace tenantseal::cli {

// Exit statuses that scripts may rely on.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;        // A file, a disk, a defect, a refusal "Encryption-n".
inline constexpr int kExitUsage = 2;          // The command line, or a value in it, is wrong.
inline constexpr int kExitDoesNotOpen = 3;    // Tampered, truncated, foreign, or another context.
inline constexpr int kExitUnauthorised = 4;   // No valid API key, or its role is too small.
inline constexpr int kExitUnavailable = 5;    // Service or key cannot be reached now. Retry later.
inline constexpr int kExitKeyRevoked = 6;     // The key's owner has withdrawn it. Do not retry.
inline constexpr int kExitNotFound = 7;       // The named tenant, key or file does not exist.
inline constexpr int kExitConflict = 8;       // The present state forbids it.
inline constexpr int kExitInterrupted = 130;  // SIGINT or SIGTERM; nothing was left behind.

// The status for an error, by its code.
int ExitStatusOf(const Error& error);

// Makes `command` run `body` when it is chosen. An error is printed to standard error as
// "tenantseal: <message>" and decides the exit status of the process.
void OnCommand(CLI::App& command, std::function<Result<void>()> body);

// What main() returns once the command line has been parsed and the command has run.
int ExitStatus();

// Writes out what standard output still holds. Returns `status`, or kExitFailure in place of
// kExitOk, with a message, when any of the output was lost: the disk is full, or nobody reads.
int FinishOutput(int status);

}  // namespace tenantseal::cli
