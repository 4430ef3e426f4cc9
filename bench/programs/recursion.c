/*
 * recursion: Fibonacci, Takeuchi's function, Ackermann's function and the queens problem.
 * Size: n of fib(n), the others follow it. Shows: what a call and its prologue cost.
 */
#include "bench.h"

static int fib_value, tak_value, ackermann_value, queens_value;

static int fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static int tak(int x, int y, int z)
{
    return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

static int ackermann(int m, int n)
{
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

/* Ways to complete a board whose free columns, and columns under attack, are given as bits. */
static int queens(uint32_t open, uint32_t left, uint32_t right)
{
    int ways = 0;

    if (open == 0)
        return 1;
    for (uint32_t safe = open & ~left & ~right; safe != 0; safe &= safe - 1) {
        uint32_t column = safe & (~safe + 1);

        ways += queens(open ^ column, (left | column) << 1, (right | column) >> 1);
    }
    return ways;
}

static void kernel(int n)
{
    int quarter = n / 4;

    fib_value = fib(n);
    tak_value = tak(2 * quarter, quarter + 2, 2);
    ackermann_value = ackermann(3, quarter);
    queens_value = queens((1u << (quarter + 3)) - 1, 0, 0);
}

static void report(void)
{
    printf("fib %d, tak %d, ackermann %d, queens %d\n", fib_value, tak_value, ackermann_value,
           queens_value);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 40, 28, kernel, report);
}
