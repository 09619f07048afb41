/* Work over a batch on threads that live for one call: nothing to shut down, and nothing that a fork leaves behind. */
#ifndef LEYDEN_SOEN_THREADS_H
#define LEYDEN_SOEN_THREADS_H

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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

/* Split 0..count-1 evenly; the caller's thread takes the first share. Returns whether any share failed. */
static int spread(work work, void *context, int64_t count, int threads) {
    share shares[MOST_THREADS];
    pthread_t handles[MOST_THREADS];
    int started[MOST_THREADS] = {0}, failed = 0;
    threads = threads < 1 ? 1 : threads > MOST_THREADS ? MOST_THREADS : threads;
    for (int i = 0; i < threads; i++)
        shares[i] = (share){work, context, count * i / threads, count * (i + 1) / threads, i, 0};
    for (int i = 1; i < threads; i++) started[i] = !pthread_create(&handles[i], 0, serve, &shares[i]);
    serve(&shares[0]);
    for (int i = 1; i < threads; i++)
        if (started[i]) pthread_join(handles[i], 0);
        else serve(&shares[i]); /* no thread to be had: do it here */
    for (int i = 0; i < threads; i++) failed |= shares[i].failed;
    return failed;
}

#endif
