#include "shapes.h"

__attribute__((noinline)) static int sum(const int *array, int first, int count) {
  int total = 0;
  for (int i = first; i < first + count; i++)
    total += element(array, i);
  return total;
}

__attribute__((noinline)) static int divide(int a, int b) {
  return a / b;
}

__attribute__((export_name("far"))) int far(int first) {
  return sum((const int *)65536, first, 3) + 1;
}

__attribute__((export_name("zero"))) int zero(int a) {
  int half = divide(a, 2);
  return half +
         divide(a, half);
}
