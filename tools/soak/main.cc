// SPDX-License-Identifier: Apache-2.0
// soak: soaks and fakes from the command line, without writing a test.

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.h"
#include "lib/net/url.h"
#include "soak/detail/printable.h"

int main(int argc, char** argv) {
  using namespace soak::tools;
  CLI::App app(
      "Soaks realtime clients, and runs the fake providers for them.\n"
      "Exit status: 0 if the verdict is PASS, 1 if it is FAIL, 2 if it could not run: an option or a variable is\n"
      "invalid, a certificate is unusable, the report cannot be written. 3 if it is INCONCLUSIVE: you asked for a\n"
      "bound (--leak-max), and the data neither show it nor refute it.",
      "soak");
  app.require_subcommand(1);
  for (int i = 1; i < argc; ++i) {
    soak::net::keep_secrets_of(std::string_view(argv[i]));  // A message may quote an argument that is not understood.
  }
  const std::vector<std::pair<const char*, Command>> commands = {
      {"voice", add_voice_command(app, argv[0])},
      {"channels", add_channels_command(app, argv[0])},
      {"fake", add_fake_command(app)},
      {"judge", add_judge_command(app)},
      {"compare", add_compare_command(app)},
      {"report", add_report_command(app)},
  };
  std::signal(SIGXFSZ, SIG_IGN);  // A write beyond RLIMIT_FSIZE then fails, and is reported as others are.
  try {
    app.parse(argc, argv);
    for (const auto& [name, run] : commands) {
      if (app.got_subcommand(name)) {
        const int status = run();
        if (std::fflush(stdout) != 0) {
          throw std::system_error(errno, std::generic_category(), "cannot write to the standard output");
        }
        return status;
      }
    }
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::ostringstream said;
    app.exit(error, said, said);
    std::fputs(soak::text::printable(said.str(), soak::text::LineEnds::kKeep).c_str(), stderr);
    return kUsage;
  } catch (const std::bad_alloc&) {
    std::fputs("soak: out of memory\n", stderr);
    return kUsage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "soak: %s\n", soak::text::printable(error.what()).c_str());
    return kUsage;
  }
  return kUsage;
}
