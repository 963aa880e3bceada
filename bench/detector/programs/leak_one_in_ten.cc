// SPDX-License-Identifier: Apache-2.0
// Leaks about 10 KB a second: one operation in ten returns early and does not release what it holds.

#include <chrono>
#include <random>
#include <string>
#include <thread>

int main() {
  std::mt19937 random(1);
  for (;;) {
    for (int i = 0; i < 10; ++i) {
      auto* const buffer = new std::string(500 + random() % 1000, 'x');
      if (random() % 10 != 0) {
        delete buffer;
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}
