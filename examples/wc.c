/*
 * wc: counts lines, words and bytes of the files named, or of standard input.
 * It sees only the directories that it was given: wasmwright run --dir .::/here wc.wasm /here/FILE
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct counts {
    unsigned long lines, words, bytes;
};

/* Returns zero and sets errno where the file can't be read to its end. */
static int count(FILE *file, struct counts *c)
{
    int in_word = 0;
    int byte;

    while ((byte = getc(file)) != EOF) {
        c->bytes++;
        if (byte == '\n')
            c->lines++;
        if (isspace(byte)) {
            in_word = 0;
        } else if (!in_word) {
            in_word = 1;
            c->words++;
        }
    }
    return !ferror(file);
}

static void print(const struct counts *c, const char *name)
{
    printf("%8lu %8lu %8lu %s\n", c->lines, c->words, c->bytes, name);
}

int main(int argc, char **argv)
{
    struct counts total = { 0, 0, 0 };
    int failures = 0;

    if (argc < 2) {
        count(stdin, &total);
        print(&total, "");
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        struct counts c = { 0, 0, 0 };
        FILE *file = fopen(argv[i], "rb");

        if (file == NULL || !count(file, &c)) {
            fprintf(stderr, "wc: %s: %s\n", argv[i], strerror(errno));
            failures++;
        } else {
            print(&c, argv[i]);
            total.lines += c.lines;
            total.words += c.words;
            total.bytes += c.bytes;
        }
        if (file != NULL)
            fclose(file);
    }
    if (argc > 2)
        print(&total, "total");
    return failures > 0;
}
