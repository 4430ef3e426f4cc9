// What stands in the place of modules in a small library, which has no vectors, and nothing for tools.

/** Whether vectors are executed. */
export const SIMD = false;
export const SIMD_ROWS = "";
export const VECTORS = {};
export const VECTOR = [];
export const OUT = [];
export const aheadOfTime = undefined;
