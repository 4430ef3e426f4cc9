static inline __attribute__((always_inline)) int element(const int *array, int index) {
  return array[index]; /* traps here */
}
