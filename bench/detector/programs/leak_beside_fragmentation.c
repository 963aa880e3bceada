// SPDX-License-Identifier: Apache-2.0
// Leaks about 8 KB a second beside 3,000 blocks of random sizes that come and go.

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kBlocks = 3000 };

int main(void) {
  static char* blocks[kBlocks];
  for (;;) {
    for (int i = 0; i < 30; ++i) {
      const int at = rand() % kBlocks;
      const size_t size = (size_t)16 << (rand() % 11);
      free(blocks[at]);
      blocks[at] = malloc(size);
      memset(blocks[at], 1, size);
    }
    char* volatile lost = malloc(800);
    memset(lost, 1, 800);
    usleep(100 * 1000);
  }
}
