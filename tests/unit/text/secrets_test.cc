// SPDX-License-Identifier: Apache-2.0
#include "soak/detail/secrets.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>

#include "lib/text/base64.h"
#include "lib/text/percent.h"
#include "soak/detail/printable.h"
#include "soak/error.h"

namespace soak::text {
namespace {

std::string base64(const std::string& text) {
  std::string encoded;
  append_base64(encoded, std::as_bytes(std::span(text)));
  return encoded;
}

TEST(SecretsTest, LeavesATextWithoutSecretsAsItIs) {
  keep_secret("the-plain-secret-1");

  EXPECT_EQ(without_secrets("the-plain-secret-2, 100%, C:\\new"), "the-plain-secret-2, 100%, C:\\new");
  EXPECT_EQ(without_secrets(""), "");
}

TEST(SecretsTest, LeavesOutASecretWhereverItStands) {
  keep_secret("sk-canary/one+two=");

  EXPECT_EQ(without_secrets("sk-canary/one+two="), "***");
  EXPECT_EQ(without_secrets("a sk-canary/one+two=, b sk-canary/one+two=."), "a ***, b ***.");
}

TEST(SecretsTest, LeavesOutWhatIsPercentEncodedInPartToo) {
  keep_secret("sk-canary/one+two=");

  EXPECT_EQ(without_secrets("/x?key=" + percent_encode("sk-canary/one+two=") + "&y=1"), "/x?key=***&y=1");
  EXPECT_EQ(without_secrets("key=sk-canary%2fone+two%3d"), "key=***");
  EXPECT_EQ(without_secrets("%73k-canary/one%2Btwo="), "***");
}

TEST(SecretsTest, LeavesOutWhatJsonEscapes) {
  keep_secret("quo\"te/and\\back");

  EXPECT_EQ(without_secrets(R"({"key":"quo\"te\/and\\back"})"), R"({"key":"***"})");
  EXPECT_EQ(without_secrets(R"({"key":"\u0071uo\u0022te/and\\back"})"), R"({"key":"***"})");
}

TEST(SecretsTest, LeavesOutBase64AtEveryOffset) {
  const std::string secret = "sk-offset-0123456789";
  keep_secret(secret);

  for (const std::string before : {"", "u", "us", "use", "user:"}) {
    for (const std::string after : {"", "@", "@h", "@ho"}) {
      const std::string shown = without_secrets("Basic " + base64(before + secret + after) + " refused");
      EXPECT_NE(shown.find("***"), std::string::npos) << shown;
      EXPECT_LT(shown.size(), std::string("Basic  refused").size() + 3 + base64(before + after).size() + 8) << shown;
    }
  }
}

TEST(SecretsTest, LeavesOutBase64OfTheUrlAlphabetAndPercentEncoded) {
  const std::string secret = "\xfb\xff\xfe\xfb\xff\xfe\xfb\xff\xfe";  // All plus and slash.
  keep_secret(secret);
  std::string of_urls = base64(secret);
  for (char& c : of_urls) {
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  }

  EXPECT_EQ(without_secrets(base64(secret)), "***");
  EXPECT_EQ(without_secrets(of_urls), "***");
  EXPECT_EQ(without_secrets(percent_encode(base64(secret))), "***");
}

TEST(SecretsTest, LeavesOutTheBeginningOfASecretWhereTheTextWasCut) {
  keep_secret("sk-cut-0123456789abcdef");

  EXPECT_EQ(without_secrets("invalid key sk-cut-0123456"), "invalid key ***");
  EXPECT_EQ(without_secrets("a key begins with sk-cut"), "a key begins with sk-cut");
}

TEST(SecretsTest, ASecretWithinAnotherOneLeavesNothingOfIt) {
  keep_secret("bot-secret-inner");
  keep_secret("123456:bot-secret-inner-and-more");
  keep_secret("secret-inner-and-more/tail");

  EXPECT_EQ(without_secrets("<123456:bot-secret-inner-and-more/tail>"), "<***>");
}

TEST(SecretsTest, WhatIsShorterCouldBeAnyWord) {
  keep_secret("pass");

  EXPECT_EQ(without_secrets("the tests pass"), "the tests pass");
}

TEST(SecretsTest, KeepsTheThousandThatWereGivenLast) {
  keep_secret("given-first-and-again");
  keep_secret("given-first-and-only-once");
  for (int i = 0; i < 1022; ++i) {
    keep_secret("given-later-" + std::to_string(10'000 + i));
  }
  keep_secret("given-first-and-again");
  keep_secret("given-last-of-all");

  EXPECT_EQ(without_secrets("given-first-and-again given-later-10000 given-last-of-all"), "*** *** ***");
  EXPECT_EQ(without_secrets("given-first-and-only-once."), "given-first-and-only-once.");
}

TEST(SecretsTest, NeitherAnErrorNorWhatIsPrintedHasThem) {
  keep_secret("sk-of-an-error\x1b[2J");

  EXPECT_STREQ(Error(Errc::kRejected, "no such key: sk-of-an-error\x1b[2J").what(), "no such key: ***");
  EXPECT_EQ(printable("no such key: sk-of-an-error\x1b[2J\n"), "no such key: ***\\n");
}

TEST(SecretsTest, KnowsNamesOfSecrets) {
  for (const char* name : {"key", "API_KEY", "access_token", "X-Amz-Signature", "Authorization", "x-goog-api-key",
                           "client_secret", "Cookie", "password", "sig", "session_id"}) {
    EXPECT_TRUE(is_secret_name(name)) << name;
  }
  for (const char* name :
       {"model", "alt", "api-version", "deployment", "Content-Type", "language", "Idempotency-Key"}) {
    EXPECT_FALSE(is_secret_name(name)) << name;
  }
}

}  // namespace
}  // namespace soak::text
