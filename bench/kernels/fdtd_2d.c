/* fdtd_2d: electric and magnetic fields on a plate. Size: steps over 500 x 500. Shows: three matrices in step. */
#define N 500
#include "kernels.h"

static void fdtd_2d(int n, int steps, row *ex, row *ey, row *hz)
{
    for (int t = 0; t < steps; t++) {
        for (int j = 0; j < n; j++)
            ey[0][j] = t % 10;
        for (int i = 1; i < n; i++) {
            for (int j = 0; j < n; j++)
                ey[i][j] = ey[i][j] - 0.5 * (hz[i][j] - hz[i - 1][j]);
        }
        for (int i = 0; i < n; i++) {
            for (int j = 1; j < n; j++)
                ex[i][j] = ex[i][j] - 0.5 * (hz[i][j] - hz[i][j - 1]);
        }
        for (int i = 0; i < n - 1; i++) {
            for (int j = 0; j < n - 1; j++)
                hz[i][j] = hz[i][j] - 0.7 * (ex[i][j + 1] - ex[i][j] + ey[i + 1][j] - ey[i][j]);
        }
    }
}

static void kernel(int steps)
{
    row *ex = matrix(N), *ey = matrix(N), *hz = matrix(N);

    fill(N, N, ex, 1);
    fill(N, N, ey, 2);
    fill(N, N, hz, 3);
    fdtd_2d(N - steps % 2, steps, ex, ey, hz);
    result = sum_matrix(N, N, hz);
    free(ex);
    free(ey);
    free(hz);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 300, 20, kernel, report);
}
