// The implementation limits that the JavaScript API fixes (section "Implementation-defined Limits").

export const MAX_MODULE_SIZE = 2 ** 30;
export const MAX_TYPES = 1000000;
export const MAX_FUNCTIONS = 1000000;
export const MAX_IMPORTS = 1000000;
export const MAX_EXPORTS = 1000000;
export const MAX_GLOBALS = 1000000;
export const MAX_TAGS = 1000000;
export const MAX_DATA_SEGMENTS = 100000;
export const MAX_ELEM_SEGMENTS = 10000000;
export const MAX_ELEM_SIZE = 10000000;
export const MAX_TABLES = 100000;
export const MAX_MEMORIES = 100;
export const MAX_FUNCTION_SIZE = 7654321;
export const MAX_LOCALS = 50000;
export const MAX_PARAMS = 1000;
export const MAX_RESULTS = 1000;
export const MAX_TABLE_SIZE = 10000000;
export const MAX_BR_TABLE = 65520;

export const PAGE_SIZE = 65536;
/** What a memory may declare. */
export const MAX_PAGES = 65536;
/**
 * What a memory may really have: 2 GiB, so that an address with the sign bit set is out of bounds
 * as a negative index of a view.
 */
export const MAX_ALLOCATED_PAGES = 32768;
