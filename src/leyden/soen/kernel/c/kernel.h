/* Time loops of superconducting circuits and their adjoints. Plain C with vector extensions of GCC and Clang: no headers
   of Python or torch, so one binary serves every version of both.

   This is the beginning of each unit, which is compiled twice: with BITS 32 for single and 64 for double precision. */
#ifndef LEYDEN_SOEN_KERNEL_H
#define LEYDEN_SOEN_KERNEL_H

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

/* Samples of a block: as many as a thread takes at once. */
#define BLOCK_ROWS 32

#if BITS == 32
#define REAL float
#define SINGLE 1
#define NAME(x) x##_f32
#else
#define REAL double
#define SINGLE 0
#define NAME(x) x##_f64
#endif

#include "elementary.inc"
#include "sources.inc"
#include "product.inc"

#endif
