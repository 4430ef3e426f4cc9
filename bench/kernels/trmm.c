/* trmm: B = alpha A' B, A lower triangular. Size: rows and columns. Shows: a scalar in memory. */
#define N 700
#include "kernels.h"

static void trmm(int n, double alpha, row *a, row *b)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            for (int k = i + 1; k < n; k++)
                b[i][j] += a[k][i] * b[k][j];
            b[i][j] = alpha * b[i][j];
        }
    }
}

static void kernel(int n)
{
    row *a = matrix(n), *b = matrix(n);

    fill(n, n, a, 1);
    fill(n, n, b, 2);
    trmm(n, 1.5, a, b);
    result = sum_matrix(n, n, b);
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 500, 100, kernel, report);
}
