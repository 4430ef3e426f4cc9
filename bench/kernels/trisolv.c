/* trisolv: L x = b. Size: rounds over 1000 x 1000. Shows: a chain of short and long sums. */
#define N 1000
#include "kernels.h"

static void trisolv(int n, row *l, double *x, double *b)
{
    for (int i = 0; i < n; i++) {
        x[i] = b[i];
        for (int j = 0; j < i; j++)
            x[i] -= l[i][j] * x[j];
        x[i] = x[i] / l[i][i];
    }
}

static void kernel(int rounds)
{
    row *l = matrix(N);
    double *x = vector(), *b = vector();

    fill_definite(N, l);
    fill_vector(N, b, 1);
    for (int r = 0; r < rounds; r++)
        trisolv(N - r % 2, l, x, b);
    result = sum_vector(N - 1, x);
    free(l);
    free(x);
    free(b);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 300, 15, kernel, report);
}
