// The service's face of tenantseal/result.h, with the two macros that propagate errors.
#pragma once

#include "tenantseal/result.h"

// Returns the error of `expr` (a Result) from the enclosing function, if it has one.
#define TS_RETURN_IF_ERROR(expr)                                                  \
  do {                                                                            \
    if (auto ts_result = (expr); !ts_result) return std::move(ts_result).error(); \
  } while (false)

#define TS_CONCAT_INNER(a, b) a##b
#define TS_CONCAT(a, b) TS_CONCAT_INNER(a, b)

// TS_ASSIGN_OR_RETURN(auto x, F()): x is the value of F(), or its error is returned.
#define TS_ASSIGN_OR_RETURN(lhs, expr) \
  TS_ASSIGN_OR_RETURN_IMPL(TS_CONCAT(ts_r_, __LINE__), lhs, expr)
#define TS_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp) return std::move(tmp).error();       \
  lhs = std::move(*tmp)
