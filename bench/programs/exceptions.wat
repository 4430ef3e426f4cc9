;; Programs for bench/exceptions.py: each export takes a number of rounds and gives a checksum.
(module
  (tag $e (param i32))
  (tag $other)
  (tag $wide (param i32 i64 f64))
  (type $f (func (param i32) (result i32)))
  (table funcref (elem $throw $down $return $again $throw_wide))

  (func $throw (type $f) (throw $e (local.get 0)))
  (func $return (type $f) (i32.add (local.get 0) (i32.const 3)))
  (func $throw_wide (type $f)
    (throw $wide (local.get 0) (i64.extend_i32_u (local.get 0)) (f64.convert_i32_u (local.get 0))))

  ;; as many frames as it is told, then a throw
  (func $down (type $f)
    (if (i32.eqz (local.get 0)) (then (throw $e (i32.const 5))))
    (i32.add (i32.const 1)
      (call_indirect (type $f) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1))))

  ;; catches with a reference, and throws again
  (func $again (type $f)
    (block $caught (result i32 exnref)
      (try_table (catch_ref $e $caught)
        (return (call_indirect (type $f) (local.get 0) (i32.const 0))))
      (unreachable))
    (throw_ref))

  ;; calls entry `callee` in a block that catches
  (func $rounds (param $n i32) (param $argument i32) (param $callee i32) (result i32)
    (local $sum i32)
    (loop $round
      (block $done
        (block $caught (result i32)
          (try_table (catch $e $caught)
            (local.set $sum (i32.add (local.get $sum)
              (call_indirect (type $f) (local.get $argument) (local.get $callee))))
            (br $done))
          (unreachable))
        (local.set $sum (i32.add (local.get $sum))))
      (br_if $round (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  (func (export "leaf") (param i32) (result i32)
    (call $rounds (local.get 0) (i32.const 3) (i32.const 0)))
  (func (export "deep") (param i32) (result i32)
    (call $rounds (local.get 0) (i32.const 100) (i32.const 1)))
  (func (export "rethrow") (param i32) (result i32)
    (call $rounds (local.get 0) (i32.const 3) (i32.const 3)))

  ;; three handlers that do not fit lie on the way
  (func (export "nested") (param $n i32) (result i32) (local $sum f64)
    (loop $round
      (block $other
        (block $e (result i32)
          (block $wide (result i32 i64 f64)
            (try_table (catch $wide $wide)
              (try_table (catch $e $e)
                (try_table (catch $other $other)
                  (try_table (catch $e $e)
                    (drop (call_indirect (type $f) (local.get $n) (i32.const 4)))))))
            (unreachable))
          (local.set $sum (f64.add (local.get $sum)))
          (drop))
        (drop))
      (br_if $round (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.trunc_sat_f64_s (local.get $sum)))

  ;; a search that ends by a throw, somewhere in a tree of 2^12 leaves
  (func $search (param $node i32) (param $level i32) (param $wanted i32)
    (if (i32.eqz (local.get $level))
      (then
        (if (i32.eq (local.get $node) (local.get $wanted)) (then (throw $e (local.get $node))))
        (return)))
    (call $search (i32.shl (local.get $node) (i32.const 1))
      (i32.sub (local.get $level) (i32.const 1)) (local.get $wanted))
    (call $search (i32.or (i32.shl (local.get $node) (i32.const 1)) (i32.const 1))
      (i32.sub (local.get $level) (i32.const 1)) (local.get $wanted)))
  (func (export "search") (param $n i32) (result i32) (local $sum i32)
    (loop $round
      (block $found (result i32)
        (try_table (catch $e $found)
          (call $search (i32.const 1) (i32.const 12)
            (i32.or (i32.const 4096) (i32.and (i32.mul (local.get $n) (i32.const 37)) (i32.const 31)))))
        (i32.const 0))
      (local.set $sum (i32.add (local.get $sum)))
      (br_if $round (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  ;; thrown and caught in one function
  (func (export "local") (param $n i32) (result i32) (local $sum i32)
    (loop $round
      (block $caught (result i32)
        (try_table (catch $e $caught) (throw $e (local.get $n)))
        (unreachable))
      (local.set $sum (i32.add (local.get $sum)))
      (br_if $round (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))

  ;; nothing is thrown: the same calls in a block that catches, and without one
  (func (export "guarded") (param i32) (result i32)
    (call $rounds (local.get 0) (i32.const 3) (i32.const 2)))
  (func $plain (param $n i32) (param $argument i32) (param $callee i32) (result i32)
    (local $sum i32)
    (loop $round
      (local.set $sum (i32.add (local.get $sum)
        (call_indirect (type $f) (local.get $argument) (local.get $callee))))
      (br_if $round (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  (func (export "plain") (param i32) (result i32)
    (call $plain (local.get 0) (i32.const 3) (i32.const 2))))
