// SPDX-License-Identifier: Apache-2.0
// A server whose certificate is refused is not asked again and again: it will have the same one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "soak/error.h"
#include "soak/event_loop.h"
#include "soak/net/test_ca.h"
#include "soak/task.h"
#include "tests/unit/voice/providers.h"

namespace soak::voice {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

template <typename Provider>
class CertificateTest : public testing::Test {
 protected:
  using Fake = typename Provider::Fake;

  // What the client says once the fake that it is connected to has been replaced by one with another CA's certificate.
  Task<> reconnect() {
    typename Provider::FakeOptions fake_options;
    fake_options.tls = trusted_.issue({"127.0.0.1"});
    std::optional<Fake> fake(std::in_place, loop_, fake_options);
    typename Provider::ClientOptions options;
    options.url = fake->url();
    options.ca_file = trusted_.ca_file();
    options.backoff = BackoffOptions{.initial = 1ms, .max = 2ms};
    options.attempts_max = 1000;
    typename Provider::Client client(loop_, options);
    co_await client.connect();
    fake_options.port = fake->port();
    fake_options.tls = other_.issue({"127.0.0.1"});
    fake.reset();
    fake.emplace(loop_, fake_options);
    try {
      const std::vector<std::byte> silence(960);
      for (;;) {
        co_await client.send_audio(silence);
        co_await sleep_for(1ms);
      }
    } catch (const Error& error) {
      code_ = error.code();
      what_ = error.what();
    }
  }

  UvLoop loop_;
  net::TestCa trusted_;
  net::TestCa other_;
  std::optional<Errc> code_;
  std::string what_;
};

TYPED_TEST_SUITE(CertificateTest, Providers, ProviderNames);

TYPED_TEST(CertificateTest, ThatIsRefusedEndsReconnecting) {
  this->loop_.run(this->reconnect());

  EXPECT_EQ(this->code_, Errc::kCertificate) << this->what_;
  EXPECT_THAT(this->what_, HasSubstr("a certificate authority that is not trusted"));
  EXPECT_THAT(this->what_, ::testing::Not(HasSubstr("gave up after")));
}

}  // namespace
}  // namespace soak::voice
