/*
 * interp: a stack machine with a switch over byte code, running three small programs.
 * Size: how many numbers the programs work on. Shows: br_table dispatch, loads and stores of state.
 */
#include "bench.h"

enum opcode {
    PUSH,  /* k: constant */
    LOAD,  /* k: variable */
    STORE, /* k: variable */
    ADD,
    SUB,
    MUL,
    REM,
    LESS,
    EQUAL,
    HALF,
    ODD,
    JUMP,  /* k: target */
    UNLESS, /* k: target, taken when the top is zero */
    FETCH, /* k: base; memory[base + top] */
    PUT,   /* k: base; memory[base + second] = top */
    EMIT,
    STOP,
};

enum { MEMORY = 4096, STACK = 64, VARIABLES = 8 };

struct instruction {
    uint8_t opcode;
    int32_t k;
};

static uint64_t output, executed;

/* Counts primes below variable 0 by trial division. */
static const struct instruction count_primes[] = {
    { PUSH, 2 },  { STORE, 1 },                                     /*  0: candidate = 2 */
    { LOAD, 1 },  { LOAD, 0 },  { LESS, 0 },   { UNLESS, 31 },      /*  2: while candidate < n */
    { PUSH, 2 },  { STORE, 2 },                                     /*  6: divisor = 2 */
    { LOAD, 1 },  { LOAD, 2 },  { LOAD, 2 },   { MUL, 0 },          /*  8: while d * d <= c */
    { LESS, 0 },  { UNLESS, 15 }, { JUMP, 22 },                     /* 12 */
    { LOAD, 1 },  { LOAD, 2 },  { REM, 0 },    { UNLESS, 26 },      /* 15: if c % d == 0, next */
    { LOAD, 2 },  { PUSH, 1 },  { JUMP, 33 },                       /* 19: d = d + 1 */
    { LOAD, 3 },  { PUSH, 1 },  { ADD, 0 },    { STORE, 3 },        /* 22: found = found + 1 */
    { LOAD, 1 },  { PUSH, 1 },  { ADD, 0 },    { STORE, 1 },        /* 26: c = c + 1 */
    { JUMP, 2 },                                                    /* 30 */
    { LOAD, 3 },  { JUMP, 36 },                                     /* 31 */
    { ADD, 0 },   { STORE, 2 }, { JUMP, 8 },                        /* 33 */
    { EMIT, 0 },  { STOP, 0 },                                      /* 36 */
};

/* Sums the lengths of the Collatz sequences that begin below variable 0. */
static const struct instruction collatz[] = {
    { PUSH, 1 },  { STORE, 1 },                                     /*  0: start = 1 */
    { LOAD, 1 },  { LOAD, 0 },  { LESS, 0 },   { UNLESS, 33 },      /*  2: while start < n */
    { LOAD, 1 },  { STORE, 2 },                                     /*  6: x = start */
    { LOAD, 2 },  { PUSH, 1 },  { EQUAL, 0 },  { UNLESS, 13 },      /*  8: while x != 1 */
    { JUMP, 28 },                                                   /* 12 */
    { LOAD, 3 },  { PUSH, 1 },  { ADD, 0 },    { STORE, 3 },        /* 13: steps = steps + 1 */
    { LOAD, 2 },  { ODD, 0 },   { UNLESS, 35 },                     /* 17 */
    { LOAD, 2 },  { PUSH, 3 },  { MUL, 0 },    { PUSH, 1 },         /* 20: x = 3 x + 1 */
    { ADD, 0 },   { STORE, 2 }, { JUMP, 8 },   { STOP, 0 },         /* 24 */
    { LOAD, 1 },  { PUSH, 1 },  { ADD, 0 },    { STORE, 1 },        /* 28: start = start + 1 */
    { JUMP, 2 },                                                    /* 32 */
    { LOAD, 3 },  { JUMP, 39 },                                     /* 33 */
    { LOAD, 2 },  { HALF, 0 },  { STORE, 2 },  { JUMP, 8 },         /* 35: x = x / 2 */
    { EMIT, 0 },  { STOP, 0 },                                      /* 39 */
};

/* Fills memory with i * i % 251 and sums it, variable 0 times over. */
static const struct instruction fill_and_sum[] = {
    { PUSH, 0 },    { STORE, 1 },                                   /*  0: round = 0 */
    { LOAD, 1 },    { LOAD, 0 },   { LESS, 0 },  { UNLESS, 38 },    /*  2: while round < n */
    { PUSH, 0 },    { STORE, 2 },                                   /*  6: i = 0 */
    { LOAD, 2 },    { PUSH, 256 }, { LESS, 0 },  { UNLESS, 33 },    /*  8: while i < 256 */
    { LOAD, 2 },    { LOAD, 2 },   { LOAD, 1 },  { ADD, 0 },        /* 12 */
    { LOAD, 2 },    { MUL, 0 },    { PUSH, 251 }, { REM, 0 },       /* 16 */
    { PUT, 1024 },                                                  /* 20: m[i] = (i+r) i % 251 */
    { LOAD, 3 },    { PUSH, 255 }, { LOAD, 2 },  { SUB, 0 },        /* 21 */
    { FETCH, 1024 }, { ADD, 0 },   { STORE, 3 },                    /* 25: sum += m[255 - i] */
    { LOAD, 2 },    { PUSH, 1 },   { ADD, 0 },   { STORE, 2 },      /* 28: i = i + 1 */
    { JUMP, 8 },                                                    /* 32 */
    { LOAD, 1 },    { PUSH, 1 },   { ADD, 0 },   { STORE, 1 },      /* 33: round = round + 1 */
    { JUMP, 2 },                                                    /* 37 */
    { LOAD, 3 },    { EMIT, 0 },   { STOP, 0 },                     /* 38 */
};

static void run(const struct instruction *code, int64_t input)
{
    static int64_t memory[MEMORY];
    int64_t stack[STACK], variables[VARIABLES] = { input };
    int64_t *top = stack; /* one past the topmost value */
    const struct instruction *pc = code;
    uint64_t steps = 0;

    for (int i = 0; i < MEMORY; i++)
        memory[i] = 0;
    for (;;) {
        int32_t k = pc->k;

        steps++;
        switch ((enum opcode)(pc++)->opcode) {
        case PUSH:
            *top++ = k;
            break;
        case LOAD:
            *top++ = variables[k];
            break;
        case STORE:
            variables[k] = *--top;
            break;
        case ADD:
            top--;
            top[-1] += top[0];
            break;
        case SUB:
            top--;
            top[-1] -= top[0];
            break;
        case MUL:
            top--;
            top[-1] *= top[0];
            break;
        case REM:
            top--;
            top[-1] %= top[0];
            break;
        case LESS:
            top--;
            top[-1] = top[-1] < top[0];
            break;
        case EQUAL:
            top--;
            top[-1] = top[-1] == top[0];
            break;
        case HALF:
            top[-1] /= 2;
            break;
        case ODD:
            top[-1] &= 1;
            break;
        case JUMP:
            pc = code + k;
            break;
        case UNLESS:
            if (*--top == 0)
                pc = code + k;
            break;
        case FETCH:
            top[-1] = memory[(k + top[-1]) % MEMORY];
            break;
        case PUT:
            top -= 2;
            memory[(k + top[0]) % MEMORY] = top[1];
            break;
        case EMIT:
            output = output * 1000003 + (uint64_t)*--top;
            break;
        case STOP:
            executed += steps;
            return;
        }
    }
}

static void kernel(int n)
{
    output = executed = 0;
    run(count_primes, n);
    run(collatz, n / 2);
    run(fill_and_sum, n / 10);
}

static void report(void)
{
    printf("output %llu after %llu instructions\n", (unsigned long long)output,
           (unsigned long long)executed);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 120000, 6000, kernel, report);
}
