/* What the Python side hands over; leyden/soen/kernel/abi.py has the same structures for ctypes. */
#ifndef LEYDEN_SOEN_ABI_H
#define LEYDEN_SOEN_ABI_H

#include <stdint.h>

/* Changes whenever a structure or a function does, so that an old binary is never called with new arguments. */
#define LEYDEN_SOEN_ABI 3

enum source { TANH, TELU, SIMPLE_GELU, RELU, TANH_GAUSS, HEAVISIDE, RATES, RATES_EDGE };

/* A rate table with two rows of zeros above and below and two columns of zeros on the right. */
typedef struct {
    const void *cells;
    int64_t rows, columns; /* without the zeros */
    double low, high;      /* currents of the first and the last row */
} table;

/* Nodes with one state each: s' = plus g(flux + offset, bias - s) - minus s; `arms` is 1 for dendrites, 2 for
   multipliers. The flux is the external one and what wires bring. What begins with `by` is a gradient, which the
   adjoint fills; of these and of what has an "or 0", any may be absent. */
typedef struct {
    int64_t nodes;
    int32_t source, arms;
    int64_t phi_stride, start_stride, given_stride; /* elements from one sample to the next */
    const void *phi;        /* (batch, steps, nodes), external flux; or 0 */
    const void *start;      /* (batch, nodes), states before the first step; or 0 for zeros */
    const void *offset, *bias, *plus, *minus; /* (nodes) each */
    const void *g_noise, *s_noise;            /* (batch, steps, nodes), added to g and to the new state; or 0 */
    void *flux;             /* (batch, steps, nodes), the whole flux, kept for the adjoint; or 0 */
    void *history;          /* (batch, steps + 1, nodes) */
    const void *given;      /* gradient of the history; or 0 */
    void *by_phi;           /* (batch, steps, nodes) */
    void *by_start;         /* (batch, nodes) */
    void *by_offset, *by_bias, *by_plus, *by_minus; /* (nodes) each */
} segment;

/* A signal from outside, known for all steps. */
typedef struct {
    int64_t nodes, stride;  /* elements from one sample to the next */
    const void *at;         /* (batch, steps, nodes) */
    void *by;               /* (batch, steps, nodes), zero before the adjoint */
} outer;

/* A matrix product: flux of segment `to` += weight state of segment `from`, or weight signal for outer -1 - `from`. */
typedef struct {
    int64_t from, to;
    int64_t late;           /* whether the state is that before the step; else `from` comes before `to` */
    const void *weight;     /* (to, from) */
    void *by;
} wire;

/* Segments that step together, in order. */
typedef struct {
    int64_t batch, steps, threads, segments, outers, wires;
    const segment *segment;
    const outer *outer;
    const wire *wire;
    table table;
    double dt, by_dt;
} cells;

/* A connection with a multiplier for each of its edges, which are sorted by target. With collection coils an edge has
   one state and flux = out * sum of a target's states; without, it has two arms, and each target one output m. */
typedef struct {
    int64_t batch, steps, from, to, edges, threads, source;
    int64_t coils;          /* whether there are collection coils: WICC, else NOCC */
    int64_t keep;           /* whether the states of every step are kept for the adjoint, else only the last */
    int64_t signal_stride;  /* elements from one sample to the next */
    const void *signal;     /* (batch, steps, from), states of the source nodes */
    const int32_t *start;   /* (edges), source node of each */
    const int32_t *first;   /* (to + 1), first edge of each target */
    const void *program;    /* (edges), the flux that programs each */
    const void *out;        /* (to), from states to flux */
    const void *inductance; /* (to), of the output; NOCC */
    void *states;           /* (batch, keep ? steps + 1 : 1, states); step 0 is given. WICC: one an edge;
                               NOCC: both arms of every edge, then the outputs */
    void *flux;             /* (batch, steps, to) */
    table table;
    double dt, j_in, bias;
    double plus, minus;           /* WICC */
    double alpha, beta, beta_out; /* NOCC */
} edges;

/* Adjoint of `edges`. */
typedef struct {
    int64_t flux_stride;    /* elements from one sample to the next */
    const void *flux;       /* gradient of the flux, (batch, steps, to) */
    void *states;           /* (batch, states), of the last states on entry, of the first ones on return */
    void *signal;           /* (batch, steps, from), zero before the call */
    double *program;        /* (edges), zero before the call */
} edges_adjoint;

#endif
