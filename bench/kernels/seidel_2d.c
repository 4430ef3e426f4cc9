/* seidel_2d: nine-point averages in place. Size: sweeps over 500 x 500. Shows: a chain that nothing can shorten. */
#define N 500
#include "kernels.h"

static void seidel_2d(int n, int sweeps, row *a)
{
    for (int t = 0; t < sweeps; t++) {
        for (int i = 1; i < n - 1; i++) {
            for (int j = 1; j < n - 1; j++)
                a[i][j] = (a[i - 1][j - 1] + a[i - 1][j] + a[i - 1][j + 1] + a[i][j - 1] + a[i][j] +
                           a[i][j + 1] + a[i + 1][j - 1] + a[i + 1][j] + a[i + 1][j + 1]) /
                          9.0;
        }
    }
}

static void kernel(int sweeps)
{
    row *a = matrix(N);

    fill(N, N, a, 1);
    seidel_2d(N - sweeps % 2, sweeps, a);
    result = sum_matrix(N, N, a);
    free(a);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 50, 3, kernel, report);
}
