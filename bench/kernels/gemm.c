/* gemm: C = beta C + alpha A B. Size: rows and columns. Shows: rows of two matrices in step. */
#define N 1000
#include "kernels.h"

static void gemm(int n, double alpha, double beta, row *c, row *a, row *b)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            c[i][j] *= beta;
        for (int k = 0; k < n; k++) {
            for (int j = 0; j < n; j++)
                c[i][j] += alpha * a[i][k] * b[k][j];
        }
    }
}

static void kernel(int n)
{
    row *a = matrix(n), *b = matrix(n), *c = matrix(n);

    fill(n, n, a, 1);
    fill(n, n, b, 2);
    fill(n, n, c, 3);
    gemm(n, 1.5, 1.2, c, a, b);
    result = sum_matrix(n, n, c);
    free(a);
    free(b);
    free(c);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 1000, 150, kernel, report);
}
