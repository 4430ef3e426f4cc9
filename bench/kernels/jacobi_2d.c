/* jacobi_2d: five-point averages to and fro. Size: sweeps over 500 x 500. Shows: three rows of the source at once. */
#define N 500
#include "kernels.h"

static void jacobi_2d(int n, int sweeps, row *a, row *b)
{
    for (int t = 0; t < sweeps; t++) {
        for (int i = 1; i < n - 1; i++) {
            for (int j = 1; j < n - 1; j++)
                b[i][j] = 0.2 * (a[i][j] + a[i][j - 1] + a[i][j + 1] + a[i + 1][j] + a[i - 1][j]);
        }
        for (int i = 1; i < n - 1; i++) {
            for (int j = 1; j < n - 1; j++)
                a[i][j] = 0.2 * (b[i][j] + b[i][j - 1] + b[i][j + 1] + b[i + 1][j] + b[i - 1][j]);
        }
    }
}

static void kernel(int sweeps)
{
    row *a = matrix(N), *b = matrix(N);

    fill(N, N, a, 1);
    fill(N, N, b, 2);
    jacobi_2d(N - sweeps % 2, sweeps, a, b);
    result = sum_matrix(N, N, a);
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 500, 30, kernel, report);
}
