/*
 * hashmap: string keys in an open-addressed table with linear probing and back-shift deletion.
 * Size: number of distinct keys. Shows: byte loops, memcmp, cache misses, growing heap blocks.
 */
#include "bench.h"

struct slot {
    const char *key; /* NULL: empty */
    uint32_t hash;
    uint32_t count;
};

struct map {
    struct slot *slots;
    size_t capacity; /* a power of two */
    size_t used;
};

static uint64_t found_sum;
static size_t left_over, capacity_reached;

static uint32_t hash_of(const char *key)
{
    uint32_t h = 2166136261u;

    for (; *key != '\0'; key++)
        h = (h ^ (uint8_t)*key) * 16777619u;
    return h ^ h >> 15;
}

static struct slot *new_slots(size_t capacity)
{
    struct slot *slots = bench_alloc(capacity * sizeof *slots);

    memset(slots, 0, capacity * sizeof *slots);
    return slots;
}

/* The slot that holds `key`, or the empty one where it would go. */
static struct slot *probe(const struct map *m, const char *key, uint32_t hash)
{
    size_t i = hash & (m->capacity - 1);

    while (m->slots[i].key != NULL) {
        if (m->slots[i].hash == hash && strcmp(m->slots[i].key, key) == 0)
            break;
        i = (i + 1) & (m->capacity - 1);
    }
    return &m->slots[i];
}

static void grow(struct map *m)
{
    struct map bigger = { new_slots(m->capacity * 2), m->capacity * 2, m->used };

    for (size_t i = 0; i < m->capacity; i++) {
        const struct slot *s = &m->slots[i];

        if (s->key != NULL)
            *probe(&bigger, s->key, s->hash) = *s;
    }
    free(m->slots);
    *m = bigger;
}

static void add(struct map *m, const char *key, uint32_t count)
{
    uint32_t hash = hash_of(key);
    struct slot *s = probe(m, key, hash);

    if (s->key == NULL) {
        if (4 * (m->used + 1) > 3 * m->capacity) {
            grow(m);
            s = probe(m, key, hash);
        }
        s->key = key;
        s->hash = hash;
        s->count = 0;
        m->used++;
    }
    s->count += count;
}

static uint32_t get(const struct map *m, const char *key)
{
    return probe(m, key, hash_of(key))->count;
}

/* Removes `key` and moves later entries of its run back, so that no tombstone is needed. */
static void discard(struct map *m, const char *key)
{
    size_t mask = m->capacity - 1;
    size_t hole = (size_t)(probe(m, key, hash_of(key)) - m->slots);

    if (m->slots[hole].key == NULL)
        return;
    for (size_t i = (hole + 1) & mask; m->slots[i].key != NULL; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    memset(&m->slots[hole], 0, sizeof m->slots[hole]);
    m->used--;
}

/* Writes a key for number `i`: a lower-case word and the number in base 26. Returns its end. */
static char *write_key(char *out, uint32_t i)
{
    static const char *const stems[] = { "user", "session", "item", "cart", "order" };
    const char *stem = stems[i % 5];

    while (*stem != '\0')
        *out++ = *stem++;
    *out++ = ':';
    do {
        *out++ = (char)('a' + i % 26);
        i /= 26;
    } while (i != 0);
    *out++ = '\0';
    return out;
}

static void kernel(int n)
{
    char *text = bench_alloc((size_t)n * 16);
    const char **keys = bench_alloc((size_t)n * sizeof *keys);
    struct map m = { new_slots(16), 16, 0 };
    uint32_t seed = 99;
    char *end = text;

    for (int i = 0; i < n; i++) {
        keys[i] = end;
        end = write_key(end, (uint32_t)i);
    }
    for (int i = 0; i < n; i++)
        add(&m, keys[i], 1);
    for (int i = 0; i < 2 * n; i++)
        add(&m, keys[bench_random(&seed) % (uint32_t)n], (uint32_t)i & 7);
    for (int i = 0; i < n; i += 3)
        discard(&m, keys[i]);
    found_sum = 0;
    for (int i = 0; i < 2 * n; i++)
        found_sum += get(&m, keys[bench_random(&seed) % (uint32_t)n]);
    left_over = m.used;
    capacity_reached = m.capacity;
    free(m.slots);
    free(keys);
    free(text);
}

static void report(void)
{
    printf("keys left %lu of capacity %lu, sum %llu\n", (unsigned long)left_over,
           (unsigned long)capacity_reached, (unsigned long long)found_sum);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 700000, 40000, kernel, report);
}
