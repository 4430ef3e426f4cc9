/* correlation: of the columns of a table. Size: rows and columns. Shows: means, roots, products down columns. */
#define N 500
#include "kernels.h"

static void correlation(int n, row *data, row *corr, double *mean, double *deviation)
{
    for (int j = 0; j < n; j++) {
        mean[j] = 0;
        for (int i = 0; i < n; i++)
            mean[j] += data[i][j];
        mean[j] /= n;
    }
    for (int j = 0; j < n; j++) {
        deviation[j] = 0;
        for (int i = 0; i < n; i++)
            deviation[j] += (data[i][j] - mean[j]) * (data[i][j] - mean[j]);
        deviation[j] = sqrt(deviation[j] / n);
        deviation[j] = deviation[j] <= 0.1 ? 1.0 : deviation[j];
    }
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++) {
            data[i][j] -= mean[j];
            data[i][j] /= sqrt((double)n) * deviation[j];
        }
    }
    for (int i = 0; i < n - 1; i++) {
        corr[i][i] = 1;
        for (int j = i + 1; j < n; j++) {
            corr[i][j] = 0;
            for (int k = 0; k < n; k++)
                corr[i][j] += data[k][i] * data[k][j];
            corr[j][i] = corr[i][j];
        }
    }
    corr[n - 1][n - 1] = 1;
}

static void kernel(int n)
{
    row *data = matrix(n), *corr = matrix(n);
    double *mean = vector(), *deviation = vector();

    fill(n, n, data, 1);
    correlation(n, data, corr, mean, deviation);
    result = 0;
    for (int i = 0; i < n; i++)
        result += corr[i][i] + fabs(corr[i][(i * 7 + 1) % n]);
    free(data);
    free(corr);
    free(mean);
    free(deviation);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 500, 100, kernel, report);
}
