/*
 * strings: writes a log with printf, reads it back line by line, takes it apart, sorts and counts.
 * Size: lines. A second argument names a directory for the log; without one it stays in memory.
 * Shows: the C library's formatting, string and file functions; system calls.
 */
#include "bench.h"

#include <ctype.h>

enum { LINE = 128, LEVELS = 4 };

struct log {
    FILE *file; /* NULL: in memory */
    char *text;
    size_t size, capacity, position;
};

static const char *const levels[LEVELS] = { "debug", "info", "warning", "error" };

static const char *directory;
static char first_line[LINE], last_line[LINE];
static int counts[LEVELS];
static uint32_t digest;
static double total_ms;
static size_t characters;

static void log_path(char *path, size_t size)
{
    snprintf(path, size, "%s/strings.log", directory);
}

static void open_log(struct log *log, const char *mode)
{
    char path[512];

    log->position = 0;
    log->file = NULL;
    if (directory == NULL)
        return;
    log_path(path, sizeof path);
    log->file = fopen(path, mode);
    if (log->file == NULL) {
        perror(path);
        exit(1);
    }
}

static void close_log(struct log *log)
{
    if (log->file != NULL && fclose(log->file) != 0) {
        perror("close");
        exit(1);
    }
}

static void write_line(struct log *log, const char *line)
{
    size_t length = strlen(line);

    if (log->file != NULL) {
        fputs(line, log->file);
        return;
    }
    if (log->size + length > log->capacity) {
        log->capacity = 2 * log->capacity + LINE;
        log->text = realloc(log->text, log->capacity);
        if (log->text == NULL)
            exit(1);
    }
    memcpy(log->text + log->size, line, length);
    log->size += length;
}

/* Reads a line with its newline into `line`; zero at the end. */
static int read_line(struct log *log, char *line, size_t size)
{
    size_t n = 0;

    if (log->file != NULL)
        return fgets(line, (int)size, log->file) != NULL;
    while (log->position < log->size && n + 1 < size) {
        line[n] = log->text[log->position++];
        if (line[n++] == '\n')
            break;
    }
    line[n] = '\0';
    return n > 0;
}

static void write_log(struct log *log, int lines)
{
    static const char *const verbs[] = { "opened", "closed", "fetched", "evicted", "hashed" };
    uint32_t seed = 31;
    char line[LINE];

    for (int i = 0; i < lines; i++) {
        uint32_t r = bench_random(&seed);

        snprintf(line, sizeof line, "%02d:%02d:%02d.%03u %-7s [%04x] %s /srv/%c%c/%u.dat in %.3f ms\n",
                 i / 3600 % 24, i / 60 % 60, i % 60, (unsigned)(r % 1000), levels[r >> 12 & 3],
                 (unsigned)(r >> 16), verbs[r % 5], 'a' + (char)(r % 26), 'a' + (char)(r / 26 % 26),
                 (unsigned)(r % 5000), (r % 100000) / 997.0);
        write_line(log, line);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Turns "time level [id] verb path in x ms" into "PATH verb id", counting as it goes. */
static char *digest_line(char *line)
{
    char out[2 * LINE];
    char *field[8] = { NULL };
    char *copy;
    int n = 0;

    for (char *p = strtok(line, " \n"); p != NULL && n < 8; p = strtok(NULL, " \n"))
        field[n++] = p;
    if (n < 8)
        exit(1);
    for (int i = 0; i < LEVELS; i++)
        counts[i] += strcmp(field[1], levels[i]) == 0;
    total_ms += strtod(field[6], NULL);
    for (char *p = field[4]; *p != '\0'; p++)
        *p = (char)toupper((unsigned char)*p);
    if (strstr(field[4], "/Q") != NULL)
        strcat(strcpy(out, "! "), field[4] + 4);
    else
        strcpy(out, field[4] + 4);
    n = (int)strlen(out);
    snprintf(out + n, sizeof out - (size_t)n, " %s %ld", field[3], strtol(field[2] + 1, NULL, 16));
    copy = bench_alloc(strlen(out) + 1);
    return strcpy(copy, out);
}

static void kernel(int lines)
{
    struct log log = { NULL, NULL, 0, 0, 0 };
    char **sorted = bench_alloc((size_t)lines * sizeof *sorted);
    char line[LINE];
    int n = 0;

    memset(counts, 0, sizeof counts);
    total_ms = 0;
    characters = 0;
    digest = 2166136261u;

    open_log(&log, "w");
    write_log(&log, lines);
    close_log(&log);
    open_log(&log, "r");
    while (n < lines && read_line(&log, line, sizeof line)) {
        characters += strlen(line);
        sorted[n++] = digest_line(line);
    }
    close_log(&log);

    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    snprintf(first_line, sizeof first_line, "%s", sorted[0]);
    snprintf(last_line, sizeof last_line, "%s", sorted[n - 1]);
    for (int i = 0; i < n; i++) {
        for (const char *p = sorted[i]; *p != '\0'; p++)
            digest = (digest ^ (uint8_t)*p) * 16777619u;
        free(sorted[i]);
    }
    free(sorted);
    free(log.text);
}

static void report(void)
{
    char path[512];

    for (int i = 0; i < LEVELS; i++)
        printf("%-8s %7d\n", levels[i], counts[i]);
    printf("%lu characters, %.2f ms in all, digest %08x\n", (unsigned long)characters, total_ms,
           (unsigned)digest);
    printf("first <%s>\nlast  <%s>\n", first_line, last_line);
    if (directory != NULL) {
        log_path(path, sizeof path);
        remove(path);
    }
}

int main(int argc, char **argv)
{
    directory = argc > 2 ? argv[2] : NULL;
    return bench_run(argc, argv, 300000, 10000, kernel, report);
}
