// SPDX-License-Identifier: Apache-2.0
#include "soak/probe/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstring>
#include <future>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "conftest/sanitized.h"
#include "lib/probe/fd_scan.h"
#include "lib/probe/process_status.h"

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

TEST(ProcessTest, MemoryIsResidentOrInSwap) {
  if (conftest::kSanitized) {
    GTEST_SKIP() << "a sanitizer's shadow memory grows with what is written";
  }
  constexpr std::int64_t kSize = 32 << 20;
  const Memory before = Process().memory().value();
  void* const pages = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  std::memset(pages, 1, kSize);

  const Memory after = Process().memory().value();

  ::munmap(pages, kSize);
  // Under memory pressure some of it is in swap by now, and still held.
  EXPECT_NEAR(static_cast<double>(after.all() - before.all()), kSize, 4 << 20);
  EXPECT_EQ(after.anonymous + after.files + after.shared, after.rss);
  EXPECT_NEAR(static_cast<double>(after.rss), static_cast<double>(*Process().rss_bytes() + kSize), 8 << 20);
}

TEST(ProcessTest, WhatIsInSwapIsHeldToo) {
  const std::string status =
      "Name:\tredis\nGroups:\t0 \nVmPeak:\t  204800 kB\nVmHWM:\t  102400 kB\nVmRSS:\t   51200 kB\n"
      "RssAnon:\t   40960 kB\nRssFile:\t   10236 kB\nRssShmem:\t       4 kB\nVmData:\t   99999 kB\n"
      "VmSwap:\t   20480 kB\nThreads:\t5\n";

  const Memory memory = memory_of(status).value();

  EXPECT_EQ(memory.rss, 51200 * 1024);
  EXPECT_EQ(memory.swap, 20480 * 1024);
  EXPECT_EQ(memory.all(), (51200 + 20480) * 1024);
  EXPECT_EQ(memory.anonymous, 40960 * 1024);
  EXPECT_EQ(memory.files, 10236 * 1024);
  EXPECT_EQ(memory.shared, 4 * 1024);
}

TEST(ProcessTest, AProcessWithoutMemoryHasNoneToTell) {
  EXPECT_FALSE(memory_of(""));
  EXPECT_FALSE(memory_of("Name:\tkworker\nState:\tI (idle)\nThreads:\t1\n"));
  EXPECT_FALSE(memory_of("Name:\ta\nVmRSS:\t 4 kB\nRssAnon:\t 4 kB\nRssFile:\t 0 kB\nRssShmem:\t 0 kB\nVmSwap:\t"));
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

TEST(ProcessTest, TellsDescriptorsByKind) {
  const auto before = Process().fd_kinds();

  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const std::vector<int> open = {pipe[0],
                                 pipe[1],
                                 ::eventfd(0, EFD_CLOEXEC),
                                 ::epoll_create1(EPOLL_CLOEXEC),
                                 ::open("/dev/null", O_RDONLY | O_CLOEXEC),
                                 ::open("/proc", O_PATH | O_CLOEXEC),
                                 ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  const auto during = Process().fd_kinds();
  for (const int fd : open) {
    ::close(fd);
  }

  EXPECT_EQ(during->pipes - before->pipes, 2);
  EXPECT_EQ(during->anon_inodes - before->anon_inodes, 2);
  EXPECT_EQ(during->files - before->files, 2);
  EXPECT_EQ(during->sockets - before->sockets, 1);
  EXPECT_EQ(during->tcp_other - before->tcp_other, 0);
  EXPECT_EQ(during->all(), *read_open_fds() + 7);
}

TEST(ProcessTest, FindsDescriptorsThatLieFarApart) {
  const int high = ::fcntl(0, F_DUPFD_CLOEXEC, 900);
  ASSERT_GE(high, 900);

  EXPECT_EQ(Process().fd_kinds()->all(), *read_open_fds());
  FdKinds kinds;
  EXPECT_FALSE(scan_own_fds(*read_open_fds(), kinds)) << "asking for each number is given up";
  ::close(high);
}

TEST(ProcessTest, TellsTcpSocketsByState) {
  const auto before = Process().fd_kinds();
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 4), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), size), 0);
  const int server = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);

  const auto connected = Process().fd_kinds();
  ::shutdown(client, SHUT_WR);
  char byte = 0;
  EXPECT_EQ(::read(server, &byte, 1), 0);
  const auto half_closed = Process().fd_kinds();
  for (const int fd : {client, server, listener}) {
    ::close(fd);
  }

  EXPECT_EQ(connected->tcp_listening - before->tcp_listening, 1);
  EXPECT_EQ(connected->tcp_established - before->tcp_established, 2);
  EXPECT_EQ(half_closed->tcp_established - before->tcp_established, 0);
  EXPECT_EQ(half_closed->tcp_close_wait - before->tcp_close_wait, 1);
  EXPECT_EQ(half_closed->tcp_fin_wait - before->tcp_fin_wait, 1);
  EXPECT_EQ(half_closed->sockets - before->sockets, 3);
}

TEST(ProcessTest, ListingAndAskingForEachNumberFindTheSame) {
  std::vector<int> open;  // So many that one which this process was started with lies among them.
  for (int i = 0; i < 300; ++i) {
    open.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  FdKinds asked;
  ASSERT_TRUE(scan_own_fds(*read_open_fds(), asked));

  const auto listed = list_fd_kinds(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), true);

  EXPECT_EQ(listed->all(), asked.all());
  EXPECT_EQ(listed->sockets, asked.sockets);
  EXPECT_EQ(listed->pipes, asked.pipes);
  EXPECT_EQ(count_fds(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), true), asked.all());
  for (const int fd : open) {
    ::close(fd);
  }
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

// The ports that Linux gives to clients end at 60999 unless configured otherwise, so a server above them has the higher
// port of the two.
int listen_above_the_ports_of_clients(sockaddr_in& address) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  for (std::uint16_t port = 61'000; port < 65'000; ++port) {
    address.sin_port = ::htons(port);
    if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 && ::listen(listener, 4) == 0) {
      return listener;
    }
  }
  ::close(listener);
  return -1;
}

TEST(ProcessTest, DescribesWhoSocketsTalkToByTheServersEnd) {
  sockaddr_in address{};
  const int listener = listen_above_the_ports_of_clients(address);
  ASSERT_GE(listener, 0);
  std::vector<int> ends;
  for (int i = 0; i < 3; ++i) {
    ends.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(ends.back(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ends.push_back(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  }

  const std::vector<std::string> rows = describe_sockets(10);
  ::close(listener);
  const std::vector<std::string> rows_without_the_listener = describe_sockets(10);

  for (const int end : ends) {
    ::close(end);
  }
  const std::string server = "127.0.0.1:" + std::to_string(::ntohs(address.sin_port));
  EXPECT_THAT(rows,
              testing::IsSupersetOf({"1 socket listening on " + server, "3 sockets to " + server + " in ESTABLISHED",
                                     "3 sockets accepted on " + server + " in ESTABLISHED"}));
  EXPECT_THAT(rows_without_the_listener,
              testing::IsSupersetOf({"3 sockets to " + server + " in ESTABLISHED",
                                     "3 sockets accepted on " + server + " in ESTABLISHED"}));
}

TEST(ProcessTest, DescribesTheNewestThreadsByTheirNames) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  std::vector<std::thread> threads;
  for (const char* name : {"older", "a (worker)", "a (worker)"}) {
    threads.emplace_back([ended] { ended.wait(); });
    ::pthread_setname_np(threads.back().native_handle(), name);
  }

  const std::vector<std::string> two = describe_threads(2);
  const std::vector<std::string> three = describe_threads(3);

  end.set_value();
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_THAT(two, testing::ElementsAre("2 threads named a (worker)"));
  EXPECT_THAT(three, testing::ElementsAre("2 threads named a (worker)", "1 thread named older"));
  EXPECT_THAT(describe_threads(0), testing::IsEmpty());
}

}  // namespace
}  // namespace soak::probe
