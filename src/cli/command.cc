#include "cli/command.h"

#include <CLI/App.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

namespace tenantseal::cli {
namespace {

// The one command of this process sets it; main() reads it.
int& Status() {
  static int status = kExitOk;
  return status;
}

Result<void> RunGuarded(const std::function<Result<void>()>& body) {
  try {
    return body();
  } catch (const std::exception& e) {  // Of the JSON library, or out of memory.
    return Internal(std::string("unexpected: ") + e.what());
  }
}

}  // namespace

int ExitStatusOf(const Error& error) {
  if (error.field == "interrupted") return kExitInterrupted;
  if (error.field == "file" && error.code != ErrorCode::kNotFound) return kExitFailure;
  if (error.encryption_code != 0) return kExitFailure;
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kTooLarge:
      return kExitUsage;
    case ErrorCode::kDecryptFailed:
      return kExitDoesNotOpen;
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kPermissionDenied:
      return kExitUnauthorised;
    case ErrorCode::kKeyUnavailable:
    case ErrorCode::kServiceFault:
    case ErrorCode::kRateLimited:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
      return kExitUnavailable;
    case ErrorCode::kKeyRevoked:
      return kExitKeyRevoked;
    case ErrorCode::kNotFound:
      return kExitNotFound;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kConflict:
      return kExitConflict;
    case ErrorCode::kUnsupportedMediaType:
    case ErrorCode::kIntegrity:
    case ErrorCode::kWouldBlock:
    case ErrorCode::kInternal:
      return kExitFailure;
  }
  return kExitFailure;
}

void OnCommand(CLI::App& command, std::function<Result<void>()> body) {
  command.callback([body = std::move(body)] {
    const auto outcome = RunGuarded(body);
    Status() = outcome ? kExitOk : ExitStatusOf(outcome.error());
    if (outcome) return;
    std::fflush(stdout);
    std::fprintf(stderr, "tenantseal: %s\n", outcome.error().message.c_str());
  });
}

int ExitStatus() { return Status(); }

int FinishOutput(int status) {
  std::cout.flush();
  const bool flushed = std::fflush(stdout) == 0;
  // The flags also tell of what was lost in an earlier write.
  if (flushed && std::ferror(stdout) == 0 && std::cout.good()) return status;
  std::fprintf(stderr, "tenantseal: cannot write the output\n");
  return status == kExitOk ? kExitFailure : status;
}

}  // namespace tenantseal::cli
