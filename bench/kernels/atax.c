/* atax: y = A' A x. Size: rounds over a matrix of 1000 x 1000. Shows: a sum, then a row update. */
#define N 1000
#include "kernels.h"

static void atax(int n, row *a, double *x, double *y, double *t)
{
    for (int i = 0; i < n; i++)
        y[i] = 0;
    for (int i = 0; i < n; i++) {
        t[i] = 0;
        for (int j = 0; j < n; j++)
            t[i] += a[i][j] * x[j];
        for (int j = 0; j < n; j++)
            y[j] += a[i][j] * t[i];
    }
}

static void kernel(int rounds)
{
    row *a = matrix(N);
    double *x = vector(), *y = vector(), *t = vector();

    fill(N, N, a, 1);
    fill_vector(N, x, 2);
    for (int r = 0; r < rounds; r++)
        atax(N - r % 2, a, x, y, t);
    result = sum_vector(N - 1, y);
    free(a);
    free(x);
    free(y);
    free(t);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 200, 10, kernel, report);
}
