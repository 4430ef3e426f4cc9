/*
 * lz: an LZ77 compressor with hash chains and its decompressor; the round trip is checked.
 * Size: input length in KiB. Shows: byte and 32-bit loads from one buffer, overlapping copies.
 *
 * Format: a sequence of commands. A byte below 128 is a run of that many + 1 literals, which
 * follow. Otherwise its low seven bits are a match length - 4 (127: more length bytes follow, each
 * added, until one is not 255), then two bytes of distance, low one first.
 */
#include "bench.h"

enum {
    HASH_BITS = 15,
    WINDOW = 65535,
    SHORTEST = 4,
    CHAIN = 24, /* candidates looked at for each position */
};

static size_t packed_size;
static uint32_t digest;
static int round_trip_ok;

static uint32_t load32(const uint8_t *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static uint32_t hash_at(const uint8_t *p)
{
    return load32(p) * 2654435761u >> (32 - HASH_BITS);
}

static size_t common_length(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    const uint8_t *start = b;

    while (b + 4 <= end && load32(a) == load32(b)) {
        a += 4;
        b += 4;
    }
    while (b < end && *a == *b) {
        a++;
        b++;
    }
    return (size_t)(b - start);
}

static uint8_t *put_literals(uint8_t *out, const uint8_t *from, const uint8_t *to)
{
    while (from < to) {
        size_t run = (size_t)(to - from);

        if (run > 128)
            run = 128;
        *out++ = (uint8_t)(run - 1);
        memcpy(out, from, run);
        out += run;
        from += run;
    }
    return out;
}

static uint8_t *put_match(uint8_t *out, size_t length, size_t distance)
{
    size_t rest = length - SHORTEST;

    if (rest < 127) {
        *out++ = (uint8_t)(128 + rest);
    } else {
        *out++ = 255;
        for (rest -= 127; rest >= 255; rest -= 255)
            *out++ = 255;
        *out++ = (uint8_t)rest;
    }
    *out++ = (uint8_t)distance;
    *out++ = (uint8_t)(distance >> 8);
    return out;
}

static size_t compress(const uint8_t *in, size_t size, uint8_t *out)
{
    int32_t *head = bench_alloc(sizeof *head << HASH_BITS);
    int32_t *before = bench_alloc(size * sizeof *before);
    uint8_t *start = out;
    size_t literals = 0, i = 0;

    for (size_t h = 0; h < (size_t)1 << HASH_BITS; h++)
        head[h] = -1;
    while (i + SHORTEST <= size) {
        uint32_t h = hash_at(in + i);
        size_t best = SHORTEST - 1, distance = 0;
        int32_t candidate = head[h];

        for (int tries = CHAIN; candidate >= 0 && tries > 0; tries--) {
            size_t away = i - (size_t)candidate;

            if (away > WINDOW)
                break;
            if (i + best < size && in[(size_t)candidate + best] == in[i + best]) {
                size_t length = common_length(in + candidate, in + i, in + size);

                if (length > best) {
                    best = length;
                    distance = away;
                }
            }
            candidate = before[candidate];
        }
        before[i] = head[h];
        head[h] = (int32_t)i;
        if (distance == 0) {
            i++;
            continue;
        }
        out = put_literals(out, in + literals, in + i);
        out = put_match(out, best, distance);
        for (size_t end = i + best; ++i < end;) {
            if (i + SHORTEST <= size) {
                h = hash_at(in + i);
                before[i] = head[h];
                head[h] = (int32_t)i;
            }
        }
        literals = i;
    }
    out = put_literals(out, in + literals, in + size);
    free(before);
    free(head);
    return (size_t)(out - start);
}

static size_t decompress(const uint8_t *in, size_t size, uint8_t *out)
{
    const uint8_t *end = in + size;
    uint8_t *start = out;

    while (in < end) {
        size_t command = *in++;

        if (command < 128) {
            memcpy(out, in, command + 1);
            out += command + 1;
            in += command + 1;
        } else {
            size_t length = command - 128;
            const uint8_t *from;

            if (length == 127) {
                uint8_t more;

                do {
                    more = *in++;
                    length += more;
                } while (more == 255);
            }
            length += SHORTEST;
            from = out - (in[0] | in[1] << 8);
            in += 2;
            while (length-- > 0)
                *out++ = *from++;
        }
    }
    return (size_t)(out - start);
}

/* Something like prose: words from a small vocabulary, some numbers, some noise. */
static void write_text(uint8_t *text, size_t size)
{
    static const char *const words[] = {
        "the", "memory", "of", "a", "module", "is", "linear", "and", "its", "function", "table",
        "holds", "references", "to", "code", "that", "validates", "before", "it", "runs", "stack",
    };
    const uint32_t count = sizeof words / sizeof *words;
    uint32_t seed = 4711;
    size_t i = 0;

    while (i < size) {
        uint32_t r = bench_random(&seed);
        const char *word = words[r % count * (r >> 8 & 255) / 255];

        if (r >> 28 == 0) {
            for (int digits = 0; digits < 6 && i < size; digits++)
                text[i++] = (uint8_t)('0' + bench_random(&seed) % 10);
        }
        while (*word != '\0' && i < size)
            text[i++] = (uint8_t)*word++;
        if (i < size)
            text[i++] = r >> 24 & 1 ? ' ' : r >> 25 & 7 ? '_' : '\n';
    }
}

static void kernel(int kib)
{
    size_t size = (size_t)kib * 1024;
    uint8_t *text = bench_alloc(size);
    uint8_t *packed = bench_alloc(size + size / 64 + 16);
    uint8_t *copy = bench_alloc(size);

    write_text(text, size);
    packed_size = compress(text, size, packed);
    round_trip_ok = decompress(packed, packed_size, copy) == size && memcmp(text, copy, size) == 0;
    digest = 2166136261u;
    for (size_t i = 0; i < packed_size; i++)
        digest = (digest ^ packed[i]) * 16777619u;
    free(copy);
    free(packed);
    free(text);
}

static void report(void)
{
    printf("packed %lu bytes, digest %08x, round trip %s\n", (unsigned long)packed_size,
           (unsigned)digest, round_trip_ok ? "ok" : "WRONG");
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 16384, 800, kernel, report);
}
