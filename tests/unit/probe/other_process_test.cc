// SPDX-License-Identifier: Apache-2.0
// Another process is read as this one is. Each test starts a child of its own, which does what it is told by a byte.

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "soak/error.h"
#include "soak/growth/verdict.h"
#include "soak/probe/probe.h"
#include "soak/probe/process.h"

namespace soak::probe {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A child that runs `steps` one after the other, each when it is told to, and then waits for its end.
class Child {
 public:
  explicit Child(std::function<void(int step)> steps) {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends_[0]);
      char told = 0;
      for (int step = 0; ::read(ends_[1], &told, 1) == 1; ++step) {
        steps(step);
        if (::write(ends_[1], &told, 1) != 1) {
          break;
        }
      }
      ::_exit(0);  // Our end is closed.
    }
    ::close(ends_[1]);
  }
  ~Child() {
    ::close(ends_[0]);
    if (pid_ > 0) {
      ::waitpid(pid_, nullptr, 0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  ProcessId id() const { return {pid_}; }

  void step() {
    char told = 's';
    ASSERT_EQ(::write(ends_[0], &told, 1), 1);
    ASSERT_EQ(::read(ends_[0], &told, 1), 1);
  }

  // It is a zombie from then on.
  void kill() {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }

 private:
  std::array<int, 2> ends_{};
  pid_t pid_ = -1;
};

TEST(OtherProcessTest, ItsDescriptorsAreCountedByKind) {
  Child child([](int) {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) != 0 || ::pipe(pair.data()) != 0 ||
        ::open("/dev/null", O_RDONLY) < 0) {
      ::_exit(1);
    }
  });
  child.step();  // What a first step needs is there.
  const Process process(child.id());
  const auto fds = process.open_fds();
  const auto before = process.fd_kinds();

  child.step();

  const auto after = process.fd_kinds();
  EXPECT_EQ(*process.open_fds(), *fds + 5);
  EXPECT_EQ(after->all(), before->all() + 5);
  EXPECT_EQ(after->sockets, before->sockets + 2);
  EXPECT_EQ(after->pipes, before->pipes + 2);
  EXPECT_EQ(after->files, before->files + 1);
  EXPECT_EQ(before->all(), *fds);
}

TEST(OtherProcessTest, ItsMemoryFollowsThePagesItTouches) {
  constexpr std::size_t kSize = 32 << 20;
  Child child([](int) {
    void* pages = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    std::memset(pages, 1, kSize);
  });
  const Process process(child.id());
  const auto rss = process.rss_bytes();
  const auto pss = process.pss_bytes();

  child.step();

  EXPECT_GE(*process.rss_bytes() - *rss, 30 << 20);
  EXPECT_GE(*process.pss_bytes() - *pss, 30 << 20);
}

TEST(OtherProcessTest, ThatThereIsNoneIsSaid) {
  int pid = 0;
  {
    Child child([](int) {});
    pid = child.id().value;
  }

  try {
    Process process(ProcessId{pid});
    FAIL() << "there is a process " << pid;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kSystem);
    EXPECT_EQ(error.what(), "process " + std::to_string(pid) + ": no such process");
  }
}

TEST(OtherProcessTest, OneThatHasEndedIsNotWatched) {
  Child child([](int) {});
  child.kill();

  EXPECT_THROW(Process{child.id()}, Error);
}

TEST(OtherProcessTest, ThatItsDescriptorsMayNotBeReadIsSaid) {
  const int mine = ::getpid();
  std::array<int, 2> said{};
  ASSERT_EQ(::pipe(said.data()), 0);
  const bool root = ::geteuid() == 0;
  const pid_t pid = ::fork();
  if (pid == 0) {
    // As nobody; where we are not root, the first process of the machine is another user's.
    std::string text = "it may";
    if (!root || ::setuid(65534) == 0) {
      try {
        Process process(ProcessId{root ? mine : 1});
      } catch (const Error& error) {
        text = error.what();
      }
    }
    ::_exit(::write(said[1], text.data(), text.size()) > 0 ? 0 : 1);
  }
  std::array<char, 256> text{};
  EXPECT_GT(::read(said[0], text.data(), text.size() - 1), 0);
  ::waitpid(pid, nullptr, 0);
  ::close(said[0]);
  ::close(said[1]);

  EXPECT_EQ(std::string(text.data()),
            "process " + std::to_string(root ? mine : 1) + ": its descriptors may not be read by this user");
}

TEST(OtherProcessTest, AProbeHasItsTracksUnderItsName) {
  Child child([](int) { ::open("/dev/null", O_RDONLY); });
  child.step();  // It has closed what it does not need.
  Probe probe;
  probe.watch_process(child.id(), "fake");
  EXPECT_THROW(probe.watch_process(child.id(), "fake"), Error);

  probe.rest(1s, 1);
  child.step();
  probe.rest(2s, 2);

  const Measurements measured = probe.measurements();
  for (const char* name : {"fake.rss", "fake.fds", "fake.sockets", "fake.threads", "fake.pss"}) {
    ASSERT_NE(measured.find(name), nullptr) << name;
    EXPECT_EQ(measured.find(name)->unavailable, "") << name;
    EXPECT_GT(measured.find(name)->at_rest.added(), 0u) << name;
  }
  EXPECT_EQ(measured.find("fake.heap"), nullptr);
  const Verdict verdict = judge(measured, {.counts_exact = true});
  ASSERT_NE(verdict.find("fake.fds"), nullptr);
  EXPECT_THAT(verdict.find("fake.fds")->text, HasSubstr("fake.fds rose"));
}

TEST(OtherProcessTest, AProbeMayBeOfItAlone) {
  Child child([](int) {});
  Probe probe(child.id());

  probe.rest(1s, 1);

  const Measurements measured = probe.measurements();
  EXPECT_GE(measured.find("threads")->at_rest.last()->value, 1);
  EXPECT_LE(measured.find("threads")->at_rest.last()->value, 2);  // ThreadSanitizer has one of its own.
  EXPECT_EQ(measured.find("heap")->unavailable, "not available: the heap of another process cannot be read");
}

TEST(OtherProcessTest, ThatItEndedIsAFindingAndItsTracksSaySo) {
  Child child([](int) {});
  Probe probe;
  probe.watch_process(child.id(), "fake");
  probe.rest(1s, 1);

  child.kill();
  probe.sample(62s, 5);
  probe.rest(63s, 6);

  const Measurements measured = probe.measurements();
  const std::string id = std::to_string(child.id().value);
  EXPECT_EQ(measured.find("fake.rss")->unavailable, "process " + id + " ended at 00:01:02");
  EXPECT_EQ(measured.find("fake.rss")->at_rest.added(), 1u);
  ASSERT_EQ(measured.vanished.size(), 1u);
  const Verdict verdict = judge(measured, {});
  ASSERT_NE(verdict.find("fake"), nullptr);
  EXPECT_EQ(verdict.find("fake")->text, "process " + id + " (fake) ended at 00:01:02, before the run did");
  EXPECT_EQ(verdict.find("fds"), nullptr) << "this process goes on";
}

// Asked for by who started it again: the tracks go on, and that the one before ended is no finding.
TEST(OtherProcessTest, OneThatTakesItsPlaceBeginsASegment) {
  Child first([](int) {});
  Child second([](int) {});
  Probe probe;
  probe.watch_process(first.id(), "fake");
  probe.rest(1s, 1);
  EXPECT_THROW(probe.watch_process(second.id(), "fake"), Error) << "the first one still runs";
  first.kill();
  probe.sample(2s, 1);

  probe.watch_process(second.id(), "fake");
  probe.sample(3s, 1);
  probe.rest(4s, 2);

  const Measurements measured = probe.measurements();
  for (const char* name : {"fake.rss", "fake.swap", "fake.fds", "fake.sockets", "fake.threads", "fake.pss"}) {
    EXPECT_EQ(measured.find(name)->restarts, std::vector<std::chrono::nanoseconds>{3s}) << name;
    EXPECT_EQ(measured.find(name)->unavailable, "") << name;
  }
  EXPECT_EQ(measured.find("fake.rss")->timeline.last()->at, 4s);
  EXPECT_TRUE(measured.find("rss")->restarts.empty()) << "this process goes on";
  EXPECT_TRUE(measured.vanished.empty());
  ASSERT_EQ(measured.restarts.size(), 1u);
  EXPECT_EQ(measured.restarts[0].at, 3s);
  EXPECT_EQ(measured.restarts[0].text,
            fmt::format("process {} (fake) was replaced by process {}", first.id().value, second.id().value));
}

TEST(OtherProcessTest, OneThatEndedBeforeAnyoneNoticedIsReplacedToo) {
  Child first([](int) {});
  Child second([](int) {});
  Probe probe;
  probe.watch_process(first.id(), "fake");
  probe.rest(1s, 1);
  first.kill();

  probe.watch_process(second.id(), "fake");
  probe.rest(2s, 2);
  second.kill();
  probe.rest(3s, 3);

  const Measurements measured = probe.measurements();
  EXPECT_EQ(measured.find("fake.rss")->restarts, std::vector<std::chrono::nanoseconds>{2s});
  ASSERT_EQ(measured.vanished.size(), 1u) << "the second one has ended as well, and nobody took its place";
  EXPECT_EQ(measured.vanished[0].id.value, second.id().value);
}

}  // namespace
}  // namespace soak::probe
