/* What the Python side hands over; leyden/soen/kernel/abi.py has the same structures for ctypes. */
#ifndef LEYDEN_SOEN_ABI_H
#define LEYDEN_SOEN_ABI_H

#include <stdint.h>

/* Changes whenever a structure or a function does, so that an old binary is never called with new arguments. */
#define LEYDEN_SOEN_ABI 6

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
    int64_t logs;           /* whether plus and minus are given as their logarithms, and their gradients wanted by those */
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
    int64_t program_stride; /* elements from one step to the next, 0 where all steps have the same */
    const void *program;    /* (edges) or (steps, edges), the flux that programs each */
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
    double *program;        /* as `edges.program`, zero before the call */
    double *dt;             /* (1), zero before the call */
} edges_adjoint;

/* One number a node, of every sample and step; strides are 0 where it does not change. */
typedef struct {
    const void *at;
    void *gradient;         /* where it changes: (batch, steps, nodes), zero before the adjoint */
    int64_t by_sample, by_step;
} field;

/* x becomes x + share |x| + added; (batch, steps, nodes) each, or 0. */
typedef struct { void *share; const void *added; } noise;

enum kind { DENDRITE, COILS, ARMS, SOMA };

/* offset, bias, then: plus and minus of a dendrite or a multiplier with coils; of a soma also its threshold;
   alpha, beta, beta_out of a multiplier without coils */
#define SLOTS 5

/* A layer among others that step together. */
typedef struct {
    int64_t start, nodes;   /* place among the nodes of all */
    int64_t hidden;         /* place among the hidden states of all; arms: s1 of all nodes, then s2 */
    int64_t connections;    /* into it */
    int32_t kind, source;
    field slot[SLOTS];
    const void *fan_in;     /* (nodes), arms */
    noise phi, g, s;        /* the loop leaves in phi.share the derivative of what it adds */
    double width, height;   /* of the triangle that stands for the derivative of a spike */
} layer;

/* A connection into a layer, from it or another. */
typedef struct {
    int64_t source;         /* number of the layer that it comes from */
    int32_t loop;           /* whether it is the layer's own: noise on the flux acts before it */
    int32_t late;           /* whether its flux is that of the circuits' states before the step */
    int32_t fresh;          /* whether it sees the new state of its source */
    const void *weight;     /* (to, from) or (steps, to, from); 0 for circuits */
    int64_t weight_stride;  /* elements from one step to the next, 0 where all steps have the same */
    const edges *edges;     /* its circuits, or 0; of this, what is about sequences is not looked at */
    int64_t states;         /* place among the states of all circuits */
    double *program;        /* gradient of the programming flux, zero before the adjoint */
} connection;

/* Layers that step together, in order. */
typedef struct {
    int64_t batch, steps, nodes, hidden, states, layers, threads;
    int64_t jacobi;         /* whether all see the states before the step, else new ones of those before them */
    int64_t keep;           /* whether hidden and circuits' states are kept of every step, else only the last */
    int64_t phi_stride;     /* elements from one sample to the next */
    const void *phi;        /* (batch, steps, nodes), external flux */
    void *flux;             /* (batch, steps, nodes), the whole flux, kept for the adjoint; or 0 */
    void *history;          /* (batch, steps + 1, nodes); step 0 is given */
    void *hiddens;          /* (batch, keep ? steps + 1 : 1, hidden); likewise */
    void *circuits;         /* (batch, keep ? steps + 1 : 1, states); likewise */
    const layer *layer;
    const connection *connection; /* those into the first layer, then those into the second ... */
    table table;
    double dt;
} together;

/* Adjoint of `together`. */
typedef struct {
    int64_t given_stride;   /* elements from one sample to the next */
    const void *given;      /* gradient of the history, (batch, steps + 1, nodes) */
    const void *flux_given; /* gradient of the flux itself, (batch, steps, nodes); or 0 */
    const void *hiddens_given; /* gradient of the hidden states of every step, (batch, steps + 1, hidden); or 0 */
    void *phi;              /* (batch, steps + 1, nodes), gradient of the whole flux; the last row is zero */
    void *start;            /* (batch, nodes), gradient of the first states */
    void *hidden, *circuits; /* (batch, hidden) and (batch, states), of the last on entry, of the first on return */
    double *sums;           /* (SLOTS + 1, nodes), gradients of what does not change, then parts of that of dt; zero */
} together_adjoint;

#endif
