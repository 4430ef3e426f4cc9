/* A program with a bug, compiled with debugging information: see docs/debugging.md. */

static inline int divided(int sum, int count) {
    return sum / count; /* of no values there is no average */
}

__attribute__((noinline)) static int average(const int *values, int count) {
    int sum = 0;
    for (int i = 0; i < count; i++)
        sum += values[i];
    return divided(sum, count);
}

__attribute__((export_name("report"))) int report(int count) {
    static const int values[] = {3, 1, 4, 1, 5, 9, 2, 6};
    return average(values, count);
}
