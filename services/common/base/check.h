#pragma once

#include <cstdio>
#include <cstdlib>

// For our own bugs only, on in every build. What the network or the operator can cause is handled,
// counted and tested instead.
#define HW_CHECK(condition)                                                              \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
