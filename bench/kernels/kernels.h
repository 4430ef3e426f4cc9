/*
 * What the kernels share: matrices on the heap, how they are filled, and a sum to compare.
 *
 * A kernel defines N, the columns of its matrices, before it includes this file. Rows have a
 * constant width; how much of them is used is a number that the compiler does not know, and no
 * pointer is `restrict`: both as in PolyBench.
 */
#ifndef KERNELS_H
#define KERNELS_H

#include "../programs/bench.h"

#include <math.h>

typedef double row[N];

static double result;

static inline row *matrix(int rows)
{
    return bench_alloc((size_t)rows * sizeof(row));
}

static inline double *vector(void)
{
    return bench_alloc(sizeof(row));
}

/* Numbers from 0.1 to 1.1, the same ones for the same seed. */
static inline void fill_vector(int n, double *v, uint32_t seed)
{
    for (int i = 0; i < n; i++)
        v[i] = (double)(bench_random(&seed) % 1000) / 1000 + 0.1;
}

static inline void fill(int n, int m, row *a, uint32_t seed)
{
    for (int i = 0; i < n; i++)
        fill_vector(m, a[i], seed + (uint32_t)i * 7919u);
}

/* A symmetric matrix with a heavy diagonal, so that it can be factored and solved. */
static inline void fill_definite(int n, row *a)
{
    fill(n, n, a, 17);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++)
            a[i][j] = a[j][i];
        a[i][i] += 2 * n;
    }
}

static inline double sum_vector(int n, const double *v)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += v[i] * (1 + i % 3);
    return sum;
}

static inline double sum_matrix(int n, int m, row *a)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += sum_vector(m, a[i]) * (1 + i % 5);
    return sum;
}

/* Native code may fuse multiplications and additions: the last digits are its own. */
static void report(void)
{
    printf("%.8e\n", result);
}

#endif
