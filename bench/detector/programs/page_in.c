// SPDX-License-Identifier: Apache-2.0
// Clean: a mapped file of 48 MiB, of which pages are read where a lookup happens to need one.

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
  const size_t size = 48u << 20;
  FILE* file = tmpfile();
  static char block[1 << 20];
  for (size_t i = 0; i < sizeof block; ++i) {
    block[i] = (char)i;
  }
  for (size_t written = 0; written < size; written += sizeof block) {
    if (fwrite(block, sizeof block, 1, file) != 1) {
      return 1;
    }
  }
  fflush(file);
  const volatile char* const data = mmap(NULL, size, PROT_READ, MAP_SHARED, fileno(file), 0);
  madvise((void*)data, size, MADV_RANDOM);
  long sum = 0;
  for (;;) {
    sum += data[(size_t)rand() % size];  // Linux maps the 16 pages around it.
    usleep(200 * 1000);
  }
}
