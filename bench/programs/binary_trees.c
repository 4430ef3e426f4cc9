/*
 * binary_trees: builds, walks and frees many small trees while one large tree stays alive.
 * Size: depth of the largest tree. Shows: malloc and free, pointer chasing, recursion.
 */
#include "bench.h"

enum { SHALLOWEST = 4 };

struct node {
    struct node *left, *right;
};

static unsigned long checksum, trees;

static struct node *build(int depth)
{
    struct node *n = bench_alloc(sizeof *n);

    if (depth == 0) {
        n->left = n->right = NULL;
    } else {
        n->left = build(depth - 1);
        n->right = build(depth - 1);
    }
    return n;
}

static unsigned long count(const struct node *n)
{
    return n->left == NULL ? 1 : 1 + count(n->left) + count(n->right);
}

static void release(struct node *n)
{
    if (n->left != NULL) {
        release(n->left);
        release(n->right);
    }
    free(n);
}

static void kernel(int deepest)
{
    struct node *lasting = build(deepest);

    checksum = trees = 0;
    for (int depth = SHALLOWEST; depth <= deepest; depth += 2) {
        int rounds = 1 << (deepest - depth + SHALLOWEST);

        for (int i = 0; i < rounds; i++) {
            struct node *short_lived = build(depth);

            checksum += count(short_lived);
            trees++;
            release(short_lived);
        }
    }
    checksum = checksum * 31 + count(lasting);
    release(lasting);
}

static void report(void)
{
    printf("trees %lu, checksum %08lx\n", trees, checksum & 0xffffffffUL);
}

int main(int argc, char **argv)
{
    return bench_run(argc, argv, 17, 12, kernel, report);
}
