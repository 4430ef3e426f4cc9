;; Lists of boxed numbers as a functional language has them: made, mapped with a closure, filtered,
;; reversed, merge-sorted, summed. run(n) does that n times with 2000 elements.
(module
  (rec
    (type $unary (func (param i32 (ref $closure)) (result i32)))
    (type $closure (struct (field $code (ref $unary)) (field $captured i32))))
  (type $box (struct (field $value i32)))
  (type $cons (struct (field $head (ref $box)) (field $tail (mut (ref null $cons)))))

  (elem declare func $add)
  (func $add (type $unary)
    (i32.add (local.get 0) (struct.get $closure $captured (local.get 1))))

  (func $random (param $count i32) (result (ref null $cons))
    (local $list (ref null $cons)) (local $seed i32)
    (local.set $seed (i32.const 12345))
    (loop $more
      (local.set $seed
        (i32.add (i32.mul (local.get $seed) (i32.const 1103515245)) (i32.const 12345)))
      (local.set $list
        (struct.new $cons
          (struct.new $box (i32.and (local.get $seed) (i32.const 0xFFFFF))) (local.get $list)))
      (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
    (local.get $list))

  (func $map (param $list (ref null $cons)) (param $f (ref $closure)) (result (ref null $cons))
    (if (ref.is_null (local.get $list)) (then (return (ref.null $cons))))
    (struct.new $cons
      (struct.new $box
        (call_ref $unary
          (struct.get $box $value (struct.get $cons $head (local.get $list)))
          (local.get $f)
          (struct.get $closure $code (local.get $f))))
      (call $map (struct.get $cons $tail (local.get $list)) (local.get $f))))

  (func $keep_even (param $list (ref null $cons)) (result (ref null $cons))
    (local $kept (ref null $cons)) (local $box (ref $box))
    (block $end
      (loop $next
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $box (struct.get $cons $head (local.get $list)))
        (if (i32.eqz (i32.and (struct.get $box $value (local.get $box)) (i32.const 1)))
          (then (local.set $kept (struct.new $cons (local.get $box) (local.get $kept)))))
        (local.set $list (struct.get $cons $tail (local.get $list)))
        (br $next)))
    (local.get $kept))

  (func $merge (param $a (ref null $cons)) (param $b (ref null $cons)) (result (ref null $cons))
    (local $first (ref $cons)) (local $last (ref $cons)) (local $smaller (ref null $cons))
    (local.set $first
      (struct.new $cons (struct.new $box (i32.const 0)) (ref.null $cons)))
    (local.set $last (local.get $first))
    (block $end
      (loop $next
        (br_if $end (ref.is_null (local.get $a)))
        (br_if $end (ref.is_null (local.get $b)))
        (if
          (i32.le_s
            (struct.get $box $value (struct.get $cons $head (local.get $a)))
            (struct.get $box $value (struct.get $cons $head (local.get $b))))
          (then
            (local.set $smaller (local.get $a))
            (local.set $a (struct.get $cons $tail (local.get $a))))
          (else
            (local.set $smaller (local.get $b))
            (local.set $b (struct.get $cons $tail (local.get $b)))))
        (local.set $smaller
          (struct.new $cons (struct.get $cons $head (local.get $smaller)) (ref.null $cons)))
        (struct.set $cons $tail (local.get $last) (local.get $smaller))
        (local.set $last (ref.as_non_null (local.get $smaller)))
        (br $next)))
    (struct.set $cons $tail (local.get $last)
      (select (result (ref null $cons)) (local.get $b) (local.get $a)
        (ref.is_null (local.get $a))))
    (struct.get $cons $tail (local.get $first)))

  (func $sort (param $list (ref null $cons)) (result (ref null $cons))
    (local $a (ref null $cons)) (local $b (ref null $cons)) (local $swap (ref null $cons))
    (if (ref.is_null (local.get $list)) (then (return (ref.null $cons))))
    (if (ref.is_null (struct.get $cons $tail (local.get $list)))
      (then (return (local.get $list))))
    (loop $next
      (local.set $swap (local.get $b))
      (local.set $b
        (struct.new $cons (struct.get $cons $head (local.get $list)) (local.get $a)))
      (local.set $a (local.get $swap))
      (br_if $next
        (i32.eqz (ref.is_null
          (local.tee $list (struct.get $cons $tail (local.get $list)))))))
    (call $merge (call $sort (local.get $a)) (call $sort (local.get $b))))

  (func $sum (param $list (ref null $cons)) (result i32)
    (local $sum i32)
    (block $end
      (loop $next
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $sum
          (i32.add (i32.mul (local.get $sum) (i32.const 3))
            (struct.get $box $value (struct.get $cons $head (local.get $list)))))
        (local.set $list (struct.get $cons $tail (local.get $list)))
        (br $next)))
    (local.get $sum))

  (func (export "run") (param $times i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (call $sum
            (call $sort
              (call $keep_even
                (call $map (call $random (i32.const 2000))
                  (struct.new $closure (ref.func $add) (local.get $times))))))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))
