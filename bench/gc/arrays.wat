;; A sieve in an array of i8, a product of matrices of f64, and a string of i16 that grows by
;; copying: run(n) does each n times.
(module
  (type $bytes (array (mut i8)))
  (type $doubles (array (mut f64)))
  (type $string (array (mut i16)))

  (func $sieve (param $size i32) (result i32)
    (local $composite (ref $bytes)) (local $i i32) (local $j i32) (local $count i32)
    (local.set $composite (array.new_default $bytes (local.get $size)))
    (local.set $i (i32.const 2))
    (loop $next
      (if (i32.eqz (array.get_u $bytes (local.get $composite) (local.get $i)))
        (then
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (local.set $j (i32.mul (local.get $i) (local.get $i)))
          (block $done
            (loop $mark
              (br_if $done (i32.ge_u (local.get $j) (local.get $size)))
              (array.set $bytes (local.get $composite) (local.get $j) (i32.const 1))
              (local.set $j (i32.add (local.get $j) (local.get $i)))
              (br $mark)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (i32.mul (local.get $i) (local.get $i)) (local.get $size))))
    (local.get $count))

  (func $matrix (param $size i32) (param $seed f64) (result (ref $doubles))
    (local $made (ref $doubles)) (local $i i32) (local $end i32)
    (local.set $end (i32.mul (local.get $size) (local.get $size)))
    (local.set $made (array.new $doubles (f64.const 1) (local.get $end)))
    (loop $fill
      (array.set $doubles (local.get $made) (local.get $i)
        (f64.add (local.get $seed) (f64.convert_i32_s (local.get $i))))
      (br_if $fill
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $end))))
    (local.get $made))

  (func $multiply (param $size i32) (result f64)
    (local $a (ref $doubles)) (local $b (ref $doubles)) (local $c (ref $doubles))
    (local $i i32) (local $j i32) (local $k i32) (local $sum f64)
    (local.set $a (call $matrix (local.get $size) (f64.const 0.5)))
    (local.set $b (call $matrix (local.get $size) (f64.const 0.25)))
    (local.set $c
      (array.new_default $doubles (i32.mul (local.get $size) (local.get $size))))
    (loop $rows
      (local.set $j (i32.const 0))
      (loop $columns
        (local.set $sum (f64.const 0))
        (local.set $k (i32.const 0))
        (loop $inner
          (local.set $sum
            (f64.add (local.get $sum)
              (f64.mul
                (array.get $doubles (local.get $a)
                  (i32.add (i32.mul (local.get $i) (local.get $size)) (local.get $k)))
                (array.get $doubles (local.get $b)
                  (i32.add (i32.mul (local.get $k) (local.get $size)) (local.get $j))))))
          (br_if $inner
            (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $size))))
        (array.set $doubles (local.get $c)
          (i32.add (i32.mul (local.get $i) (local.get $size)) (local.get $j)) (local.get $sum))
        (br_if $columns
          (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $size))))
      (br_if $rows
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $size))))
    (array.get $doubles (local.get $c) (local.get $size)))

  (func $concatenate (param $left (ref $string)) (param $right (ref $string)) (result (ref $string))
    (local $made (ref $string))
    (local.set $made
      (array.new_default $string
        (i32.add (array.len (local.get $left)) (array.len (local.get $right)))))
    (array.copy $string $string (local.get $made) (i32.const 0)
      (local.get $left) (i32.const 0) (array.len (local.get $left)))
    (array.copy $string $string (local.get $made) (array.len (local.get $left))
      (local.get $right) (i32.const 0) (array.len (local.get $right)))
    (local.get $made))

  (func $text (param $pieces i32) (result i32)
    (local $text (ref $string)) (local $i i32) (local $hash i32)
    (local.set $text (array.new_fixed $string 0))
    (loop $pieces_left
      (local.set $text
        (call $concatenate (local.get $text)
          (array.new_fixed $string 4 (i32.const 72) (i32.const 105) (i32.const 33)
            (local.get $pieces))))
      (br_if $pieces_left (local.tee $pieces (i32.sub (local.get $pieces) (i32.const 1)))))
    (loop $next
      (local.set $hash
        (i32.add (i32.mul (local.get $hash) (i32.const 31))
          (array.get_u $string (local.get $text) (local.get $i))))
      (br_if $next
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (array.len (local.get $text)))))
    (local.get $hash))

  (func (export "run") (param $times i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $sieve (i32.const 200000))))
      (local.set $sum
        (i32.add (local.get $sum) (i32.trunc_sat_f64_s (call $multiply (i32.const 96)))))
      (local.set $sum (i32.add (local.get $sum) (call $text (i32.const 600))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))
