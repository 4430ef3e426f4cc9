/* durbin: a Toeplitz system. Size: rounds of 1000 unknowns. Shows: one vector forwards, one backwards. */
#define N 1000
#include "kernels.h"

static void durbin(int n, double *r, double *y, double *z)
{
    double alpha = -r[0], beta = 1;

    y[0] = -r[0];
    for (int k = 1; k < n; k++) {
        double sum = 0;

        beta = (1 - alpha * alpha) * beta;
        for (int i = 0; i < k; i++)
            sum += r[k - i - 1] * y[i];
        alpha = -(r[k] + sum) / beta;
        for (int i = 0; i < k; i++)
            z[i] = y[i] + alpha * y[k - i - 1];
        for (int i = 0; i < k; i++)
            y[i] = z[i];
        y[k] = alpha;
    }
}

static void kernel(int rounds)
{
    double *r = vector(), *y = vector(), *z = vector();

    for (int i = 0; i < N; i++)
        r[i] = 0.5 / ((i + 1.0) * (i + 1.0));
    for (int i = 0; i < rounds; i++)
        durbin(N - i % 2, r, y, z);
    result = sum_vector(N - 1, y);
    free(r);
    free(y);
    free(z);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 300, 15, kernel, report);
}
