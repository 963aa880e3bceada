// SPDX-License-Identifier: Apache-2.0
// Several processes are read as one. Each test starts children of its own.

#include "soak/probe/process_group.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "conftest/scratch_folder.h"
#include "soak/error.h"
#include "soak/probe/probe.h"

namespace soak::probe {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A process that waits for its end, as do `children` of its own.
class Sleeper {
 public:
  explicit Sleeper(int children = 0, const char* name = nullptr) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      if (name != nullptr) {
        ::prctl(PR_SET_NAME, name);
      }
      for (int i = 0; i < children; ++i) {
        if (::fork() == 0) {
          ::prctl(PR_SET_PDEATHSIG, SIGKILL);
          if (::write(ready[1], "r", 1) == 1) {
            ::pause();
          }
          ::_exit(0);
        }
      }
      if (::write(ready[1], "r", 1) != 1) {
        ::_exit(1);
      }
      while (true) {
        ::pause();
      }
    }
    for (int i = 0; i <= children; ++i) {  // Then all of them end with this process, too.
      char told = 0;
      EXPECT_EQ(::read(ready[0], &told, 1), 1);
    }
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~Sleeper() { end(); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

  ProcessId id() const { return {pid_}; }

  // It is waited for unless it is to stay as a zombie.
  void kill_only() {
    ::kill(pid_, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  }
  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = -1;
    }
  }

 private:
  pid_t pid_ = -1;
};

TEST(ProcessGroupTest, AProcessIsReadWithItsChildren) {
  const Sleeper sleeper(3);

  const ProcessGroup group(find_descendants(), {sleeper.id()});

  EXPECT_THAT(group.members(), SizeIs(4));
  EXPECT_EQ(group.members().front().value, sleeper.id().value);
  EXPECT_EQ(group.size(), 4);
  EXPECT_EQ(group.threads(), 4);
  EXPECT_GE(*group.open_fds(), 4 * 3);
  EXPECT_EQ(group.fd_kinds()->all(), *group.open_fds());
  EXPECT_GT(group.memory()->held(), 0);
  EXPECT_EQ(group.unreadable(), "");
}

TEST(ProcessGroupTest, TheDescendantsOfThisProcessLeaveOutWhatIsSaid) {
  const Sleeper sleeper(1);
  const Sleeper other(1);

  const ProcessGroup group(find_descendants(ProcessId{::getpid()}, {other.id()}));

  EXPECT_THAT(group.members(), SizeIs(2));
}

TEST(ProcessGroupTest, AZombieHoldsNothingAndIsNoMember) {
  Sleeper sleeper;
  ProcessGroup group(find_descendants(), {sleeper.id()});

  sleeper.kill_only();

  EXPECT_TRUE(group.is_empty());
  EXPECT_EQ(group.memory(), std::nullopt);
  EXPECT_EQ(group.size(), std::nullopt);
  group.refresh();
  EXPECT_THAT(group.members(), IsEmpty());
}

TEST(ProcessGroupTest, ThereIsNoneIsAnError) {
  int pid = 0;
  {
    const Sleeper sleeper;
    pid = sleeper.id().value;
  }

  EXPECT_THROW(ProcessGroup(find_descendants(), {{pid}}), Error);
}

TEST(ProcessGroupTest, AnotherProcessOfTheNameTakesThePlaceOfTheFirst) {
  Sleeper first(0, "soak-sleeper-1");
  const int before = first.id().value;
  std::vector<ProcessId> found = {first.id()};
  ProcessGroup group([&found](std::span<const ProcessId>) { return found; });
  EXPECT_EQ(group.take_replacement(), "");

  first.end();
  found.clear();
  group.refresh();
  EXPECT_TRUE(group.is_empty());
  EXPECT_EQ(group.take_replacement(), "");
  const Sleeper second(0, "soak-sleeper-2");
  found = {second.id()};
  group.refresh();

  EXPECT_EQ(group.take_replacement(), fmt::format("process {} (soak-sleeper-1) was replaced by process {} "
                                                  "(soak-sleeper-2)",
                                                  before, second.id().value));
  EXPECT_EQ(group.take_replacement(), "");
}

// A pool renews its workers one by one: that is no restart of the whole.
TEST(ProcessGroupTest, AWorkerThatIsRenewedIsNoRestart) {
  const Sleeper main;
  Sleeper worker;
  const Sleeper fresh;
  std::vector<ProcessId> found = {main.id(), worker.id()};
  ProcessGroup group([&found](std::span<const ProcessId>) { return found; });

  worker.end();
  found = {main.id(), fresh.id()};
  group.refresh();

  EXPECT_EQ(group.take_replacement(), "");
  EXPECT_THAT(group.members(), SizeIs(2));
}

TEST(ProcessGroupTest, APatternMatchesNamesButNotThisProcessAndItsChildren) {
  const std::string name = fmt::format("sk-{}", ::getpid());
  const Sleeper child(0, name.c_str());

  EXPECT_THAT(find_named("*" + name + "*")({}), IsEmpty());
  EXPECT_THAT(find_named("there-is-no-such-process-*")({}), IsEmpty());
}

// The files of a cgroup in a folder.
class CgroupTest : public testing::Test {
 protected:
  CgroupTest() {
    std::filesystem::create_directories(folder_ / "inner");
    write("cgroup.procs", fmt::format("{}\n", sleeper_.id().value));
    write("inner/cgroup.procs", "");
    write("memory.current", "10485760\n");
    write("memory.stat",
          "anon 4194304\nfile 6291456\nshmem 1048576\ninactive_file 3145728\nactive_file 2097152\n"
          "slab_reclaimable 1048576\nslab_unreclaimable 4096\n");
    write("memory.swap.current", "4096\n");
    write("memory.events", "low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\n");
    write("memory.max", "max\n");
    write("pids.current", "12\n");
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }

  Sleeper sleeper_;
  const conftest::ScratchFolder scratch_;
  const std::filesystem::path folder_ = scratch_.path();
};

TEST_F(CgroupTest, WhatItHoldsIsWithoutTheCacheOfFiles) {
  const Cgroup cgroup(folder_);

  EXPECT_EQ(cgroup.usage()->current, 10485760);
  EXPECT_EQ(cgroup.usage()->cache, 3145728 + 2097152 + 1048576);
  EXPECT_EQ(cgroup.usage()->swap, 4096);
  EXPECT_EQ(cgroup.usage()->held, 10485760 - 6291456 + 4096);
  EXPECT_EQ(cgroup.tasks(), 12);
  EXPECT_EQ(cgroup.event("oom_kill"), 2);
  EXPECT_EQ(cgroup.event("max"), 7);
  EXPECT_EQ(cgroup.event("none"), std::nullopt);
}

TEST_F(CgroupTest, ItsProcessesAreThoseBelowItToo) {
  const Sleeper inner;
  write("inner/cgroup.procs", fmt::format("{}\n", inner.id().value));

  const ProcessGroup group{Cgroup(folder_)};

  EXPECT_THAT(group.members(), SizeIs(2));
  EXPECT_EQ(group.threads(), 12);
}

TEST_F(CgroupTest, TheLimitIsTheSmallestOfThoseAboveIt) {
  EXPECT_EQ(memory_limit_of(folder_.string()), std::nullopt);
  write("memory.max", "1073741824\n");
  write("inner/memory.max", "2147483648\n");

  EXPECT_EQ(memory_limit_of((folder_ / "inner").string()), 1073741824);
}

TEST_F(CgroupTest, AFolderThatIsNoneIsRefused) {
  EXPECT_THROW(Cgroup("/proc"), Error);
  EXPECT_THROW(Cgroup("no/such.slice"), Error);
  std::filesystem::remove(folder_ / "memory.current");
  try {
    Cgroup cgroup(folder_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no memory.current"));
  }
}

TEST_F(CgroupTest, AProbeRecordsWhatItHolds) {
  ProcessGroup group{Cgroup(folder_)};
  Probe probe(&group);

  probe.sample(1s, 0);

  EXPECT_EQ(probe.latest("memory")->value, 10485760 - 6291456 + 4096);
  EXPECT_EQ(probe.latest("memory.cache")->value, 6291456);
  EXPECT_EQ(probe.latest("threads")->value, 12);
  EXPECT_EQ(probe.latest("processes")->value, 1);
}

TEST(ProbeOfAGroupTest, ItsMemoryIsWithoutThePagesOfFiles) {
  const Sleeper sleeper(1);
  ProcessGroup group(find_descendants(), {sleeper.id()});
  Probe probe(&group);

  probe.sample(1s, 0);
  probe.end_pass(1s, 0);

  EXPECT_EQ(probe.latest("memory")->value,
            probe.latest("rss_anon")->value + probe.latest("rss_shmem")->value + probe.latest("swap")->value);
  EXPECT_LT(probe.latest("memory")->value, probe.latest("rss")->value);
  EXPECT_EQ(probe.latest("threads")->value, 2);
  EXPECT_TRUE(probe.latest("sockets").has_value());
}

TEST(ProbeOfAGroupTest, AProcessThatTakesThePlaceOfTheGroupBeginsASegmentOfEveryTrack) {
  Sleeper first;
  std::vector<ProcessId> found = {first.id()};
  ProcessGroup group([&found](std::span<const ProcessId>) { return found; });
  Probe probe(&group, {.share = 0});
  probe.add_gauge("open", [] { return std::int64_t{1}; });
  probe.sample(1s, 0);

  first.end();
  found.clear();
  probe.sample(2s, 0);
  const Sleeper second;
  found = {second.id()};
  probe.sample(3s, 0);

  const Measurements measured = probe.measurements();
  ASSERT_THAT(measured.restarts, SizeIs(1));
  EXPECT_EQ(measured.restarts[0].at, 3s);
  for (const char* const track : {"memory", "fds", "threads", "processes", "open"}) {
    EXPECT_THAT(measured.find(track)->restarts, testing::ElementsAre(3s)) << track;
  }
  EXPECT_EQ(measured.find("memory")->timeline.added(), 2u);  // While there was none, there was no value.
}

TEST(ProbeOfAGroupTest, AGaugeWithoutAValueHasNoPoint) {
  const Sleeper sleeper;
  ProcessGroup group(find_descendants(), {sleeper.id()});
  Probe probe(&group);
  std::optional<std::int64_t> value;
  probe.add_gauge("open", [&value] { return value; }, {.stands_for = "sockets"});

  probe.sample(1s, 0);
  EXPECT_EQ(probe.latest("open"), std::nullopt);
  value = 5;
  probe.sample(2s, 0);

  EXPECT_EQ(probe.latest("open")->value, 5);
}

}  // namespace
}  // namespace soak::probe
