/* floyd_warshall: shortest paths between all points. Size: points. Shows: a choice of two integers. */
#define N 500
#include "kernels.h"

typedef int distances[N];

static void floyd_warshall(int n, distances *path)
{
    for (int k = 0; k < n; k++) {
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++)
                path[i][j] = path[i][j] < path[i][k] + path[k][j] ? path[i][j]
                                                                  : path[i][k] + path[k][j];
        }
    }
}

static void kernel(int n)
{
    distances *path = bench_alloc((size_t)n * sizeof(distances));
    uint32_t seed = 1;

    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            path[i][j] = i == j ? 0 : (int)(bench_random(&seed) % 10000);
    }
    floyd_warshall(n, path);
    result = 0;
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            result += path[i][j] * (1 + j % 3);
    }
    free(path);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 500, 100, kernel, report);
}
