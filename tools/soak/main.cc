// SPDX-License-Identifier: Apache-2.0
// soak: soaks and fakes from the command line, without writing a test.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <system_error>

#include "command_line.h"
#include "commands.h"
#include "lib/net/url.h"
#include "soak/detail/printable.h"

int main(int argc, char** argv) {
  using namespace soak::tools;
  CommandLine app(
      "Soaks realtime clients and any other program, and runs fake providers for the clients.\n"
      "Exit status: 0 if the verdict is PASS, 1 if it is FAIL, 2 if it could not run: an option or a variable is\n"
      "invalid, a certificate is unusable, the report cannot be written. 3 if it is INCONCLUSIVE: you asked for a\n"
      "bound (--leak-max), and the data neither show it nor refute it.",
      "soak");
  app.require_subcommand();
  for (int i = 1; i < argc; ++i) {
    soak::net::keep_secrets_of(std::string_view(argv[i]));  // A message may quote an argument that is not understood.
  }
  add_voice_command(app, argv[0]);
  add_channels_command(app, argv[0]);
  add_watch_command(app, argv[0]);
  add_fake_command(app);
  add_judge_command(app);
  add_compare_command(app);
  add_report_command(app);
  add_capacity_command(app);
  std::signal(SIGXFSZ, SIG_IGN);  // A write beyond RLIMIT_FSIZE then fails, and is reported as others are.
  try {
    int status = kPassed;
    bool written = true;
    if (const std::optional<CommandLine::Answer> answer = app.parse(argc, argv)) {
      if (answer->is_error) {
        std::fputs(soak::text::printable(answer->text, soak::text::LineEnds::kKeep).c_str(), stderr);
        return kUsage;
      }
      written = std::fputs(answer->text.c_str(), stdout) >= 0;
    } else {
      status = app.run();
    }
    if (!written || std::fflush(stdout) != 0) {
      throw std::system_error(errno, std::generic_category(), "cannot write to the standard output");
    }
    return status;
  } catch (const std::bad_alloc&) {
    std::fputs("soak: out of memory\n", stderr);
    return kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "soak: %s\n", soak::text::printable(error.what()).c_str());
    return kUsage;
  }
}
