/* What the Python side hands over; leyden/soen/kernel/abi.py has the same structures for ctypes. */
#ifndef LEYDEN_SOEN_ABI_H
#define LEYDEN_SOEN_ABI_H

#include <stdint.h>

/* Changes whenever a structure or a function does, so that an old binary is never called with new arguments. */
#define LEYDEN_SOEN_ABI 1

enum source { TANH, TELU, SIMPLE_GELU, RELU, TANH_GAUSS, HEAVISIDE, RATES, RATES_EDGE };

/* A rate table with two rows of zeros above and below and two columns of zeros on the right. */
typedef struct {
    const void *cells;
    int64_t rows, columns; /* without the zeros */
    double low, high;      /* currents of the first and the last row */
} table;

/* Nodes start..stop-1 that are advanced together; `arms` is 1 for dendrites, 2 for multipliers. */
typedef struct {
    int64_t start, stop;
    int32_t source, arms;
} segment;

/* Nodes with one state each: s' = plus g(phi, bias - s) - minus s, phi = external + weight s + offset. */
typedef struct {
    int64_t batch, steps, nodes, segments, threads;
    int64_t phi_stride;     /* elements from one sample to the next */
    const void *phi;        /* (batch, steps, nodes), external flux */
    void *flux;             /* (batch, steps, nodes), external and recurrent flux, kept for the adjoint; or 0 */
    void *history;          /* (batch, steps + 1, nodes); step 0 is given */
    const void *weight;     /* (nodes, nodes), to by from; or 0 */
    const void *offset, *bias, *plus, *minus; /* (nodes) each */
    const void *g_noise, *s_noise;            /* (batch, steps, nodes), added to g and to the new state; or 0 */
    const segment *segment;
    table table;
    double dt;
} cells;

/* Adjoint of `cells`: from the gradient of the history to those of everything else. */
typedef struct {
    int64_t given_stride;   /* elements from one sample to the next */
    const void *given;      /* gradient of the history, (batch, steps + 1, nodes) */
    void *phi;              /* (batch, steps + 1, nodes), gradient of the flux; the last row is zero */
    void *start;            /* (batch, nodes), gradient of the first state */
    double *parameters;     /* (4, nodes), gradients of offset, bias, plus, minus; zero before the call */
} cells_adjoint;

#endif
