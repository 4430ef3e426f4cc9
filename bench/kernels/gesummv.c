/* gesummv: y = alpha A x + beta B x. Size: rounds over 1000 x 1000. Shows: two sums in one loop. */
#define N 1000
#include "kernels.h"

static void gesummv(int n, double alpha, double beta, row *a, row *b, double *t, double *x,
                    double *y)
{
    for (int i = 0; i < n; i++) {
        t[i] = 0;
        y[i] = 0;
        for (int j = 0; j < n; j++) {
            t[i] = a[i][j] * x[j] + t[i];
            y[i] = b[i][j] * x[j] + y[i];
        }
        y[i] = alpha * t[i] + beta * y[i];
    }
}

static void kernel(int rounds)
{
    row *a = matrix(N), *b = matrix(N);
    double *t = vector(), *x = vector(), *y = vector();

    fill(N, N, a, 1);
    fill(N, N, b, 2);
    fill_vector(N, x, 3);
    for (int r = 0; r < rounds; r++)
        gesummv(N - r % 2, 1.5, 1.2, a, b, t, x, y);
    result = sum_vector(N - 1, y);
    free(a);
    free(b);
    free(t);
    free(x);
    free(y);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 200, 10, kernel, report);
}
