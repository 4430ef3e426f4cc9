// What the playground begins with.
export const EXAMPLES = {
  wat: {
    Factorial: `(module
  ;; n! by tail calls: the product travels in the second parameter.
  (func $fac (param $n i64) (param $product i64) (result i64)
    (if (result i64) (i64.eqz (local.get $n))
      (then (local.get $product))
      (else
        (return_call $fac
          (i64.sub (local.get $n) (i64.const 1))
          (i64.mul (local.get $product) (local.get $n))))))
  (func (export "fac") (param $n i64) (result i64)
    (call $fac (local.get $n) (i64.const 1)))
)
`,
    "Hello, WASI": `(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "Hello from the text format\\n")
  (data (i32.const 0) "\\10\\00\\00\\00\\1b\\00\\00\\00")
  (func (export "_start")
    (drop (call $write
      (i32.const 1)    ;; standard output
      (i32.const 0)    ;; one vector: where, and how long
      (i32.const 1)
      (i32.const 8)))))
`,
    "A trap": `(module
  (memory 1)
  (func $read (export "read") (param $at i32) (result i32)
    (i32.load (local.get $at)))
  (func (export "divide") (param i32 i32) (result i32)
    (i32.div_s (local.get 0) (local.get 1)))
)
`,
  },
  c: {
    "Hello, world": `#include <stdio.h>

int main(int argc, char **argv) {
    printf("Hello, %s!\\n", argc > 1 ? argv[1] : "world");
    return 0;
}
`,
    Primes: `#include <stdio.h>
#include <string.h>

static char composite[2000000];

int main(void) {
    int count = 0;
    for (int i = 2; i < (int) sizeof composite; i++) {
        if (composite[i]) continue;
        count++;
        for (long j = (long) i * i; j < (long) sizeof composite; j += i) composite[j] = 1;
    }
    printf("%d primes below %zu\\n", count, sizeof composite);
}
`,
  },
};
