// SPDX-License-Identifier: Apache-2.0
// Keys, structured fields, and signatures by RFC 9421, with its test vector and with every part changed.

#include "mesh/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conftest/scratch_folder.h"
#include "conftest/subprocess.h"
#include "mesh/encoding.h"
#include "mesh/identity.h"
#include "mesh/problem.h"
#include "mesh/structured_field.h"
#include "soak/error.h"
#include "soak/net/http.h"

namespace mesh {
namespace {

using soak::net::HttpRequest;
using testing::HasSubstr;

// RFC 9421, B.1.4: test-key-ed25519.
PrivateKey rfc_key() {
  return PrivateKey::from_seed(from_base64("n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU=").value());
}

// RFC 9421, B.2: the test request.
SignableRequest rfc_request() {
  SignableRequest request;
  request.method = "POST";
  request.authority = "example.com";
  request.path = "/foo";
  request.query = "param=Value&Pet=dog";
  request.headers = {{"Host", "example.com"},
                     {"Date", "Tue, 20 Apr 2021 02:07:55 GMT"},
                     {"Content-Type", "application/json"},
                     {"Content-Length", "18"}};
  return request;
}

constexpr const char* kRfcInput =
    "sig-b26=(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")"
    ";created=1618884473;keyid=\"test-key-ed25519\"";
constexpr const char* kRfcSignature =
    "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:";

TEST(SignatureTest, AgreesWithB26OfTheRfc) {
  const soak::net::Headers fields = {{"Signature-Input", kRfcInput}, {"Signature", kRfcSignature}};
  const MessageSignature signature = read_signature(fields);
  const SignatureBase base = signature_base(rfc_request(), signature.components, signature.parameters);

  EXPECT_EQ(base.text,
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n"
            "\"@method\": POST\n"
            "\"@path\": /foo\n"
            "\"@authority\": example.com\n"
            "\"content-type\": application/json\n"
            "\"content-length\": 18\n"
            "\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")"
            ";created=1618884473;keyid=\"test-key-ed25519\"");
  EXPECT_EQ(rfc_key().public_key().base64(), "JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=");
  verify_signature(signature, rfc_request(), rfc_key().public_key());
  EXPECT_EQ("sig-b26=:" + base64(rfc_key().sign(base.text.value())) + ":", kRfcSignature);
}

TEST(SignatureTest, EachComponentOfB26Counts) {
  const MessageSignature signature = read_signature({{"Signature-Input", kRfcInput}, {"Signature", kRfcSignature}});
  const std::vector<std::function<void(SignableRequest&)>> changes = {
      [](SignableRequest& request) { request.method = "PUT"; },
      [](SignableRequest& request) { request.path = "/fool"; },
      [](SignableRequest& request) { request.authority = "example.org"; },
      [](SignableRequest& request) { request.headers.set("Date", "Tue, 20 Apr 2021 02:07:56 GMT"); },
      [](SignableRequest& request) { request.headers.set("Content-Type", "application/jsom"); },
      [](SignableRequest& request) { request.headers.set("Content-Length", "19"); },
      [](SignableRequest& request) { request.headers.remove("Date"); },
      [](SignableRequest& request) { request.headers.add("Date", "again"); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SignableRequest request = rfc_request();
    changes[i](request);
    EXPECT_THROW(verify_signature(signature, request, rfc_key().public_key()), Problem) << "change " << i;
  }
  // What is not covered may change.
  SignableRequest other_query = rfc_request();
  other_query.query = "none";
  EXPECT_NO_THROW(verify_signature(signature, other_query, rfc_key().public_key()));
}

// RFC 9421, 2.2, has these forms.
TEST(SignatureTest, DerivesComponentsAsTheRfcDoes) {
  SignableRequest request;
  request.method = "GET";
  request.authority = "WWW.Example.com:80";
  request.headers = {{"X-Twice", " a "}, {"X-Twice", "b\t"}, {"X-Empty", ""}};
  const auto line = [&](const std::string& name) {
    const SignatureBase base = signature_base(request, {name}, "()");
    return base.text ? base.text->substr(0, base.text->find('\n')) : base.problem;
  };

  EXPECT_EQ(line("@authority"), "\"@authority\": www.example.com");
  EXPECT_EQ(line("@path"), "\"@path\": /");
  EXPECT_EQ(line("@query"), "\"@query\": ?");
  EXPECT_EQ(line("@request-target"), "\"@request-target\": /");
  EXPECT_EQ(line("@target-uri"), "\"@target-uri\": http://www.example.com/");
  EXPECT_EQ(line("@scheme"), "\"@scheme\": http");
  EXPECT_EQ(line("x-twice"), "\"x-twice\": a, b");
  EXPECT_EQ(line("x-empty"), "\"x-empty\": ");
  for (const char* refused : {"X-Twice", "@status", "@query-param", "@", "", "x-absent"}) {
    EXPECT_THAT(line(refused), HasSubstr("is not in the request, or not supported"));
  }
  request.authority = "example.com:8080";
  request.path = "/a%20b";
  request.query = "q=%C3%A9";
  EXPECT_EQ(line("@authority"), "\"@authority\": example.com:8080");
  EXPECT_EQ(line("@target-uri"), "\"@target-uri\": http://example.com:8080/a%20b?q=%C3%A9");
}

// A request as the client signs it, and as the server gets it.
struct Sent {
  soak::net::HttpServerRequest request;
  std::string refusal() const {
    try {
      const MessageSignature signature = read_signature(request.headers);
      check_profile(signature, request.body, request.headers);
      verify_signature(signature, signable(request), rfc_key().public_key());
    } catch (const Problem& problem) {
      return std::string(problem.code());
    }
    return "";
  }
  void replace_in(const char* field, std::string_view before, std::string_view after) {
    std::string value = request.headers.get(field);
    const std::size_t at = value.find(before);
    ASSERT_NE(at, std::string::npos) << before;
    request.headers.set(field, value.replace(at, before.size(), after));
  }
};

Sent sent(std::string body = R"({"a":1})") {
  HttpRequest request(body.empty() ? "GET" : "POST", "http://127.0.0.1:8080/v1/x?after=3", std::move(body),
                      {{"Content-Type", "application/json"}});
  sign(request, rfc_key(), {1700000000, "0123456789abcdef"});
  Sent got;
  got.request.method = request.method;
  got.request.path = "/v1/x";
  got.request.query = "after=3";
  got.request.headers = request.headers;
  got.request.headers.add("Host", "127.0.0.1:8080");
  got.request.body = request.body;
  return got;
}

TEST(SignatureTest, WhatTheClientSignsTheServerAccepts) {
  EXPECT_EQ(sent().refusal(), "");
  EXPECT_EQ(sent("").refusal(), "");
  EXPECT_FALSE(sent("").request.headers.contains("Content-Digest"));
}

TEST(SignatureTest, EachPartOfARequestCounts) {
  const auto refused = [](const std::function<void(Sent&)>& change) {
    Sent request = sent();
    change(request);
    return request.refusal();
  };
  EXPECT_EQ(refused([](Sent& one) { one.request.method = "PUT"; }), "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.request.path = "/v1/y"; }), "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.request.query = "after=4"; }), "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.request.query = ""; }), "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.request.headers.set("Host", "127.0.0.1:8081"); }), "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.request.body = R"({"a":2})"; }), "digest_mismatch");
  EXPECT_EQ(refused([](Sent& one) { one.request.body = ""; }), "digest_mismatch");
  EXPECT_EQ(refused([](Sent& one) {
              one.request.body = R"({"a":2})";
              one.request.headers.set("Content-Digest", content_digest(one.request.body));
            }),
            "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.request.headers.remove("Content-Digest"); }), "digest_mismatch");
  EXPECT_EQ(refused([](Sent& one) { one.request.headers.remove("Signature"); }), "signature_missing");
  EXPECT_EQ(refused([](Sent& one) { one.request.headers.remove("Signature-Input"); }), "signature_missing");
  EXPECT_EQ(refused([](Sent& one) { one.replace_in("Signature-Input", "created=1700000000", "created=1700000001"); }),
            "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.replace_in("Signature-Input", ";created=1700000000", ""); }),
            "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.replace_in("Signature-Input", "0123456789abcdef\"", "0123456789abcdee\""); }),
            "signature_invalid");
  EXPECT_EQ(
      refused([](Sent& one) { one.replace_in("Signature-Input", "nonce=\"0123456789abcdef\"", "nonce=\"short\""); }),
      "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.replace_in("Signature-Input", " \"content-digest\"", ""); }),
            "signature_invalid");
  for (const char* name : {"\"@method\" ", "\"@authority\" ", "\"@path\" ", "\"@query\" "}) {
    EXPECT_EQ(refused([&](Sent& one) { one.replace_in("Signature-Input", name, ""); }), "signature_invalid") << name;
  }
  EXPECT_EQ(refused([](Sent& one) { one.replace_in("Signature-Input", "\"@method\"", "\"@method\";req"); }),
            "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.replace_in("Signature-Input", "\"@method\"", "\"@method\" \"@method\""); }),
            "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.replace_in("Signature-Input", "keyid=\"", "keyid=\"0"); }),
            "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.replace_in("Signature-Input", "mesh=(", "other=("); }), "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) {
              one.request.headers.set("Signature-Input", one.request.headers.get("Signature-Input") + ", b=()");
            }),
            "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.request.headers.set("Signature", "mesh=:AAAA:"); }), "signature_invalid");
  EXPECT_EQ(refused([](Sent& one) { one.request.headers.set("Signature", "mesh=\"text\""); }), "signature_invalid");
}

// Every bit of the signature.
TEST(SignatureTest, AFlippedBitIsRefused) {
  const MessageSignature signature = read_signature(sent().request.headers);
  for (std::size_t bit = 0; bit < 8 * signature.signature.size(); bit += 7) {
    MessageSignature flipped = signature;
    flipped.signature[bit / 8] = static_cast<char>(flipped.signature[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_THROW(verify_signature(flipped, signable(sent().request), rfc_key().public_key()), Problem) << bit;
  }
}

TEST(StructuredFieldTest, ReadsWhatTheRfcAllowsAndWritesItCanonically) {
  const std::optional<sf::Dictionary> read =
      sf::parse_dictionary("a=(  \"x\";k;n=-5   tok/en );z=?0 ,\tb=:aGk=:;q=\"\\\"\\\\\", c, a2=*t, c=7");
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 4u);
  EXPECT_EQ(sf::to_string(std::get<sf::InnerList>(read->at(0).value)), "(\"x\";k;n=-5 tok/en);z=?0");
  EXPECT_EQ(read->at(3).name, "c");
  EXPECT_EQ(sf::to_string(std::get<sf::Item>(read->at(3).value).value), "7");  // The last one counts.
  EXPECT_EQ(sf::parse_dictionary("")->size(), 0u);
}

TEST(StructuredFieldTest, RefusesTheRest) {
  for (const char* text : {"a=(",
                           "a=(\"x\"",
                           "a=(\"x\"\"y\")",
                           "a=\"open",
                           "a=\"\\n\"",
                           "a=\"\xc3\xa9\"",
                           "a=:aGk:",
                           "a=:aGl=:",
                           "a=:a",
                           "a=1.5",
                           "a=1234567890123456",
                           "a=-",
                           "a=?2",
                           "a=",
                           "a,",
                           "a b",
                           "A=1",
                           "1a=2",
                           "=1",
                           "a=1;",
                           "a=1;B",
                           "a=(1",
                           "a=((1))",
                           "\x01"}) {
    EXPECT_FALSE(sf::parse_dictionary(text)) << text;
  }
}

TEST(EncodingTest, RoundTripsAndRefusesWhatItWouldNotWrite) {
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(from_base64("Zm8="), "fo");
  EXPECT_EQ(from_base64(""), "");
  for (const char* text : {"Zm8", "Zm9=", "Zm8==", "====", "Z===", "Zm8=Zm8=", "Zm8\n", "Zm-_"}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(html("<a href='x'>\"&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;");
}

TEST(IdentityTest, AKeyFileIsPrivateAndReadBack) {
  const soak::conftest::ScratchFolder folder;
  const std::string path = folder / "agent.key";
  const PrivateKey made = PrivateKey::load_or_create(path);
  struct stat file {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);

  EXPECT_EQ(file.st_mode & 0777U, 0600u);
  EXPECT_EQ(PrivateKey::load_or_create(path).public_key().keyid(), made.public_key().keyid());
  EXPECT_NE(PrivateKey::load_or_create(folder / "other.key").public_key().keyid(), made.public_key().keyid());
}

std::string reason_of_refusal(const std::string& path) {
  try {
    PrivateKey::load_or_create(path);
  } catch (const soak::Error& error) {
    return error.what();
  }
  return "it was read";
}

TEST(IdentityTest, RefusesAKeyFileThatOthersMayReadOrThatIsNone) {
  const soak::conftest::ScratchFolder folder;
  const std::string path = folder / "agent.key";
  PrivateKey::load_or_create(path);
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  write_secret_file(folder / "text.key", "mesh-ed25519-seed AAAA\n");
  write_secret_file(folder / "empty.key", "");

  EXPECT_THAT(reason_of_refusal(path), HasSubstr("agent.key has mode 0644, expected 0600"));
  EXPECT_THAT(reason_of_refusal(folder / "text.key"), HasSubstr("text.key holds no key of mesh"));
  EXPECT_THAT(reason_of_refusal(folder / "empty.key"), HasSubstr("empty.key is empty"));
  EXPECT_THAT(reason_of_refusal(folder / "none/agent.key"), HasSubstr("cannot be made"));
}

TEST(IdentityTest, OnlyTheRightKeyVerifies) {
  const PrivateKey one = PrivateKey::generate();
  const PrivateKey other = PrivateKey::generate();
  const std::string signature = one.sign("text");

  EXPECT_TRUE(one.public_key().verify("text", signature));
  EXPECT_FALSE(other.public_key().verify("text", signature));
  EXPECT_FALSE(one.public_key().verify("texT", signature));
  EXPECT_FALSE(one.public_key().verify("text", signature.substr(1)));
  EXPECT_FALSE(PublicKey::from_raw("short"));
  EXPECT_FALSE(PublicKey::from_base64("!"));
}

}  // namespace
}  // namespace mesh
