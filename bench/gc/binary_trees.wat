;; The benchmark game's binary trees on structures: many short-lived trees beside one that stays.
;; run(16) makes and checks trees of depths 4, 6, … 16; the result is the sum of all checks.
(module
  (type $tree (struct (field $left (ref null $tree)) (field $right (ref null $tree))))

  (func $make (param $depth i32) (result (ref $tree))
    (if (result (ref $tree)) (i32.eqz (local.get $depth))
      (then (struct.new $tree (ref.null $tree) (ref.null $tree)))
      (else
        (struct.new $tree
          (call $make (i32.sub (local.get $depth) (i32.const 1)))
          (call $make (i32.sub (local.get $depth) (i32.const 1)))))))

  (func $check (param $tree (ref null $tree)) (result i32)
    (local $node (ref $tree))
    (block $leaf
      (local.set $node (br_on_null $leaf (local.get $tree)))
      (return
        (i32.add (i32.const 1)
          (i32.add
            (call $check (struct.get $tree $left (local.get $node)))
            (call $check (struct.get $tree $right (local.get $node)))))))
    (i32.const 0))

  (func (export "run") (param $most i32) (result i32)
    (local $depth i32) (local $rounds i32) (local $sum i32) (local $long (ref null $tree))
    (local.set $sum
      (call $check (call $make (i32.add (local.get $most) (i32.const 1)))))
    (local.set $long (call $make (local.get $most)))
    (local.set $depth (i32.const 4))
    (loop $depths
      (local.set $rounds
        (i32.shl (i32.const 1)
          (i32.add (i32.sub (local.get $most) (local.get $depth)) (i32.const 4))))
      (loop $again
        (local.set $sum
          (i32.add (local.get $sum) (call $check (call $make (local.get $depth)))))
        (br_if $again
          (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
      (local.set $depth (i32.add (local.get $depth) (i32.const 2)))
      (br_if $depths (i32.le_s (local.get $depth) (local.get $most))))
    (i32.add (local.get $sum) (call $check (local.get $long)))))
