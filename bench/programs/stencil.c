/*
 * stencil: heat flow on a plate of single-precision floats, five-point Jacobi sweeps.
 * Size: sweeps over a 512 × 512 plate. Shows: f32 arithmetic with neighbours, a max reduction.
 */
#include "bench.h"

#include <math.h>

enum { SIDE = 512 };

static float plates[2][SIDE][SIDE];
static double warmth, largest_change;

static float sweep(float (*from)[SIDE], float (*to)[SIDE])
{
    float change = 0;

    for (int y = 1; y < SIDE - 1; y++) {
        for (int x = 1; x < SIDE - 1; x++) {
            float around = from[y - 1][x] + from[y + 1][x] + from[y][x - 1] + from[y][x + 1];

            to[y][x] = 0.25f * around;
        }
        for (int x = 1; x < SIDE - 1; x++) {
            float d = fabsf(to[y][x] - from[y][x]);

            if (d > change)
                change = d;
        }
    }
    return change;
}

static void kernel(int sweeps)
{
    memset(plates, 0, sizeof plates);
    for (int i = 0; i < SIDE; i++) {
        for (int p = 0; p < 2; p++) {
            plates[p][0][i] = 100;
            plates[p][i][0] = 100.0f * (SIDE - i) / SIDE;
        }
    }
    for (int s = 0; s < sweeps; s++)
        largest_change = sweep(plates[s % 2], plates[1 - s % 2]);
    warmth = 0;
    for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++)
            warmth += plates[sweeps % 2][y][x];
    }
}

static void report(void)
{
    printf("mean %.6f, last change %.6f\n", warmth / (SIDE * SIDE), largest_change);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 2000, 100, kernel, report);
}
