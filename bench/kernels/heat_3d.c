/* heat_3d: seven-point sweeps through a cube. Size: sweeps over 100 x 100 x 100. Shows: three dimensions. */
#define N 100
#include "kernels.h"

typedef double plane[N][N];

static void sweep(int n, plane *to, plane *from)
{
    for (int i = 1; i < n - 1; i++) {
        for (int j = 1; j < n - 1; j++) {
            for (int k = 1; k < n - 1; k++)
                to[i][j][k] =
                    0.125 * (from[i + 1][j][k] - 2.0 * from[i][j][k] + from[i - 1][j][k]) +
                    0.125 * (from[i][j + 1][k] - 2.0 * from[i][j][k] + from[i][j - 1][k]) +
                    0.125 * (from[i][j][k + 1] - 2.0 * from[i][j][k] + from[i][j][k - 1]) +
                    from[i][j][k];
        }
    }
}

static void kernel(int sweeps)
{
    row *a = matrix(N * N), *b = matrix(N * N);

    fill(N * N, N, a, 1);
    memcpy(b, a, N * N * sizeof(row));
    for (int t = 0; t < sweeps; t++) {
        sweep(N - t % 2, (plane *)b, (plane *)a);
        sweep(N - t % 2, (plane *)a, (plane *)b);
    }
    result = sum_matrix(N * N, N, a);
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 60, 4, kernel, report);
}
