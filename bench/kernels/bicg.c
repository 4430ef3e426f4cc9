/* bicg: s = A' r and q = A p at once. Size: rounds over 1000 x 1000. Shows: a row update and a sum in one loop. */
#define N 1000
#include "kernels.h"

static void bicg(int n, row *a, double *s, double *q, double *p, double *r)
{
    for (int i = 0; i < n; i++)
        s[i] = 0;
    for (int i = 0; i < n; i++) {
        q[i] = 0;
        for (int j = 0; j < n; j++) {
            s[j] += r[i] * a[i][j];
            q[i] += a[i][j] * p[j];
        }
    }
}

static void kernel(int rounds)
{
    row *a = matrix(N);
    double *s = vector(), *q = vector(), *p = vector(), *r = vector();

    fill(N, N, a, 1);
    fill_vector(N, p, 2);
    fill_vector(N, r, 3);
    for (int i = 0; i < rounds; i++)
        bicg(N - i % 2, a, s, q, p, r);
    result = sum_vector(N - 1, s) + sum_vector(N - 1, q);
    free(a);
    free(s);
    free(q);
    free(p);
    free(r);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 200, 10, kernel, report);
}
