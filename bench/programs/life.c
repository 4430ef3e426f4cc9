/*
 * life: Conway's game on a torus, one byte a cell.
 * Size: generations on a 512 × 512 board. Shows: neighbouring byte loads, wrapped indices.
 */
#include "bench.h"

enum { SIDE = 512 };

static uint8_t boards[2][SIDE * SIDE];
static int population, first_population;
static uint32_t digest;

static void next_row(const uint8_t *above, const uint8_t *row, const uint8_t *below, uint8_t *out)
{
    for (int x = 0; x < SIDE; x++) {
        int left = (x + SIDE - 1) % SIDE, right = (x + 1) % SIDE;
        int around = above[left] + above[x] + above[right] + row[left] + row[right] + below[left] +
                     below[x] + below[right];

        out[x] = around == 3 || (around == 2 && row[x]);
    }
}

static int count(const uint8_t *board)
{
    int n = 0;

    for (int i = 0; i < SIDE * SIDE; i++)
        n += board[i];
    return n;
}

static void kernel(int generations)
{
    const uint8_t *last;
    uint32_t seed = 2024;

    for (int i = 0; i < SIDE * SIDE; i++)
        boards[0][i] = bench_random(&seed) % 3 == 0;
    first_population = count(boards[0]);
    for (int g = 0; g < generations; g++) {
        const uint8_t *from = boards[g % 2];
        uint8_t *to = boards[1 - g % 2];

        for (int y = 0; y < SIDE; y++) {
            int up = (y + SIDE - 1) % SIDE, down = (y + 1) % SIDE;

            next_row(from + up * SIDE, from + y * SIDE, from + down * SIDE, to + y * SIDE);
        }
    }
    last = boards[generations % 2];
    population = count(last);
    digest = 2166136261u;
    for (int i = 0; i < SIDE * SIDE; i++)
        digest = (digest ^ last[i]) * 16777619u;
}

static void report(void)
{
    printf("population %d -> %d, digest %08x\n", first_population, population, (unsigned)digest);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 1000, 60, kernel, report);
}
