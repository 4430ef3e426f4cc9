/* syrk: C = alpha A A' + beta C, the lower half. Size: rows and columns. Shows: triangular loops. */
#define N 600
#include "kernels.h"

static void syrk(int n, double alpha, double beta, row *c, row *a)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++)
            c[i][j] *= beta;
        for (int k = 0; k < n; k++) {
            for (int j = 0; j <= i; j++)
                c[i][j] += alpha * a[i][k] * a[j][k];
        }
    }
}

static void kernel(int n)
{
    row *a = matrix(n), *c = matrix(n);

    fill(n, n, a, 1);
    fill(n, n, c, 2);
    syrk(n, 1.5, 1.2, c, a);
    result = sum_matrix(n, n, c);
    free(a);
    free(c);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 600, 120, kernel, report);
}
