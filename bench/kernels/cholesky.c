/* cholesky: a symmetric matrix into its root. Size: rows and columns. Shows: sums of two rows. */
#define N 800
#include "kernels.h"

static void cholesky(int n, row *a)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[j][k];
            a[i][j] /= a[j][j];
        }
        for (int k = 0; k < i; k++)
            a[i][i] -= a[i][k] * a[i][k];
        a[i][i] = sqrt(a[i][i]);
    }
}

static void kernel(int n)
{
    row *a = matrix(n);

    fill_definite(n, a);
    cholesky(n, a);
    result = sum_matrix(n, n, a);
    free(a);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 800, 150, kernel, report);
}
