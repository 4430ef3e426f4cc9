/* mandelbrot: the set as text. Arguments: columns, rows, then centre x, centre y and width. */
#include <stdio.h>
#include <stdlib.h>

/* The more rounds a point stays, the denser its character. */
static const char shades[] = " .,:;-=+*%#@";

enum { ROUNDS = 1000, SHADES = sizeof shades - 1 };

static int rounds(double cx, double cy)
{
    double x = 0, y = 0;
    int n = 0;

    while (n < ROUNDS && x * x + y * y <= 4) {
        double next = x * x - y * y + cx;

        y = 2 * x * y + cy;
        x = next;
        n++;
    }
    return n;
}

static char shade(int n)
{
    int level = 0;

    if (n == ROUNDS)
        return shades[SHADES - 1];
    for (; n > 1 && level < SHADES - 2; n = n * 2 / 3)
        level++;
    return shades[level];
}

static double argument(int argc, char **argv, int i, double otherwise)
{
    return argc > i ? strtod(argv[i], NULL) : otherwise;
}

int main(int argc, char **argv)
{
    int columns = (int)argument(argc, argv, 1, 78), rows = (int)argument(argc, argv, 2, 32);
    double x = argument(argc, argv, 3, -0.7), y = argument(argc, argv, 4, 0);
    double width = argument(argc, argv, 5, 3.2);

    if (columns < 1 || rows < 1 || !(width > 0)) {
        fputs("usage: mandelbrot [COLUMNS ROWS [X Y WIDTH]], all sizes above zero\n", stderr);
        return 2;
    }
    for (int row = 0; row < rows; row++) {
        for (int column = 0; column < columns; column++) {
            /* A character is about twice as high as it is wide. */
            double dx = (column + 0.5) / columns - 0.5;
            double dy = 2 * (rows / 2.0 - row - 0.5) / columns;

            putchar(shade(rounds(x + dx * width, y + dy * width)));
        }
        putchar('\n');
    }
    return 0;
}
