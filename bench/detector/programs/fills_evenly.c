// SPDX-License-Identifier: Apache-2.0
// Clean: a ring of the last requests, which is full after fifteen minutes and then written over.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  const size_t size = 18u * 1024 * 1024;
  char* const ring = malloc(size);
  for (size_t at = 0;; at = (at + 2048) % size) {
    memset(ring + at, 1, 2048);
    usleep(98 * 1000);
  }
}
