/* two_mm: D = alpha A B C + beta D. Size: rows and columns. Shows: a sum down a column. */
#define N 500
#include "kernels.h"

static void two_mm(int n, double alpha, double beta, row *t, row *a, row *b, row *c, row *d)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            t[i][j] = 0;
            for (int k = 0; k < n; k++)
                t[i][j] += alpha * a[i][k] * b[k][j];
        }
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            d[i][j] *= beta;
            for (int k = 0; k < n; k++)
                d[i][j] += t[i][k] * c[k][j];
        }
    }
}

static void kernel(int n)
{
    row *t = matrix(n), *a = matrix(n), *b = matrix(n), *c = matrix(n), *d = matrix(n);

    fill(n, n, a, 1);
    fill(n, n, b, 2);
    fill(n, n, c, 3);
    fill(n, n, d, 4);
    two_mm(n, 1.5, 1.2, t, a, b, c, d);
    result = sum_matrix(n, n, d);
    free(t);
    free(a);
    free(b);
    free(c);
    free(d);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 500, 100, kernel, report);
}
