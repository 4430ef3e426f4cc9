/*
 * mandelbrot: a one-bit picture of the set, hashed.
 * Size: pixels on a side. Shows: a data-dependent double loop, bit packing.
 */
#include "bench.h"

/* A fused multiply-add would move single pixels; the pictures have to be equal. */
#pragma STDC FP_CONTRACT OFF

enum { LIMIT = 80 };

static uint32_t digest;
static int inside;

static int stays(double cx, double cy)
{
    double x = 0, y = 0, x2 = 0, y2 = 0;

    for (int i = 0; i < LIMIT; i++) {
        y = 2 * x * y + cy;
        x = x2 - y2 + cx;
        x2 = x * x;
        y2 = y * y;
        if (x2 + y2 > 4)
            return 0;
    }
    return 1;
}

static void kernel(int size)
{
    int row_bytes = (size + 7) / 8;
    uint8_t *row = bench_alloc((size_t)row_bytes);

    digest = 2166136261u;
    inside = 0;
    for (int y = 0; y < size; y++) {
        double cy = 2.0 * y / size - 1.0;

        for (int i = 0; i < row_bytes; i++)
            row[i] = 0;
        for (int x = 0; x < size; x++) {
            int bit = stays(2.0 * x / size - 1.5, cy);

            row[x / 8] |= (uint8_t)(bit << (7 - x % 8));
            inside += bit;
        }
        for (int i = 0; i < row_bytes; i++)
            digest = (digest ^ row[i]) * 16777619u;
    }
    free(row);
}

static void report(void)
{
    printf("inside %d, digest %08x\n", inside, (unsigned)digest);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 2200, 300, kernel, report);
}
