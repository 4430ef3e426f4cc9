/*
 * matmul: the product of two square matrices of doubles, plain triple loop.
 * Size: rows and columns. Shows: an inner loop that vectorises if the compiler may do so.
 */
#include "bench.h"

static double trace, corner, total;

static void fill(double *m, int n, uint32_t seed)
{
    for (int i = 0; i < n * n; i++)
        m[i] = (int)(bench_random(&seed) % 201) - 100;
}

/* c = a · b, row by row, so that the inner loop walks along rows of both b and c. */
static void multiply(const double *a, const double *b, double *c, int n)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            c[i * n + j] = 0;
        for (int k = 0; k < n; k++) {
            double x = a[i * n + k];

            for (int j = 0; j < n; j++)
                c[i * n + j] += x * b[k * n + j];
        }
    }
}

static void kernel(int n)
{
    size_t bytes = (size_t)n * (size_t)n * sizeof(double);
    double *a = bench_alloc(bytes), *b = bench_alloc(bytes), *c = bench_alloc(bytes);

    fill(a, n, 1);
    fill(b, n, 2);
    multiply(a, b, c, n);
    trace = total = 0;
    for (int i = 0; i < n; i++)
        trace += c[i * n + i];
    for (int i = 0; i < n * n; i++)
        total += c[i];
    corner = c[n * n - 1];
    free(a);
    free(b);
    free(c);
}

static void report(void)
{
    printf("trace %.0f, corner %.0f, total %.0f\n", trace, corner, total);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 1200, 200, kernel, report);
}
