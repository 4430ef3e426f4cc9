/*
 * int64: 64-bit integers: modular powers, primality tests, Collatz sequences, bit counting.
 * Size: thousands of numbers. Shows: i64 multiplication, division, shifts, rotations, comparisons.
 */
#include "bench.h"

static uint64_t mixed;
static int probable_primes, longest_start, longest;
static int64_t bits;

static uint64_t rotate_left(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

/* xoroshiro-like: two words of state, rotations and a multiplication. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t a = state[0], b = state[1] ^ state[0];

    state[0] = rotate_left(a, 24) ^ b ^ b << 16;
    state[1] = rotate_left(b, 37);
    return a * UINT64_C(0x9e3779b97f4a7c15) + b;
}

static uint64_t power_mod(uint64_t base, uint64_t exponent, uint64_t modulus)
{
    uint64_t result = 1;

    for (base %= modulus; exponent != 0; exponent >>= 1) {
        if (exponent & 1)
            result = result * base % modulus;
        base = base * base % modulus;
    }
    return result;
}

/* Miller and Rabin's test to the bases 2, 7 and 61: exact for every odd n below 2^32. */
static int is_prime(uint32_t n)
{
    static const uint32_t bases[3] = { 2, 7, 61 };
    uint32_t odd = n - 1;
    int twos = 0;

    if (n < 100)
        return n == 2 || n == 7 || n == 61;
    while (odd % 2 == 0) {
        odd /= 2;
        twos++;
    }
    for (int i = 0; i < 3; i++) {
        uint64_t x = power_mod(bases[i], odd, n);
        int left = twos;

        if (x == 1)
            continue;
        while (x != n - 1 && --left > 0)
            x = x * x % n;
        if (left == 0)
            return 0;
    }
    return 1;
}

static int collatz_length(uint64_t n)
{
    int steps = 0;

    for (; n != 1; steps++)
        n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    return steps;
}

static int count_bits(uint64_t x)
{
    x = x - (x >> 1 & UINT64_C(0x5555555555555555));
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    x = (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (int)(x * UINT64_C(0x0101010101010101) >> 56);
}

static void kernel(int thousands)
{
    uint64_t state[2] = { 1, 2 };
    int n = thousands * 1000;

    mixed = 0;
    probable_primes = longest = longest_start = 0;
    bits = 0;
    for (int i = 0; i < 20 * n; i++) {
        uint64_t r = next_random(state);

        mixed = (mixed ^ r) + rotate_left(r, (int)(mixed & 31) + 1);
        bits += count_bits(mixed);
    }
    for (int i = 0; i < n / 4; i++)
        probable_primes += is_prime((uint32_t)(next_random(state) >> 32) | 1);
    for (int i = 1; i < n; i++) {
        int length = collatz_length((uint64_t)i);

        if (length > longest) {
            longest = length;
            longest_start = i;
        }
    }
}

static void report(void)
{
    printf("mixed %016llx, bits %lld, primes %d, longest %d from %d\n", (unsigned long long)mixed,
           (long long)bits, probable_primes, longest, longest_start);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 2000, 100, kernel, report);
}
