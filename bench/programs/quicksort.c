/*
 * quicksort: sorts random, nearly sorted and few-valued arrays of 32-bit integers.
 * Size: elements in each array. Shows: branches that don't predict, recursion, pointer walks.
 */
#include "bench.h"

enum { SMALL = 16 };

static uint32_t digest;
static int disorder;

static void insertion_sort(int32_t *first, int32_t *last)
{
    for (int32_t *p = first + 1; p <= last; p++) {
        int32_t value = *p;
        int32_t *hole = p;

        while (hole > first && hole[-1] > value) {
            *hole = hole[-1];
            hole--;
        }
        *hole = value;
    }
}

static int32_t median(int32_t a, int32_t b, int32_t c)
{
    if (a > b) {
        int32_t t = a;

        a = b;
        b = t;
    }
    return c < a ? a : c > b ? b : c;
}

/* Sorts first … last, both included. Recurses into the shorter part, so depth is logarithmic. */
static void quicksort(int32_t *first, int32_t *last)
{
    while (last - first >= SMALL) {
        int32_t pivot = median(*first, first[(last - first) / 2], *last);
        int32_t *low = first, *high = last;

        while (low <= high) {
            while (*low < pivot)
                low++;
            while (*high > pivot)
                high--;
            if (low <= high) {
                int32_t t = *low;

                *low++ = *high;
                *high-- = t;
            }
        }
        if (high - first < last - low) {
            quicksort(first, high);
            first = low;
        } else {
            quicksort(low, last);
            last = high;
        }
    }
    insertion_sort(first, last);
}

static void sort_and_check(int32_t *a, int n)
{
    quicksort(a, a + n - 1);
    for (int i = 1; i < n; i++)
        disorder += a[i - 1] > a[i];
    for (int i = 0; i < n; i++)
        digest = (digest ^ (uint32_t)a[i]) * 16777619u;
}

static void kernel(int n)
{
    int32_t *a = bench_alloc((size_t)n * sizeof *a);
    uint32_t seed = 7;

    digest = 2166136261u;
    disorder = 0;

    for (int i = 0; i < n; i++)
        a[i] = (int32_t)bench_random(&seed);
    sort_and_check(a, n);

    for (int i = 0; i < n / 100; i++)
        a[bench_random(&seed) % (uint32_t)n] = (int32_t)bench_random(&seed);
    sort_and_check(a, n);

    for (int i = 0; i < n; i++)
        a[i] = (int32_t)(bench_random(&seed) % 100);
    sort_and_check(a, n);

    free(a);
}

static void report(void)
{
    printf("out of order %d, digest %08x\n", disorder, (unsigned)digest);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 2500000, 100000, kernel, report);
}
