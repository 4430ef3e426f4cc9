/* adi: implicit diffusion, rows and columns in turn. Size: steps over 300 x 300. Shows: divisions in a chain. */
#define N 300
#include "kernels.h"

/* Along one direction: `to` gets what the tridiagonal systems of `from` give, transposed. */
static void half_step(int n, row *to, row *from, row *p, row *q)
{
    const double a = -0.25, b = 1.5, c = -0.25, d = 0.3;

    for (int i = 1; i < n - 1; i++) {
        to[0][i] = 1;
        p[i][0] = 0;
        q[i][0] = to[0][i];
        for (int j = 1; j < n - 1; j++) {
            p[i][j] = -c / (a * p[i][j - 1] + b);
            q[i][j] = (d * from[j][i - 1] + (1 - 2 * d) * from[j][i] + d * from[j][i + 1] -
                       a * q[i][j - 1]) /
                      (a * p[i][j - 1] + b);
        }
        to[n - 1][i] = 1;
        for (int j = n - 2; j >= 1; j--)
            to[j][i] = p[i][j] * to[j + 1][i] + q[i][j];
    }
}

static void kernel(int steps)
{
    row *u = matrix(N), *v = matrix(N), *p = matrix(N), *q = matrix(N);

    fill(N, N, u, 1);
    fill(N, N, v, 2);
    for (int t = 0; t < steps; t++) {
        half_step(N - t % 2, v, u, p, q);
        half_step(N - t % 2, u, v, p, q);
    }
    result = sum_matrix(N, N, u);
    free(u);
    free(v);
    free(p);
    free(q);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 150, 10, kernel, report);
}
