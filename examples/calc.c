/*
 * calc: a calculator. Each line of standard input is an expression with + - * / % ^ ( ) and
 * numbers, or NAME = EXPRESSION; the last value is in `_`. Exit status 1 after a wrong line.
 *
 *     sum     = product  { ("+" | "-") product }
 *     product = power    { ("*" | "/" | "%") power }
 *     power   = atom     [ "^" power ]
 *     atom    = "-" power | number | name | "(" sum ")"
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 64, NAME_SIZE = 16, LINE = 1024, DEPTH = 100 };

struct name {
    char text[NAME_SIZE];
    double value;
};

static struct name names[NAMES] = { { "_", 0 }, { "pi", 3.141592653589793 } };
static int name_count = 2;

static const char *at;      /* the next character */
static const char *problem; /* the first that was found in the line, or NULL */
static int depth;

static double sum(void);

static void fail(const char *text)
{
    if (problem == NULL)
        problem = text;
}

static void skip_space(void)
{
    while (isspace((unsigned char)*at))
        at++;
}

/* Takes `c` where it comes next. */
static int take(char c)
{
    skip_space();
    if (*at != c)
        return 0;
    at++;
    return 1;
}

/* Takes a name into `text`; zero where none comes next. */
static int take_name(char *text)
{
    int n = 0;

    skip_space();
    if (!isalpha((unsigned char)*at) && *at != '_')
        return 0;
    for (; isalnum((unsigned char)*at) || *at == '_'; at++) {
        if (n + 1 == NAME_SIZE)
            fail("the name is too long");
        else
            text[n++] = *at;
    }
    text[n] = '\0';
    return 1;
}

static struct name *find(const char *text)
{
    for (int i = 0; i < name_count; i++) {
        if (strcmp(names[i].text, text) == 0)
            return &names[i];
    }
    return NULL;
}

static void assign(const char *text, double value)
{
    struct name *name = find(text);

    if (name == NULL && name_count == NAMES) {
        fail("too many names");
        return;
    }
    if (name == NULL) {
        name = &names[name_count++];
        strcpy(name->text, text);
    }
    name->value = value;
}

static double power(void);

static double atom(void)
{
    char text[NAME_SIZE];
    double value = 0;

    if (++depth > DEPTH) {
        fail("nested too deeply");
    } else if (take('-')) {
        value = -power();
    } else if (take('(')) {
        value = sum();
        if (!take(')'))
            fail("a ) is missing");
    } else if (take_name(text)) {
        const struct name *name = find(text);

        if (name == NULL)
            fail("no such name");
        else
            value = name->value;
    } else {
        char *end;

        value = strtod(at, &end);
        if (end == at)
            fail("a number, a name or ( is missing");
        at = end;
    }
    depth--;
    return value;
}

static double power(void)
{
    double base = atom();

    if (problem != NULL || !take('^'))
        return base;
    if (++depth > DEPTH) {
        fail("nested too deeply");
        return 0;
    }
    base = pow(base, power());
    depth--;
    return base;
}

static double product(void)
{
    double value = power();

    while (problem == NULL) {
        if (take('*'))
            value *= power();
        else if (take('/'))
            value /= power();
        else if (take('%'))
            value = fmod(value, power());
        else
            break;
    }
    return value;
}

static double sum(void)
{
    double value = product();

    while (problem == NULL) {
        if (take('+'))
            value += product();
        else if (take('-'))
            value -= product();
        else
            break;
    }
    return value;
}

/* Evaluates one line. Returns zero where it is wrong, with `problem` and `at` set. */
static int evaluate(const char *line, double *value)
{
    char text[NAME_SIZE] = "_";

    at = line;
    problem = NULL;
    depth = 0;
    if (!take_name(text) || !take('=')) {
        at = line;
        problem = NULL;
        strcpy(text, "_");
    }
    *value = sum();
    skip_space();
    if (*at != '\0')
        fail("an operator is missing");
    if (problem == NULL)
        assign(text, *value);
    if (problem == NULL)
        assign("_", *value);
    return problem == NULL;
}

int main(void)
{
    char line[LINE];
    int failures = 0;

    while (fgets(line, sizeof line, stdin) != NULL) {
        double value;

        at = line;
        skip_space();
        if (*at == '\0')
            continue;
        if (evaluate(line, &value)) {
            printf("%.12g\n", value);
        } else {
            printf("%*s^ %s\n", (int)(at - line), "", problem);
            failures++;
        }
        fflush(stdout);
    }
    return failures > 0;
}
