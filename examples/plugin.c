/*
 * plugin: a module for embed.py, without a C library. It exports functions and its memory, and
 * asks its host for a function.
 */
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(#name))) name

__attribute__((import_module("host"), import_name("found"))) void found(int32_t position);

/* Where the host puts text for this module. */
static uint8_t buffer[65536];

uint8_t *EXPORT(buffer_start)(void)
{
    return buffer;
}

int32_t EXPORT(buffer_size)(void)
{
    return sizeof buffer;
}

int32_t EXPORT(add)(int32_t a, int32_t b)
{
    return a + b;
}

/* Turns ASCII letters among the first `size` bytes of the buffer into capitals. */
void EXPORT(shout)(int32_t size)
{
    for (int32_t i = 0; i < size; i++) {
        if (buffer[i] >= 'a' && buffer[i] <= 'z')
            buffer[i] -= 'a' - 'A';
    }
}

/* Calls the host with every position of `byte` among the first `size` bytes of the buffer. */
int32_t EXPORT(find)(int32_t byte, int32_t size)
{
    int32_t hits = 0;

    for (int32_t i = 0; i < size; i++) {
        if (buffer[i] == byte) {
            found(i);
            hits++;
        }
    }
    return hits;
}
