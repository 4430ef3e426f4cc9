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

/** The proposals, by number; 0 is none. */
export const FEATURES = [
  "", "sign-extension", "saturating-float-to-int", "multi-value", "mutable-globals",
  "reference-types", "bulk-memory", "simd", "extended-const", "tail-call", "multi-memory",
  "memory64", "function-references", "gc", "exceptions", "relaxed-simd", "threads",
  "wide-arithmetic", "legacy-exceptions", "custom-page-sizes",
];

/**
 * The instructions: slot, name, immediates, stack type, a line each. Numbers are
 * hexadecimal, `-` is nothing. Where a row has a stack type, it alone types the instruction:
 * `i` i32, `l` i64, `f` f32, `d` f64, `v` v128, `a` the memory's address type.
 */
export const ROWS = `
0 unreachable - -
1 nop - -
2 block 01 -
3 loop 01 -
4 if 01 -
5 else - -
8 throw 0a -
a throw_ref - -
b end - -
c br 02 -
d br_if 02 -
e br_table 0302 -
f return - -
10 call 04 -
11 call_indirect 0506 -
12 return_call 04 -
13 return_call_indirect 0506 -
14 call_ref 05 -
15 return_call_ref 05 -
1a drop - -
1b select - -
1c select 18 -
1f try_table 0119 -
20 local.get 07 -
21 local.set 07 -
22 local.tee 07 -
23 global.get 08 -
24 global.set 08 -
25 table.get 06 -
26 table.set 06 -
28 i32.load 0f a:i
29 i64.load 0f a:l
2a f32.load 0f a:f
2b f64.load 0f a:d
2c i32.load8_s 0f a:i
2d i32.load8_u 0f a:i
2e i32.load16_s 0f a:i
2f i32.load16_u 0f a:i
30 i64.load8_s 0f a:l
31 i64.load8_u 0f a:l
32 i64.load16_s 0f a:l
33 i64.load16_u 0f a:l
34 i64.load32_s 0f a:l
35 i64.load32_u 0f a:l
36 i32.store 0f ai:
37 i64.store 0f al:
38 f32.store 0f af:
39 f64.store 0f ad:
3a i32.store8 0f ai:
3b i32.store16 0f ai:
3c i64.store8 0f al:
3d i64.store16 0f al:
3e i64.store32 0f al:
3f memory.size 09 -
40 memory.grow 09 -
41 i32.const 12 :i
42 i64.const 13 :l
43 f32.const 14 :f
44 f64.const 15 :d
45 i32.eqz - i:i
46 i32.eq - ii:i
47 i32.ne - ii:i
48 i32.lt_s - ii:i
49 i32.lt_u - ii:i
4a i32.gt_s - ii:i
4b i32.gt_u - ii:i
4c i32.le_s - ii:i
4d i32.le_u - ii:i
4e i32.ge_s - ii:i
4f i32.ge_u - ii:i
50 i64.eqz - l:i
51 i64.eq - ll:i
52 i64.ne - ll:i
53 i64.lt_s - ll:i
54 i64.lt_u - ll:i
55 i64.gt_s - ll:i
56 i64.gt_u - ll:i
57 i64.le_s - ll:i
58 i64.le_u - ll:i
59 i64.ge_s - ll:i
5a i64.ge_u - ll:i
5b f32.eq - ff:i
5c f32.ne - ff:i
5d f32.lt - ff:i
5e f32.gt - ff:i
5f f32.le - ff:i
60 f32.ge - ff:i
61 f64.eq - dd:i
62 f64.ne - dd:i
63 f64.lt - dd:i
64 f64.gt - dd:i
65 f64.le - dd:i
66 f64.ge - dd:i
67 i32.clz - i:i
68 i32.ctz - i:i
69 i32.popcnt - i:i
6a i32.add - ii:i
6b i32.sub - ii:i
6c i32.mul - ii:i
6d i32.div_s - ii:i
6e i32.div_u - ii:i
6f i32.rem_s - ii:i
70 i32.rem_u - ii:i
71 i32.and - ii:i
72 i32.or - ii:i
73 i32.xor - ii:i
74 i32.shl - ii:i
75 i32.shr_s - ii:i
76 i32.shr_u - ii:i
77 i32.rotl - ii:i
78 i32.rotr - ii:i
79 i64.clz - l:l
7a i64.ctz - l:l
7b i64.popcnt - l:l
7c i64.add - ll:l
7d i64.sub - ll:l
7e i64.mul - ll:l
7f i64.div_s - ll:l
80 i64.div_u - ll:l
81 i64.rem_s - ll:l
82 i64.rem_u - ll:l
83 i64.and - ll:l
84 i64.or - ll:l
85 i64.xor - ll:l
86 i64.shl - ll:l
87 i64.shr_s - ll:l
88 i64.shr_u - ll:l
89 i64.rotl - ll:l
8a i64.rotr - ll:l
8b f32.abs - f:f
8c f32.neg - f:f
8d f32.ceil - f:f
8e f32.floor - f:f
8f f32.trunc - f:f
90 f32.nearest - f:f
91 f32.sqrt - f:f
92 f32.add - ff:f
93 f32.sub - ff:f
94 f32.mul - ff:f
95 f32.div - ff:f
96 f32.min - ff:f
97 f32.max - ff:f
98 f32.copysign - ff:f
99 f64.abs - d:d
9a f64.neg - d:d
9b f64.ceil - d:d
9c f64.floor - d:d
9d f64.trunc - d:d
9e f64.nearest - d:d
9f f64.sqrt - d:d
a0 f64.add - dd:d
a1 f64.sub - dd:d
a2 f64.mul - dd:d
a3 f64.div - dd:d
a4 f64.min - dd:d
a5 f64.max - dd:d
a6 f64.copysign - dd:d
a7 i32.wrap_i64 - l:i
a8 i32.trunc_f32_s - f:i
a9 i32.trunc_f32_u - f:i
aa i32.trunc_f64_s - d:i
ab i32.trunc_f64_u - d:i
ac i64.extend_i32_s - i:l
ad i64.extend_i32_u - i:l
ae i64.trunc_f32_s - f:l
af i64.trunc_f32_u - f:l
b0 i64.trunc_f64_s - d:l
b1 i64.trunc_f64_u - d:l
b2 f32.convert_i32_s - i:f
b3 f32.convert_i32_u - i:f
b4 f32.convert_i64_s - l:f
b5 f32.convert_i64_u - l:f
b6 f32.demote_f64 - d:f
b7 f64.convert_i32_s - i:d
b8 f64.convert_i32_u - i:d
b9 f64.convert_i64_s - l:d
ba f64.convert_i64_u - l:d
bb f64.promote_f32 - f:d
bc i32.reinterpret_f32 - f:i
bd i64.reinterpret_f64 - d:l
be f32.reinterpret_i32 - i:f
bf f64.reinterpret_i64 - l:d
c0 i32.extend8_s - i:i
c1 i32.extend16_s - i:i
c2 i64.extend8_s - l:l
c3 i64.extend16_s - l:l
c4 i64.extend32_s - l:l
d0 ref.null 17 -
d1 ref.is_null - -
d2 ref.func 04 -
d4 ref.as_non_null - -
d5 br_on_null 02 -
d6 br_on_non_null 02 -
200 i32.trunc_sat_f32_s - f:i
201 i32.trunc_sat_f32_u - f:i
202 i32.trunc_sat_f64_s - d:i
203 i32.trunc_sat_f64_u - d:i
204 i64.trunc_sat_f32_s - f:l
205 i64.trunc_sat_f32_u - f:l
206 i64.trunc_sat_f64_s - d:l
207 i64.trunc_sat_f64_u - d:l
208 memory.init 0b09 -
209 data.drop 0b -
20a memory.copy 0909 -
20b memory.fill 09 -
20c table.init 0c06 -
20d elem.drop 0c -
20e table.copy 0606 -
20f table.grow 06 -
210 table.size 06 -
211 table.fill 06 -`;

/** The slots of instructions that this library does not execute: first, last, feature, a line each. */
export const REFUSED_ROWS = `
6 7 12
9 9 12
18 19 12
d3 d3 d
100 11e d
213 216 11
300 399 7
39b 3a1 7
3a3 3a4 7
3a7 3ae 7
3b1 3b1 7
3b5 3ba 7
3bc 3c1 7
3c3 3c4 7
3c7 3ce 7
3d1 3d1 7
3d5 3e1 7
3e3 3ed 7
3ef 3ff 7
400 413 f
500 503 10
510 54e 10`;
