/* Work over a batch on several threads: those of the OpenMP runtime that torch has loaded, where there is one that we
   know, else on threads that live for one call. Two crews would take the processors from each other, since one that has
   just worked waits for more with open eyes. */
#ifndef LEYDEN_SOEN_THREADS_H
#define LEYDEN_SOEN_THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#define MOST_THREADS 256
/* bytes of an array from which on large pages are asked for */
#define LARGE ((size_t)4 << 20)

/* Zeroed memory at the start of a cache line, 0 where there is none. */
static void *allocate(size_t bytes) {
    void *memory = 0;
    if (posix_memalign(&memory, 64, bytes ? bytes : 64)) return 0;
    memset(memory, 0, bytes);
    return memory;
}

/* Says that an array will be filled: in pages of 2 MB, where the system has them, that takes far fewer faults. */
static void large_pages(void *array, size_t bytes) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 4096, begin = ((uintptr_t)array + page - 1) / page * page, end = (uintptr_t)array + bytes;
    if (bytes >= LARGE) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)array, (void)bytes;
#endif
}

typedef int (*work)(void *context, int64_t first, int64_t last, int thread);
typedef struct { work work; void *context; int64_t first, last; int thread, failed; } share;

static void *serve(void *given) {
    share *s = given;
    s->failed = s->work(s->context, s->first, s->last, s->thread);
    return 0;
}

typedef struct { share *shares; int count; atomic_int next; } shared;

/* Takes shares until there are none: as many threads come as there are, and each share is the same whoever has it. */
static void serve_all(void *given) {
    shared *s = given;
    for (int i; (i = atomic_fetch_add(&s->next, 1)) < s->count;) serve(s->shares + i);
}

#ifdef __linux__
/* libgomp's, and that of others that stand for it: run by `count` threads, this one among them; null without it */
extern void GOMP_parallel(void (*work)(void *), void *context, unsigned count, unsigned flags) __attribute__((weak));

/* The process that may use the threads of OpenMP. One that was forked does not have those of its parent, which OpenMP
   would wait for: neither a child of the one that the library was loaded in, nor one that was forked before that. */
static pid_t home;
__attribute__((constructor)) static void settle(void) {
    unsigned flags = 0;
    FILE *status = fopen("/proc/self/stat", "r");
    if (status && fscanf(status, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %u", &flags) != 1) flags = 0;
    if (status) fclose(status);
    home = flags & 0x40 ? 0 : getpid(); /* PF_FORKNOEXEC: forked, and no other program started since */
}

/* Whether the shares were served by the threads of OpenMP. */
static int serve_by_openmp(shared *s) {
    if (!GOMP_parallel || home != getpid()) return 0;
    GOMP_parallel(serve_all, s, (unsigned)s->count, 0);
    return 1;
}
#else
static int serve_by_openmp(shared *s) { return (void)s, 0; }
#endif

static void serve_by_own(share *shares, int threads) {
    pthread_t handles[MOST_THREADS];
    int started[MOST_THREADS] = {0};
    for (int i = 1; i < threads; i++) started[i] = !pthread_create(&handles[i], 0, serve, &shares[i]);
    serve(&shares[0]);
    for (int i = 1; i < threads; i++)
        if (started[i]) pthread_join(handles[i], 0);
        else serve(&shares[i]); /* no thread to be had: do it here */
}

/* Split 0..count-1 evenly. Returns whether any share failed. */
static int spread(work work, void *context, int64_t count, int threads) {
    share shares[MOST_THREADS];
    int failed = 0;
    threads = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
    for (int i = 0; i < threads; i++)
        shares[i] = (share){work, context, count * i / threads, count * (i + 1) / threads, i, 0};
    shared all = {shares, threads, 0};
    if (threads == 1) serve(shares);
    else if (!serve_by_openmp(&all)) serve_by_own(shares, threads);
    for (int i = 0; i < threads; i++) failed |= shares[i].failed;
    return failed;
}

#endif
