/* jacobi_1d: three-point averages to and fro. Size: sweeps over 2000 points. Shows: neighbouring loads. */
#define N 2000
#include "kernels.h"

static void jacobi_1d(int n, int sweeps, double *a, double *b)
{
    for (int t = 0; t < sweeps; t++) {
        for (int i = 1; i < n - 1; i++)
            b[i] = 0.33333 * (a[i - 1] + a[i] + a[i + 1]);
        for (int i = 1; i < n - 1; i++)
            a[i] = 0.33333 * (b[i - 1] + b[i] + b[i + 1]);
    }
}

static void kernel(int sweeps)
{
    double *a = vector(), *b = vector();

    fill_vector(N, a, 1);
    fill_vector(N, b, 2);
    jacobi_1d(N - sweeps % 2, sweeps, a, b);
    result = sum_vector(N, a);
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 100000, 5000, kernel, report);
}
