/* covariance: of the columns of a table. Size: rows and columns. Shows: products down two columns. */
#define N 500
#include "kernels.h"

static void covariance(int n, row *data, row *cov, double *mean)
{
    for (int j = 0; j < n; j++) {
        mean[j] = 0;
        for (int i = 0; i < n; i++)
            mean[j] += data[i][j];
        mean[j] /= n;
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            data[i][j] -= mean[j];
    }
    for (int i = 0; i < n; i++) {
        for (int j = i; j < n; j++) {
            cov[i][j] = 0;
            for (int k = 0; k < n; k++)
                cov[i][j] += data[k][i] * data[k][j];
            cov[i][j] /= n - 1;
            cov[j][i] = cov[i][j];
        }
    }
}

static void kernel(int n)
{
    row *data = matrix(n), *cov = matrix(n);
    double *mean = vector();

    fill(n, n, data, 1);
    covariance(n, data, cov, mean);
    result = 0;
    for (int i = 0; i < n; i++)
        result += cov[i][i];
    free(data);
    free(cov);
    free(mean);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 500, 100, kernel, report);
}
