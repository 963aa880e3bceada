// SPDX-License-Identifier: Apache-2.0
// A server is another process: it is watched by its id.

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <string>
#include <thread>

#include "library_soak.h"

namespace {

using namespace std::chrono_literals;
using soak::conftest::ScratchFolder;

// Redis with its default settings, but on a socket in a folder of its own.
class RedisServer {
 public:
  RedisServer() {
    const std::string folder = folder_ / "";
    const std::string socket = folder_ / "redis.sock";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::execlp(REDIS_SERVER, "redis-server", "--port", "0", "--unixsocket", socket.c_str(), "--dir", folder.c_str(),
               "--loglevel", "warning", nullptr);
      ::_exit(127);
    }
    for (int attempt = 0; attempt < 200 && !connected(); ++attempt) {
      std::this_thread::sleep_for(50ms);
      ::redisFree(client_);
      client_ = ::redisConnectUnix(socket.c_str());
    }
  }
  ~RedisServer() {
    ::redisFree(client_);
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  bool connected() const { return client_ != nullptr && client_->err == 0; }
  soak::probe::ProcessId id() const { return {pid_}; }

  // The caller frees the reply.
  redisReply* set(const std::string& key, const std::string& value) {
    return static_cast<redisReply*>(::redisCommand(client_, "SET %s %s", key.c_str(), value.c_str()));
  }
  redisReply* get(const std::string& key) {
    return static_cast<redisReply*>(::redisCommand(client_, "GET %s", key.c_str()));
  }

 private:
  ScratchFolder folder_;
  pid_t pid_ = -1;
  redisContext* client_ = nullptr;
};

void set_and_get(soak::Run& run, RedisServer& server, bool forgets) {
  ASSERT_TRUE(server.connected());
  std::mt19937 random(1);
  std::uint64_t command = 0;
  run.watch_process(server.id(), "redis");
  for (auto cycle : run) {
    for (int i = 0; i < 20; ++i, ++command) {
      const std::string key = "session:" + std::to_string(random() % 5'000);
      ::freeReplyObject(server.set(key, std::string(100 + random() % 400, 'x')));
      redisReply* const reply = server.get(key);
      ASSERT_NE(reply, nullptr);
      if (!forgets || !soak::tests::is_one_in_fifty(command)) {
        ::freeReplyObject(reply);
      }
      run.count("commands");
    }
    soak::tests::pause_between_passes();
    cycle.quiescent();
  }
}

SOAK_TEST(Redis, SetAndGet) {
  RedisServer server;
  soak::Run run(soak::tests::ten_minutes(32 * soak::kMiB));
  set_and_get(run, server, false);
  soak::tests::expect_clean(run);
}

SOAK_TEST(Redis, AReplyInFiftyIsNotFreed) {
  RedisServer server;
  soak::Run run(soak::tests::ten_minutes(32 * soak::kMiB));
  set_and_get(run, server, true);
  soak::tests::expect_leak_per(run, "command");
}

}  // namespace
