/* doitgen: each row of a cube times a matrix. Size: planes of 100 x 100. Shows: short inner loops. */
#define N 100
#include "kernels.h"

typedef double plane[N][N];

static void doitgen(int planes, int n, plane *a, row *c4, double *sum)
{
    for (int r = 0; r < planes; r++) {
        for (int q = 0; q < n; q++) {
            for (int p = 0; p < n; p++) {
                sum[p] = 0;
                for (int s = 0; s < n; s++)
                    sum[p] += a[r][q][s] * c4[s][p];
            }
            for (int p = 0; p < n; p++)
                a[r][q][p] = sum[p];
        }
    }
}

static void kernel(int planes)
{
    row *a = matrix(planes * N), *c4 = matrix(N);
    double *sum = vector();

    fill(planes * N, N, a, 1);
    fill(N, N, c4, 2);
    doitgen(planes, N - planes % 2, (plane *)a, c4, sum);
    result = sum_matrix(planes * N, N, a);
    free(a);
    free(c4);
    free(sum);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 150, 10, kernel, report);
}
