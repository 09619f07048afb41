/* Time loops of superconducting circuits and their adjoints, in single and double precision. Plain C with vector
   extensions of GCC and Clang: no headers of Python or torch, so one binary serves every version of both. */

#include <math.h>
#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "abi.h"
#include "threads.h"

#define EXPORT __attribute__((visibility("default")))

/* bytes of a vector, and rows of a register block: as many as registers hold */
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define ROWS 8
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#define ROWS 4
#else
#define VECTOR_BYTES 16
#if defined(__aarch64__)
#define ROWS 8
#else
#define ROWS 4
#endif
#endif

/* In a loop: keeps compilers from making it what it stands for but is slower, such as a gather or a call of memcpy. */
#define AS_WRITTEN __asm__ volatile("")

/* Sums over samples and steps go from single to double precision after so many steps. */
#define FLUSH 32

EXPORT int leyden_soen_abi(void) { return LEYDEN_SOEN_ABI; }

#define REAL float
#define SINGLE 1
#define NAME(x) x##_f32
#include "elementary.inc"
#include "sources.inc"
#include "product.inc"
#include "cells.inc"
#include "loop.inc"
#include "call.inc"
#include "edges.inc"
#include "layers.inc"
#include "band.inc"
#include "together.inc"
#undef REAL
#undef SINGLE
#undef NAME
#undef INLINE
#undef FLOOR
#undef RINT
#undef ABS
#undef SQRT
#undef LANES
#undef FUSED
#undef MULTIPLY_ADD
#undef BLOCK
#undef BLOCKS
#undef PIECE
#undef LOOK
#undef DRIVEN
#undef INSTANCES
#undef BLOCK_ROWS
#undef AT_ONCE
#undef LONGEST
#undef EDGE_INSTANCES
#undef LAYER_INSTANCES
#undef RARE

#define REAL double
#define SINGLE 0
#define NAME(x) x##_f64
#include "elementary.inc"
#include "sources.inc"
#include "product.inc"
#include "cells.inc"
#include "loop.inc"
#include "call.inc"
#include "edges.inc"
#include "layers.inc"
#include "band.inc"
#include "together.inc"
