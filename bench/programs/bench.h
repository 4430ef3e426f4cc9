/*
 * The frame that every benchmark program shares: size argument, warm-up, clock.
 *
 * A program gives bench_run() a kernel and a report. The kernel starts from nothing each time and
 * leaves its result in static variables; the report prints that result to stdout. The kernel runs
 * at a small size until an engine that compiles lazily, or in tiers, has had time to become hot;
 * then it runs once more, measured. Include this file first: it asks for POSIX clocks.
 */
#ifndef BENCH_H
#define BENCH_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BENCH_WARM_MS = 200, BENCH_WARM_RUNS = 3 };

static uint64_t bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* xorshift32: the same numbers everywhere, whatever the C library. `state` must not be zero. */
static inline uint32_t bench_random(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

/* malloc or a clean end. */
static inline void *bench_alloc(size_t bytes)
{
    void *p = malloc(bytes);

    if (p == NULL) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return p;
}

/*
 * argv[1], where given and not 0, replaces `size`. `warm` is the size of a warm-up run, about a tenth of the
 * work or less. The kernel is called through a volatile pointer, so that a compiler can neither
 * specialise it for one of the two sizes nor drop the warm-up.
 */
static int bench_run(int argc, char **argv, int size, int warm, void (*kernel)(int),
                     void (*report)(void))
{
    void (*volatile call)(int) = kernel;
    uint64_t start, end;
    int runs = 0;

    if (argc > 1 && strcmp(argv[1], "0") != 0)
        size = atoi(argv[1]);
    if (size < 1) {
        fputs("the size must be a positive number\n", stderr);
        return 2;
    }
    if (warm > size)
        warm = size;
    start = bench_now();
    do
        call(warm);
    while (++runs < BENCH_WARM_RUNS || bench_now() - start < BENCH_WARM_MS * UINT64_C(1000000));

    start = bench_now();
    call(size);
    end = bench_now();

    report();
    fflush(stdout);
    fprintf(stderr, "time_ns %llu\n", (unsigned long long)(end - start));
    return 0;
}

#endif
