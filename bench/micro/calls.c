/* What calls.py calls: no C library, the host's function comes from module "env". */
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

__attribute__((import_module("env"), import_name("callback"))) int32_t callback(int32_t x);

int32_t EXPORT(add)(int32_t a, int32_t b)
{
    return a + b;
}

/* Calls the host `times` times and sums what it gives. */
int32_t EXPORT(call_back)(int32_t times)
{
    int32_t sum = 0;

    for (int32_t i = 0; i < times; i++)
        sum += callback(i);
    return sum;
}

/* Arithmetic that no compiler shortens: about 1.5 ns a round. */
uint64_t EXPORT(spin)(int32_t rounds)
{
    uint64_t x = 88172645463325252u;

    for (int32_t i = 0; i < rounds; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    return x;
}
