// CHECK(invariant) aborts the process when the invariant does not hold. Never used on input.
#pragma once

#include <cstdio>
#include <cstdlib>

#define TS_CHECK(condition)                                                                  \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
