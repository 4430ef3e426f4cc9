/*
 * fannkuch: for every permutation, count the prefix reversals that bring 1 to the front.
 * Size: length of the permutation (work grows with its factorial).
 * Shows: small integer arrays, unpredictable short loops.
 */
#include "bench.h"

enum { MOST = 12 };

static int most_flips, checksum;

static int count_flips(const int *permutation, int n)
{
    int p[MOST];
    int flips = 0;

    for (int i = 0; i < n; i++)
        p[i] = permutation[i];
    for (int first = p[0]; first != 0; first = p[0]) {
        for (int low = 0, high = first; low < high; low++, high--) {
            int t = p[low];

            p[low] = p[high];
            p[high] = t;
        }
        flips++;
    }
    return flips;
}

/* Rotates the first `last` + 1 elements left by one. */
static void rotate(int *p, int last)
{
    int first = p[0];

    for (int i = 0; i < last; i++)
        p[i] = p[i + 1];
    p[last] = first;
}

static void kernel(int n)
{
    int permutation[MOST], turns[MOST] = { 0 };
    int sign = 1, position = 1;

    if (n > MOST)
        n = MOST;
    for (int i = 0; i < n; i++)
        permutation[i] = i;
    most_flips = checksum = 0;
    while (position < n || sign == 1) {
        int flips = count_flips(permutation, n);

        if (flips > most_flips)
            most_flips = flips;
        checksum += sign * flips;
        sign = -sign;

        /* The next permutation: an odometer whose digit i has i + 1 positions. */
        for (position = 1; position < n; position++) {
            rotate(permutation, position);
            if (++turns[position] <= position)
                break;
            turns[position] = 0;
        }
        if (position == n)
            break;
    }
}

static void report(void)
{
    printf("checksum %d, most flips %d\n", checksum, most_flips);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 10, 8, kernel, report);
}
