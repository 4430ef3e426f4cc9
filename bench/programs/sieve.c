/*
 * sieve: primes by a segmented sieve of Eratosthenes over odd numbers, and gaps between them.
 * Size: upper bound in thousands. Shows: strided byte stores, a counting loop.
 */
#include "bench.h"

enum { SEGMENT = 32768, ROOT = 65536 };

static uint32_t primes, last_prime, widest_gap;

/* Odd primes below ROOT, by the plain sieve. Returns how many. */
static int small_primes(uint32_t *out)
{
    static uint8_t composite[ROOT];
    int n = 0;

    memset(composite, 0, sizeof composite);
    for (uint32_t i = 3; i < ROOT; i += 2) {
        if (composite[i])
            continue;
        out[n++] = i;
        for (uint64_t j = (uint64_t)i * i; j < ROOT; j += 2 * i)
            composite[j] = 1;
    }
    return n;
}

static void kernel(int thousands)
{
    static uint32_t base[ROOT / 8], next[ROOT / 8];
    static uint8_t composite[SEGMENT];
    uint32_t limit = (uint32_t)thousands * 1000;
    int count = small_primes(base), active = 0;

    primes = 1;
    last_prime = 2;
    widest_gap = 0;

    /* A segment's byte i stands for the odd number low + 2 i + 1. */
    for (uint32_t low = 0; low < limit; low += 2 * SEGMENT) {
        memset(composite, 0, sizeof composite);
        if (low == 0)
            composite[0] = 1;
        while (active < count && base[active] < 65536 &&
               (uint64_t)base[active] * base[active] < (uint64_t)low + 2 * SEGMENT) {
            next[active] = (base[active] * base[active] - low) / 2;
            active++;
        }
        for (int k = 0; k < active; k++) {
            uint32_t i = next[k];

            for (; i < SEGMENT; i += base[k])
                composite[i] = 1;
            next[k] = i - SEGMENT;
        }
        for (uint32_t i = 0; i < SEGMENT && low + 2 * i + 1 < limit; i++) {
            if (!composite[i]) {
                uint32_t p = low + 2 * i + 1;

                primes++;
                if (p - last_prime > widest_gap)
                    widest_gap = p - last_prime;
                last_prime = p;
            }
        }
    }
}

static void report(void)
{
    printf("primes %u, last %u, widest gap %u\n", (unsigned)primes, (unsigned)last_prime,
           (unsigned)widest_gap);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 400000, 20000, kernel, report);
}
