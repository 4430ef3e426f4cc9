// Made by `python -m wasmwright.web.opcodes` from wasmwright.isa. Do not edit.

/** How a prefixed opcode becomes a slot: `PREFIX_BASE[prefix] + code`, for codes below the size. */
export const PREFIX_BASE = { 0xfb: 0x100, 0xfc: 0x200, 0xfd: 0x300, 0xfe: 0x500 };
export const PREFIX_SIZE = { 0xfb: 0x100, 0xfc: 0x100, 0xfd: 0x200, 0xfe: 0x100 };
/** How many slots there are; some of them hold no instruction. */
export const SLOTS = 0x600;

/** The kinds of immediates, by number. */
export const IMMEDIATES = [
  "", "blocktype", "label", "labels", "func", "type", "table", "local", "global", "memory",
  "tag", "data", "elem", "field", "u32", "memarg", "lane", "lanes", "i32", "i64", "f32", "f64",
  "v128", "heaptype", "valtypes", "catches", "castflags", "zero",
];

/**
 * The instructions: name, immediates, stack type, and the slot where it is not the next one, a line
 * each. Numbers are hexadecimal, `-` is nothing. Where a row has a stack type, it alone types the instruction:
 * `i` i32, `l` i64, `f` f32, `d` f64, `v` v128, `a` the memory's address type.
 */
export const ROWS = `
unreachable - -
nop - -
block 01 -
loop 01 -
if 01 -
else - -
throw 0a - 8
throw_ref - - a
end - -
br 02 -
br_if 02 -
br_table 0302 -
return - -
call 04 -
call_indirect 0506 -
return_call 04 -
return_call_indirect 0506 -
call_ref 05 -
return_call_ref 05 -
drop - - 1a
select - -
select 18 -
try_table 0119 - 1f
local.get 07 -
local.set 07 -
local.tee 07 -
global.get 08 -
global.set 08 -
table.get 06 -
table.set 06 -
i32.load 0f a:i 28
i64.load 0f a:l
f32.load 0f a:f
f64.load 0f a:d
i32.load8_s 0f a:i
i32.load8_u 0f a:i
i32.load16_s 0f a:i
i32.load16_u 0f a:i
i64.load8_s 0f a:l
i64.load8_u 0f a:l
i64.load16_s 0f a:l
i64.load16_u 0f a:l
i64.load32_s 0f a:l
i64.load32_u 0f a:l
i32.store 0f ai:
i64.store 0f al:
f32.store 0f af:
f64.store 0f ad:
i32.store8 0f ai:
i32.store16 0f ai:
i64.store8 0f al:
i64.store16 0f al:
i64.store32 0f al:
memory.size 09 -
memory.grow 09 -
i32.const 12 :i
i64.const 13 :l
f32.const 14 :f
f64.const 15 :d
i32.eqz - i:i
i32.eq - ii:i
i32.ne - ii:i
i32.lt_s - ii:i
i32.lt_u - ii:i
i32.gt_s - ii:i
i32.gt_u - ii:i
i32.le_s - ii:i
i32.le_u - ii:i
i32.ge_s - ii:i
i32.ge_u - ii:i
i64.eqz - l:i
i64.eq - ll:i
i64.ne - ll:i
i64.lt_s - ll:i
i64.lt_u - ll:i
i64.gt_s - ll:i
i64.gt_u - ll:i
i64.le_s - ll:i
i64.le_u - ll:i
i64.ge_s - ll:i
i64.ge_u - ll:i
f32.eq - ff:i
f32.ne - ff:i
f32.lt - ff:i
f32.gt - ff:i
f32.le - ff:i
f32.ge - ff:i
f64.eq - dd:i
f64.ne - dd:i
f64.lt - dd:i
f64.gt - dd:i
f64.le - dd:i
f64.ge - dd:i
i32.clz - i:i
i32.ctz - i:i
i32.popcnt - i:i
i32.add - ii:i
i32.sub - ii:i
i32.mul - ii:i
i32.div_s - ii:i
i32.div_u - ii:i
i32.rem_s - ii:i
i32.rem_u - ii:i
i32.and - ii:i
i32.or - ii:i
i32.xor - ii:i
i32.shl - ii:i
i32.shr_s - ii:i
i32.shr_u - ii:i
i32.rotl - ii:i
i32.rotr - ii:i
i64.clz - l:l
i64.ctz - l:l
i64.popcnt - l:l
i64.add - ll:l
i64.sub - ll:l
i64.mul - ll:l
i64.div_s - ll:l
i64.div_u - ll:l
i64.rem_s - ll:l
i64.rem_u - ll:l
i64.and - ll:l
i64.or - ll:l
i64.xor - ll:l
i64.shl - ll:l
i64.shr_s - ll:l
i64.shr_u - ll:l
i64.rotl - ll:l
i64.rotr - ll:l
f32.abs - f:f
f32.neg - f:f
f32.ceil - f:f
f32.floor - f:f
f32.trunc - f:f
f32.nearest - f:f
f32.sqrt - f:f
f32.add - ff:f
f32.sub - ff:f
f32.mul - ff:f
f32.div - ff:f
f32.min - ff:f
f32.max - ff:f
f32.copysign - ff:f
f64.abs - d:d
f64.neg - d:d
f64.ceil - d:d
f64.floor - d:d
f64.trunc - d:d
f64.nearest - d:d
f64.sqrt - d:d
f64.add - dd:d
f64.sub - dd:d
f64.mul - dd:d
f64.div - dd:d
f64.min - dd:d
f64.max - dd:d
f64.copysign - dd:d
i32.wrap_i64 - l:i
i32.trunc_f32_s - f:i
i32.trunc_f32_u - f:i
i32.trunc_f64_s - d:i
i32.trunc_f64_u - d:i
i64.extend_i32_s - i:l
i64.extend_i32_u - i:l
i64.trunc_f32_s - f:l
i64.trunc_f32_u - f:l
i64.trunc_f64_s - d:l
i64.trunc_f64_u - d:l
f32.convert_i32_s - i:f
f32.convert_i32_u - i:f
f32.convert_i64_s - l:f
f32.convert_i64_u - l:f
f32.demote_f64 - d:f
f64.convert_i32_s - i:d
f64.convert_i32_u - i:d
f64.convert_i64_s - l:d
f64.convert_i64_u - l:d
f64.promote_f32 - f:d
i32.reinterpret_f32 - f:i
i64.reinterpret_f64 - d:l
f32.reinterpret_i32 - i:f
f64.reinterpret_i64 - l:d
i32.extend8_s - i:i
i32.extend16_s - i:i
i64.extend8_s - l:l
i64.extend16_s - l:l
i64.extend32_s - l:l
ref.null 17 - d0
ref.is_null - -
ref.func 04 -
ref.as_non_null - - d4
br_on_null 02 -
br_on_non_null 02 -
i32.trunc_sat_f32_s - f:i 200
i32.trunc_sat_f32_u - f:i
i32.trunc_sat_f64_s - d:i
i32.trunc_sat_f64_u - d:i
i64.trunc_sat_f32_s - f:l
i64.trunc_sat_f32_u - f:l
i64.trunc_sat_f64_s - d:l
i64.trunc_sat_f64_u - d:l
memory.init 0b09 -
data.drop 0b -
memory.copy 0909 -
memory.fill 09 -
table.init 0c06 -
elem.drop 0c -
table.copy 0606 -
table.grow 06 -
table.size 06 -
table.fill 06 -`;

/** The slots of instructions that this library does not execute: first, last, feature, a line each. */
export const REFUSED_ROWS = `
6 7 legacy-exceptions
9 9 legacy-exceptions
18 19 legacy-exceptions
d3 d3 gc
100 11e gc
213 216 wide-arithmetic
400 413 relaxed-simd
500 503 threads
510 54e threads`;
