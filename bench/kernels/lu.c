/* lu: a matrix into two triangles. Size: rows and columns. Shows: bounds that the outer loops move. */
#define N 600
#include "kernels.h"

static void lu(int n, row *a)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++) {
            for (int k = 0; k < j; k++)
                a[i][j] -= a[i][k] * a[k][j];
            a[i][j] /= a[j][j];
        }
        for (int j = i; j < n; j++) {
            for (int k = 0; k < i; k++)
                a[i][j] -= a[i][k] * a[k][j];
        }
    }
}

static void kernel(int n)
{
    row *a = matrix(n);

    fill_definite(n, a);
    lu(n, a);
    result = sum_matrix(n, n, a);
    free(a);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 600, 120, kernel, report);
}
