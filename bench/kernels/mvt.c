/* mvt: x1 += A y1 and x2 += A' y2. Size: rounds over 1000 x 1000. Shows: the same matrix by rows and by columns. */
#define N 1000
#include "kernels.h"

static void mvt(int n, row *a, double *x1, double *x2, double *y1, double *y2)
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            x1[i] = x1[i] + a[i][j] * y1[j];
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            x2[i] = x2[i] + a[j][i] * y2[j];
    }
}

static void kernel(int rounds)
{
    row *a = matrix(N);
    double *x1 = vector(), *x2 = vector(), *y1 = vector(), *y2 = vector();

    fill(N, N, a, 1);
    fill_vector(N, x1, 2);
    fill_vector(N, x2, 3);
    fill_vector(N, y1, 4);
    fill_vector(N, y2, 5);
    for (int r = 0; r < rounds; r++)
        mvt(N - r % 2, a, x1, x2, y1, y2);
    result = sum_vector(N, x1) + sum_vector(N, x2);
    free(a);
    free(x1);
    free(x2);
    free(y1);
    free(y2);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 100, 5, kernel, report);
}
