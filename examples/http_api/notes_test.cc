// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <soak/async_run.h>
#include <soak/error.h>
#include <soak/soak_test.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>

#include "notes_client.h"
#include "notes_fake.h"

namespace {

using namespace std::chrono_literals;

soak::Task<> write_a_note(NotesClient& client, std::string text) {
  std::string copy = text;
  std::string id = co_await client.create(std::move(copy));
  std::string asked = id;
  std::string kept = co_await client.read(std::move(asked));
  if (kept != text) {
    throw soak::Error(soak::Errc::kProtocol, "note " + id + " came back as '" + kept + "'");
  }
  co_await client.remove(std::move(id));
}

TEST(NotesClient, ReadsWhatItWrote) {
  soak::VirtualLoop loop;  // In memory, on a virtual clock.
  NotesFake fake(loop);
  NotesClient client(loop, fake.url());

  EXPECT_NO_THROW(loop.run(write_a_note(client, "buy milk")));
}

// The same code on sockets (--gtest_runsoak) and, hours in seconds, in memory (--soak_virtual).
SOAK_TEST(NotesClient, KeepsNothingOfANote) {
  soak::AsyncRun run({.reconnect_every = 500ms, .open_floor = 0.0});
  NotesFake fake(run.loop());
  NotesClient client(run.loop(), fake.url(), std::getenv("NOTES_LEAK") == nullptr);
  run.drive([&](soak::Cycle& cycle) -> soak::Task<> {
    while (run.elapsed() < cycle.ends_at()) {
      std::string text(500, 'x');
      co_await write_a_note(client, std::move(text));
      run.count("notes");
      co_await soak::sleep_for(10ms);
    }
  });
  if (fake.came_too_early() > 0) {
    run.add_finding({"retry_after", std::to_string(fake.came_too_early()) + " requests came inside a Retry-After", {}});
  }
  EXPECT_SOAK(run);
}

}  // namespace
