// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace soak::probe {
namespace {

TEST(ProcessTest, AnOpenFileIsADescriptorAndNoSocket) {
  const auto fds = read_open_fds();
  const auto sockets = read_open_sockets();

  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);

  EXPECT_EQ(*read_open_fds(), *fds + 1);
  EXPECT_EQ(*read_open_sockets(), *sockets);
  ::close(file);
  EXPECT_EQ(*read_open_fds(), *fds);
}

TEST(ProcessTest, ASocketPairIsTwoSockets) {
  const auto fds = read_open_fds();
  const auto sockets = read_open_sockets();

  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);

  EXPECT_EQ(*read_open_fds(), *fds + 2);
  EXPECT_EQ(*read_open_sockets(), *sockets + 2);
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST(ProcessTest, CountsMoreDescriptorsThanOneBufferHolds) {
  const auto sockets = read_open_sockets();

  std::vector<int> open;
  for (int i = 0; i < 400; ++i) {
    open.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_GE(open.back(), 0);
  }

  EXPECT_EQ(*read_open_sockets(), *sockets + 400);
  for (const int fd : open) {
    ::close(fd);
  }
}

TEST(ProcessTest, AThreadIsCounted) {
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own with the first.
  const auto threads = read_threads();
  std::mutex mutex;
  std::condition_variable changed;
  bool end = false;

  std::thread thread([&] {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return end; });
  });

  EXPECT_EQ(*read_threads(), *threads + 1);
  {
    const std::lock_guard lock(mutex);
    end = true;
  }
  changed.notify_all();
  thread.join();
}

TEST(ProcessTest, HeapInUseFollowsAnAllocation) {
  constexpr std::size_t kSize = 3'000'000;
  const auto before = read_heap_bytes();
  ASSERT_TRUE(before) << heap_source();

  // A call: a new-expression may be left out, and clang does so.
  void* block = ::operator new(kSize);
  std::memset(block, 1, kSize);
  const auto during = read_heap_bytes();
  ::operator delete(block);
  const auto after = read_heap_bytes();

  EXPECT_GE(*during - *before, static_cast<std::int64_t>(kSize));
  EXPECT_LT(*during - *before, static_cast<std::int64_t>(kSize) + 100'000);
  EXPECT_LT(*after - *before, 100'000);
}

TEST(ProcessTest, RssFollowsPagesThatAreTouched) {
  constexpr std::size_t kSize = 64 << 20;
  const auto before = read_rss_bytes();

  void* pages = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(pages, MAP_FAILED);
  std::memset(pages, 1, kSize);
  const auto during = read_rss_bytes();
  ::munmap(pages, kSize);

  EXPECT_GE(*during - *before, 60 << 20);
}

TEST(ProcessTest, DescribesWhoASocketTalksTo) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);

  const std::vector<std::string> rows = describe_sockets(10);

  ::close(listener);
  EXPECT_THAT(rows, testing::Contains("1 socket listening on 127.0.0.1:" + std::to_string(::ntohs(address.sin_port))));
}

}  // namespace
}  // namespace soak::probe
