/* gemver: A += u1 v1' + u2 v2', then x and w from it. Size: rounds over 800 x 800. Shows: five rows in step. */
#define N 800
#include "kernels.h"

static void gemver(int n, double alpha, double beta, row *a, double **v)
{
    double *u1 = v[0], *v1 = v[1], *u2 = v[2], *v2 = v[3];
    double *w = v[4], *x = v[5], *y = v[6], *z = v[7];

    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            a[i][j] = a[i][j] + u1[i] * v1[j] + u2[i] * v2[j];
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            x[i] = x[i] + beta * a[j][i] * y[j];
    }
    for (int i = 0; i < n; i++)
        x[i] = x[i] + z[i];
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            w[i] = w[i] + alpha * a[i][j] * x[j];
    }
}

static void kernel(int rounds)
{
    row *a = matrix(N);
    double *v[8];

    fill(N, N, a, 1);
    for (int i = 0; i < 8; i++) {
        v[i] = vector();
        fill_vector(N, v[i], 2u + (uint32_t)i);
    }
    for (int r = 0; r < rounds; r++)
        gemver(N - r % 2, 0.001, 0.002, a, v);
    result = sum_vector(N, v[4]) + sum_vector(N, v[5]) + sum_matrix(N, N, a);
    for (int i = 0; i < 8; i++)
        free(v[i]);
    free(a);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 80, 5, kernel, report);
}
