// SPDX-License-Identifier: Apache-2.0
// Clean: short-lived threads, each with an arena of glibc, that build a table and drop it.

#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

static void work(unsigned seed) {
  std::mt19937 random(seed);
  std::map<unsigned, std::string> table;
  for (int i = 0; i < 300; ++i) {
    table[random() % 1000].assign(random() % 4000, 'x');
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(random() % 2000));
}

int main() {
  for (unsigned seed = 0;; seed += 4) {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 1 + seed % 7; ++i) {
      threads.emplace_back(work, seed + i);
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
}
