/*
 * spectral_norm: the largest singular value of an infinite matrix's corner, by power iteration.
 * Size: rows and columns. Shows: integer to double conversion, division, two loop orders.
 */
#include "bench.h"

#include <math.h>

static double norm;

/* Entry (row, column) of A: 1, 1/2, 1/3 … along the diagonals. */
static double entry(int row, int column)
{
    int diagonal = row + column;

    return 1.0 / (diagonal * (diagonal + 1) / 2 + row + 1);
}

static void times(const double *v, double *out, int n)
{
    for (int i = 0; i < n; i++) {
        double sum = 0;

        for (int j = 0; j < n; j++)
            sum += entry(i, j) * v[j];
        out[i] = sum;
    }
}

static void transposed_times(const double *v, double *out, int n)
{
    for (int i = 0; i < n; i++) {
        double sum = 0;

        for (int j = 0; j < n; j++)
            sum += entry(j, i) * v[j];
        out[i] = sum;
    }
}

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static void kernel(int n)
{
    double *u = bench_alloc((size_t)n * sizeof *u);
    double *v = bench_alloc((size_t)n * sizeof *v);
    double *t = bench_alloc((size_t)n * sizeof *t);

    for (int i = 0; i < n; i++)
        u[i] = 1;
    for (int round = 0; round < 10; round++) {
        times(u, t, n);
        transposed_times(t, v, n);
        times(v, t, n);
        transposed_times(t, u, n);
    }
    norm = sqrt(dot(u, v, n) / dot(v, v, n));
    free(u);
    free(v);
    free(t);
}

static void report(void)
{
    printf("norm %.9f\n", norm);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 3500, 500, kernel, report);
}
