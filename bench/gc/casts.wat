;; Shapes in an array of eqref, told apart by casts as compiled pattern matching does it: classes
;; three levels deep, i31 and null among them. run(n) goes over 4096 of them n times.
(module
  (type $shape (sub (struct (field $id i32))))
  (type $round (sub $shape (struct (field $id i32) (field $radius i32))))
  (type $square (sub $shape (struct (field $id i32) (field $side i32))))
  (type $ellipse (sub final $round (struct (field $id i32) (field $radius i32) (field $other i32))))
  (type $circle (sub final $round (struct (field $id i32) (field $radius i32))))
  (type $cube (sub final $square (struct (field $id i32) (field $side i32) (field $depth i32))))
  (type $shapes (array (mut eqref)))

  (func $make (param $i i32) (result eqref)
    (local $kind i32)
    (local.set $kind (i32.and (i32.mul (local.get $i) (i32.const 0x9E3779B1)) (i32.const 0x7000000)))
    (local.set $kind (i32.shr_u (local.get $kind) (i32.const 24)))
    (block $null (block $i31 (block $cube (block $square (block $circle (block $ellipse
      (br_table $ellipse $circle $square $cube $i31 $null $circle $square (local.get $kind)))
      (return (struct.new $ellipse (local.get $i) (local.get $i) (i32.const 3))))
      (return (struct.new $circle (local.get $i) (local.get $i))))
      (return (struct.new $square (local.get $i) (i32.const 7))))
      (return (struct.new $cube (local.get $i) (i32.const 7) (i32.const 2))))
      (return (ref.i31 (local.get $i))))
    (ref.null eq))

  (func $value (param $shape eqref) (result i32)
    (block $is_circle (result (ref $circle))
      (block $is_ellipse (result (ref $ellipse))
        (block $is_square (result (ref $square))
          (block $is_i31 (result (ref i31))
            (if (ref.is_null (local.get $shape)) (then (return (i32.const 1))))
            (br_on_cast $is_circle eqref (ref $circle) (local.get $shape))
            (br_on_cast $is_ellipse eqref (ref $ellipse))
            (br_on_cast $is_square eqref (ref $square))
            (br_on_cast $is_i31 eqref (ref i31))
            (unreachable))
          (return (i31.get_u)))
        (return (call $area)))
      (struct.get $ellipse $other)
      (return (i32.add (struct.get $ellipse $id (ref.cast (ref $ellipse) (local.get $shape))))))
    (struct.get $circle $radius))

  (func $area (param $square (ref $square)) (result i32)
    (if (result i32) (ref.test (ref $cube) (local.get $square))
      (then (i32.mul (struct.get $square $side (local.get $square)) (i32.const 6)))
      (else (struct.get $square $id (local.get $square)))))

  (func (export "run") (param $times i32) (result i32)
    (local $shapes (ref $shapes)) (local $i i32) (local $sum i32)
    (local.set $shapes (array.new_default $shapes (i32.const 4096)))
    (loop $fill
      (array.set $shapes (local.get $shapes) (local.get $i) (call $make (local.get $i)))
      (br_if $fill
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4096))))
    (loop $again
      (local.set $i (i32.const 0))
      (loop $each
        (local.set $sum
          (i32.add (local.get $sum)
            (call $value (array.get $shapes (local.get $shapes) (local.get $i)))))
        (br_if $each
          (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 4096))))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $sum)))
