/*
 * base64: encodes and decodes a buffer as RFC 4648 says, with a CRC-32 of every stage.
 * Size: rounds over a 96 KiB buffer. Shows: table look-ups, byte shuffling, a serial dependency.
 */
#include "bench.h"

enum { BYTES = 96 * 1024, CHARACTERS = BYTES / 3 * 4 };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint32_t crc_table[256];
static uint8_t values[256]; /* of a character; 64 where it is none of the alphabet */
static uint32_t crc_text, crc_bytes;
static int failures;

static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
        crc_table[i] = c;
    }
    memset(values, 64, sizeof values);
    for (int i = 0; i < 64; i++)
        values[(uint8_t)alphabet[i]] = (uint8_t)i;
}

static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc_table[(crc ^ data[i]) & 255] ^ crc >> 8;
    return ~crc;
}

static size_t encode(const uint8_t *in, size_t size, char *out)
{
    char *start = out;
    size_t i;

    for (i = 0; i + 2 < size; i += 3) {
        uint32_t group = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = alphabet[group >> 6 & 63];
        *out++ = alphabet[group & 63];
    }
    if (i < size) {
        int two = i + 1 < size;
        uint32_t group = (uint32_t)in[i] << 16 | (two ? (uint32_t)in[i + 1] << 8 : 0);

        *out++ = alphabet[group >> 18];
        *out++ = alphabet[group >> 12 & 63];
        *out++ = two ? alphabet[group >> 6 & 63] : '=';
        *out++ = '=';
    }
    return (size_t)(out - start);
}

/* Returns the number of bytes, or -1 for text that is not base64. */
static long decode(const char *in, size_t size, uint8_t *out)
{
    uint8_t *start = out;
    uint32_t group = 0;
    size_t padding = 0;

    if (size % 4 != 0)
        return -1;
    while (padding < 2 && size > padding && in[size - 1 - padding] == '=')
        padding++;
    for (size_t i = 0; i < size - padding; i++) {
        uint8_t value = values[(uint8_t)in[i]];

        if (value == 64)
            return -1;
        group = group << 6 | value;
        if (i % 4 == 3) {
            *out++ = (uint8_t)(group >> 16);
            *out++ = (uint8_t)(group >> 8);
            *out++ = (uint8_t)group;
        }
    }
    if (padding == 1) {
        *out++ = (uint8_t)(group >> 10);
        *out++ = (uint8_t)(group >> 2);
    } else if (padding == 2) {
        *out++ = (uint8_t)(group >> 4);
    }
    return (long)(out - start);
}

static void kernel(int rounds)
{
    static uint8_t bytes[BYTES], back[BYTES];
    static char text[CHARACTERS];
    uint32_t seed = 64;

    make_tables();
    crc_text = crc_bytes = 0;
    failures = 0;
    for (int i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)bench_random(&seed);
    for (int round = 0; round < rounds; round++) {
        size_t size = (size_t)(BYTES - round % 3);
        size_t length = encode(bytes, size, text);

        crc_text = crc32(crc_text, (const uint8_t *)text, length);
        if (decode(text, length, back) != (long)size || memcmp(bytes, back, size) != 0)
            failures++;
        crc_bytes = crc32(crc_bytes, back, size);
        bytes[round % BYTES] ^= (uint8_t)(round + 1);
    }
}

static void report(void)
{
    printf("text %08x, bytes %08x, failures %d\n", (unsigned)crc_text, (unsigned)crc_bytes,
           failures);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 700, 40, kernel, report);
}
