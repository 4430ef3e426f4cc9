/* gramschmidt: A = Q R with orthogonal columns. Size: rows and columns. Shows: every matrix by columns. */
#define N 400
#include "kernels.h"

static void gramschmidt(int n, row *a, row *r, row *q)
{
    for (int k = 0; k < n; k++) {
        double norm = 0;

        for (int i = 0; i < n; i++)
            norm += a[i][k] * a[i][k];
        r[k][k] = sqrt(norm);
        for (int i = 0; i < n; i++)
            q[i][k] = a[i][k] / r[k][k];
        for (int j = k + 1; j < n; j++) {
            r[k][j] = 0;
            for (int i = 0; i < n; i++)
                r[k][j] += q[i][k] * a[i][j];
            for (int i = 0; i < n; i++)
                a[i][j] = a[i][j] - q[i][k] * r[k][j];
        }
    }
}

static void kernel(int n)
{
    row *a = matrix(n), *r = matrix(n), *q = matrix(n);

    fill_definite(n, a);
    memset(r, 0, (size_t)n * sizeof(row));
    gramschmidt(n, a, r, q);
    result = sum_matrix(n, n, r);
    free(a);
    free(r);
    free(q);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 400, 80, kernel, report);
}
