// SPDX-License-Identifier: Apache-2.0
// The Directory: each route with right and wrong requests.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "mesh/signature.h"
#include "soak/net/http_client.h"
#include "tests/examples/mesh/mesh_fixture.h"

namespace mesh::tests {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class DirectoryTest : public MeshTest {
 protected:
  // Without a signature.
  Task<HttpResponse> fetch(std::string path) {
    soak::net::HttpRequest request("GET", node_.url() + path);
    return plain_.send(std::move(request));
  }
  // Tries each, and says what came of it.
  Task<std::string> try_post(Agent& agent, std::string path, std::string json) {
    Task<HttpResponse> posting = agent.client.post(path, json);
    const HttpResponse response = co_await std::move(posting);
    co_return outcome(response);
  }

  soak::net::HttpClient plain_{loop_};
};

TEST_F(DirectoryTest, ARegisteredAgentHasADocumentThatTheRegistrySigned) {
  run([&]() -> Task<> {
    const HttpResponse enrolled = co_await enrol(
        ada_,
        R"(,"display_name":"Ada","capabilities":["research","summarize"],"owner":"example.org","endpoint":"https://a.b/c")");
    EXPECT_EQ(enrolled.status, 201);
    const HttpResponse served = co_await fetch("/.well-known/agent/@ada.json");
    EXPECT_EQ(served.status, 200);
    EXPECT_EQ(JsonObject(enrolled.body).object("identity", SIZE_MAX), served.body);
    const HttpResponse registry = co_await fetch("/v1/registry");

    const PublicKey key = PublicKey::from_base64(JsonObject(registry.body).name("public_key", 64)).value();
    const JsonObject identity(served.body);
    const std::string document = identity.object("document", SIZE_MAX);
    const JsonObject signature(identity.object("registry_signature", SIZE_MAX));
    EXPECT_TRUE(key.verify(document, from_base64(signature.name("signature", 99)).value()));
    EXPECT_EQ(signature.name("keyid", 64), key.keyid());
    EXPECT_EQ(signature.name("fingerprint", 64).size(), 32u);
    EXPECT_EQ(document,
              R"({"algorithm":"ed25519","bindings":[],"capabilities":["research","summarize"],"description":"",)"
              R"("display_name":"Ada","endpoint":"https://a.b/c","handle":"@ada","identity_mode":"public",)"
              R"("issued":1767225600000,"keyid":")" +
                  ada_.key.public_key().keyid() + R"(","owner":"example.org","public_key":")" +
                  ada_.key.public_key().base64() + R"(","registry_keyid":")" + key.keyid() +
                  R"(","trust":"active","version":1})");

    // The credential proves the same without the Directory.
    std::string credential = JsonObject(enrolled.body).object("credential", SIZE_MAX);
    const std::string proof = JsonObject(credential).name("signature", 99);
    const std::string member = R"(,"signature":")" + proof + "\"";
    credential.erase(credential.find(member), member.size());
    EXPECT_TRUE(key.verify(credential, from_base64(proof).value()));
  }());
}

TEST_F(DirectoryTest, ARepeatedRegistrationGetsTheFirstAnswer) {
  run([&]() -> Task<> {
    const HttpResponse first = co_await enrol(ada_);
    co_await soak::sleep_for(5s);
    co_await restart();
    const HttpResponse again = co_await enrol(ada_);

    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.body, first.body.substr(0, first.body.size() - 1) + R"(,"duplicate":true})");
  }());
}

TEST_F(DirectoryTest, RefusesATakenHandleOrKeyAndOtherContent) {
  run([&]() -> Task<> {
    Agent other(loop_, "other", node_.url());
    const HttpResponse first = co_await enrol(ada_);
    EXPECT_EQ(outcome(first), "201");

    std::string stolen = other.registration();
    stolen.replace(stolen.find("@other"), 6, "@ada");
    EXPECT_EQ(co_await try_post(other, "/v1/agents", stolen), "409 handle_taken");
    std::string second = ada_.registration();
    second.replace(second.find("@ada"), 4, "@ada2");
    EXPECT_EQ(co_await try_post(ada_, "/v1/agents", second), "409 key_taken");
    EXPECT_EQ(co_await try_post(ada_, "/v1/agents", ada_.registration(R"(,"owner":"example.org")")), "409 id_reused");
    // Signed by another key than the one it registers.
    EXPECT_EQ(co_await try_post(ada_, "/v1/agents", other.registration()), "401 signature_invalid");
  }());
}

TEST_F(DirectoryTest, RefusesFieldsThatAreWrongAndNamesThem) {
  run([&]() -> Task<> {
    const std::vector<std::pair<std::string, std::string>> wrong = {
        {R"({"handle":"ada"})", "handle"},
        {R"({"handle":"@A"})", "handle"},
        {R"({"handle":"@-a"})", "handle"},
        {R"({"handle":"@)" + std::string(33, 'a') + "\"}", "handle"},
        {R"({"handle":"@ada"})", "public_key"},
        {R"({"handle":"@ada","public_key":"AAAA"})", "public_key"},
        {ada_.registration(R"(,"display_name":"a\nb")"), "display_name"},
        {ada_.registration(R"(,"capabilities":"research")"), "capabilities"},
        {ada_.registration(R"(,"capabilities":[null])"), "capabilities"},
        {ada_.registration(R"(,"owner":"Example org")"), "owner"},
        {ada_.registration(R"(,"endpoint":"javascript:alert")"), "endpoint"},
        {ada_.registration(R"(,"admin":true)"), "admin"},
    };
    for (const auto& [json, field] : wrong) {
      const HttpResponse response = co_await ada_.client.post("/v1/agents", json);
      EXPECT_EQ(outcome(response), "400 invalid_field") << json;
      EXPECT_EQ(JsonObject(JsonObject(response.body).object("error", SIZE_MAX)).name("field", 64), field) << json;
    }
    const HttpResponse served = co_await fetch("/.well-known/agent/@ada.json");
    EXPECT_EQ(outcome(served), "404 unknown_agent");
  }());
}

TEST_F(DirectoryTest, TheProfileIsEscaped) {
  run([&]() -> Task<> {
    const HttpResponse enrolled = co_await enrol(ada_, R"(,"display_name":"<script>alert('1')</script>")");
    EXPECT_EQ(enrolled.status, 201);
    const HttpResponse page = co_await fetch("/a/@ada");

    EXPECT_EQ(page.status, 200);
    EXPECT_THAT(page.headers.get("Content-Type"), HasSubstr("text/html"));
    EXPECT_THAT(page.body, HasSubstr("<h1>@ada</h1>"));
    EXPECT_THAT(page.body, HasSubstr("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"));
    EXPECT_THAT(page.body, Not(HasSubstr("<script>")));
    EXPECT_THAT(page.body, HasSubstr("<dd>verified</dd>"));
    EXPECT_EQ(outcome(co_await fetch("/a/@nobody")), "404 unknown_agent");
    EXPECT_EQ(outcome(co_await fetch("/a/%3Cscript%3E")), "404 unknown_agent");
  }());
}

TEST_F(DirectoryTest, VerifySaysWhetherTheRecordHolds) {
  run([&]() -> Task<> {
    const HttpResponse enrolled = co_await enrol(ada_);
    EXPECT_EQ(enrolled.status, 201);
    const HttpResponse good = co_await fetch("/v1/verify/@ada");
    const JsonObject verified(good.body);
    EXPECT_TRUE(verified.boolean("verified"));
    EXPECT_EQ(verified.name("trust", 16), "active");
    EXPECT_EQ(verified.name("keyid", 64), ada_.key.public_key().keyid());

    // Somebody who can write to the disk, but has no key of the registry.
    std::string forged = node_.disk().get("identity", "@ada").value();
    forged.replace(forged.find(R"("owner":"")"), 10, R"("owner":"x")");
    node_.disk().put("identity", "@ada", forged);
    const HttpResponse bad = co_await fetch("/v1/verify/@ada");
    EXPECT_FALSE(JsonObject(bad.body).boolean("verified"));
    EXPECT_EQ(outcome(co_await fetch("/v1/verify/@nobody")), "404 unknown_agent");
  }());
}

TEST_F(DirectoryTest, AnInviteIsJoinedOnceAndLinksBoth) {
  run([&]() -> Task<> {
    Agent eve(loop_, "eve", node_.url());
    const std::vector<Agent*> all = {&ada_, &bob_, &eve};
    for (Agent* agent : all) {
      const HttpResponse enrolled = co_await enrol(*agent);
      EXPECT_EQ(enrolled.status, 201);
    }
    const std::string terms = R"({"id":"i1","scope":"mirror","seconds":3600})";
    const HttpResponse invite = co_await ada_.client.post("/v1/invites", terms);
    EXPECT_EQ(invite.status, 201);
    const JsonObject made(invite.body);
    const std::string token = made.name("token", 128);
    const std::int64_t now_ms = loop_.wall_now().time_since_epoch() / 1ms;
    EXPECT_LE(made.integer("expires", 0, INT64_MAX), now_ms + 3600 * 1000);
    EXPECT_GT(made.integer("expires", 0, INT64_MAX), now_ms + 3599 * 1000);
    const std::string with_token = R"({"token":")" + token + "\"}";

    EXPECT_EQ(co_await try_post(ada_, "/v1/links", with_token), "409 own_invite");
    EXPECT_EQ(co_await try_post(bob_, "/v1/links", R"({"token":"mesh_inv_x"})"), "404 unknown_invite");
    EXPECT_EQ(co_await try_post(bob_, "/v1/links", with_token), "201");
    EXPECT_EQ(co_await try_post(bob_, "/v1/links", with_token), "200");
    EXPECT_EQ(co_await try_post(eve, "/v1/links", with_token), "409 invite_used");
    const HttpResponse of_ada = co_await ada_.client.get("/v1/links");
    EXPECT_THAT(of_ada.body, HasSubstr(R"({"peer":"@bob","scope":"mirror","since":)"));
    const HttpResponse of_bob = co_await bob_.client.get("/v1/links");
    EXPECT_THAT(of_bob.body, HasSubstr(R"({"peer":"@ada","scope":"mirror","since":)"));
    const HttpResponse of_eve = co_await eve.client.get("/v1/links");
    EXPECT_EQ(of_eve.body, R"({"links":[]})");
  }());
}

TEST_F(DirectoryTest, ARepeatedInviteGetsTheSameTokenWhichNoDatabaseHolds) {
  run([&]() -> Task<> {
    const HttpResponse enrolled = co_await enrol(ada_);
    EXPECT_EQ(enrolled.status, 201);
    const std::string terms = R"({"id":"i1","scope":"query","seconds":60})";
    const HttpResponse first = co_await ada_.client.post("/v1/invites", terms);
    co_await restart();
    const HttpResponse again = co_await ada_.client.post("/v1/invites", terms);

    EXPECT_EQ(again.status, 200);
    const std::string token = JsonObject(first.body).name("token", 128);
    EXPECT_EQ(JsonObject(again.body).name("token", 128), token);
    for (const Record& record : node_.disk().list("invite", "", "", 100)) {
      EXPECT_THAT(record.key + record.value, Not(HasSubstr(token)));
    }
    EXPECT_EQ(co_await try_post(ada_, "/v1/invites", R"({"id":"i1","scope":"mirror","seconds":60})"), "409 id_reused");
    EXPECT_EQ(co_await try_post(ada_, "/v1/invites", R"({"id":"i2","scope":"all","seconds":60})"), "400 invalid_field");
    EXPECT_EQ(co_await try_post(ada_, "/v1/invites", R"({"id":"i2","scope":"query","seconds":0})"),
              "400 invalid_field");
    EXPECT_EQ(co_await try_post(ada_, "/v1/invites", R"({"id":"i2","scope":"query","seconds":604801})"),
              "400 invalid_field");
  }());
}

TEST_F(DirectoryTest, AnInviteExpiresButNotForWhoHasJoined) {
  run([&]() -> Task<> {
    const HttpResponse of_ada = co_await enrol(ada_);
    const HttpResponse of_bob = co_await enrol(bob_);
    EXPECT_EQ(of_ada.status + of_bob.status, 402);
    std::vector<std::string> tokens;
    const std::vector<std::string> ids = {"i1", "i2"};
    for (const std::string& id : ids) {
      const std::string terms = R"({"id":")" + id + R"(","scope":"query","seconds":60})";
      const HttpResponse invite = co_await ada_.client.post("/v1/invites", terms);
      tokens.push_back(R"({"token":")" + JsonObject(invite.body).name("token", 128) + "\"}");
    }
    EXPECT_EQ(co_await try_post(bob_, "/v1/links", tokens[0]), "201");
    co_await soak::sleep_for(61s);

    EXPECT_EQ(co_await try_post(bob_, "/v1/links", tokens[0]), "200");
    EXPECT_EQ(co_await try_post(bob_, "/v1/links", tokens[1]), "410 invite_expired");
  }());
}

TEST_F(DirectoryTest, EitherEndRemovesALink) {
  run([&]() -> Task<> {
    co_await begin();
    const HttpResponse removed = co_await bob_.client.remove("/v1/links/@ada");
    EXPECT_EQ(removed.body, R"({"removed":true})");
    const HttpResponse again = co_await bob_.client.remove("/v1/links/%40ada");
    EXPECT_EQ(again.body, R"({"removed":false})");
    const HttpResponse links = co_await ada_.client.get("/v1/links");
    EXPECT_EQ(links.body, R"({"links":[]})");
    EXPECT_EQ(co_await try_post(ada_, "/v1/relay/messages", message("m1", "@bob")), "403 not_linked");
  }());
}

TEST_F(DirectoryTest, ARevokedAgentIsShutOutOfEveryRouteAtOnce) {
  run([&]() -> Task<> {
    co_await begin();
    EXPECT_EQ(co_await try_post(ada_, "/v1/agents/@bob/revoke", "{}"), "403 not_yours");
    EXPECT_EQ(co_await try_post(bob_, "/v1/agents/@bob/revoke", R"({"reason":"lost its key"})"), "200");

    const std::vector<std::string> to_get = {"/v1/links", "/v1/relay/inbox", "/v1/relay/messages/m1"};
    for (const std::string& path : to_get) {
      const HttpResponse response = co_await bob_.client.get(path);
      EXPECT_EQ(outcome(response), "403 revoked") << path;
    }
    const std::vector<std::pair<std::string, std::string>> to_post = {
        {"/v1/invites", R"({"id":"x","scope":"query","seconds":9})"},
        {"/v1/links", R"({"token":"x"})"},
        {"/v1/relay/messages", message("m1", "@ada")},
        {"/v1/relay/ack", R"({"up_to":0})"},
        {"/v1/relay/sync", "{}"},
        {"/v1/agents", bob_.registration()},
        {"/v1/agents/@bob/revoke", "{}"}};
    for (const auto& [path, json] : to_post) {
      EXPECT_EQ(co_await try_post(bob_, path, json), "403 revoked") << path;
    }
    const HttpResponse links = co_await ada_.client.get("/v1/links");
    EXPECT_EQ(links.body, R"({"links":[]})");
    const HttpResponse verify = co_await fetch("/v1/verify/@bob");
    EXPECT_FALSE(JsonObject(verify.body).boolean("verified"));
    EXPECT_EQ(JsonObject(verify.body).name("trust", 16), "revoked");

    // The document says so, and is signed.
    const HttpResponse served = co_await fetch("/.well-known/agent/@bob.json");
    const JsonObject identity(served.body);
    const std::string document = identity.object("document", SIZE_MAX);
    EXPECT_THAT(document, HasSubstr(R"("revoked_reason":"lost its key","trust":"revoked")"));
    EXPECT_TRUE(node_.key().public_key().verify(
        document,
        from_base64(JsonObject(identity.object("registry_signature", SIZE_MAX)).name("signature", 99)).value()));
    co_await restart();
    EXPECT_EQ(co_await try_post(bob_, "/v1/relay/sync", "{}"), "403 revoked");
  }());
}

TEST_F(DirectoryTest, WhatARevokedAgentInvitedToIsVoid) {
  run([&]() -> Task<> {
    const HttpResponse of_ada = co_await enrol(ada_);
    const HttpResponse of_bob = co_await enrol(bob_);
    const HttpResponse invite = co_await bob_.client.post("/v1/invites", R"({"id":"i","scope":"query","seconds":60})");
    const std::string token = R"({"token":")" + JsonObject(invite.body).name("token", 128) + "\"}";
    EXPECT_EQ(co_await try_post(bob_, "/v1/agents/@bob/revoke", "{}"), "200");

    EXPECT_EQ(co_await try_post(ada_, "/v1/links", token), "403 revoked");
  }());
}

TEST(DirectoryTokensTest, RegistrationAndRevocationByToken) {
  soak::VirtualLoop loop;
  DirectoryNode node(loop, {.registration_token = "let me in", .admin_token = "operator"});
  Agent ada(loop, "ada", node.url());
  soak::net::HttpClient plain(loop);
  const auto with_token = [&](std::string path, std::string json, std::string token, bool is_signed) {
    soak::net::HttpRequest request("POST", node.url() + path, std::move(json),
                                   {{"Content-Type", "application/json"}, {"Authorization", "Bearer " + token}});
    return is_signed ? ada.client.send(std::move(request)) : plain.send(std::move(request));
  };

  loop.run([&]() -> Task<> {
    EXPECT_EQ(outcome(co_await ada.client.post("/v1/agents", ada.registration())), "401 token_required");
    EXPECT_EQ(outcome(co_await with_token("/v1/agents", ada.registration(), "let me", true)), "401 token_required");
    EXPECT_EQ(outcome(co_await with_token("/v1/agents", ada.registration(), "let me in", false)),
              "401 signature_missing");
    EXPECT_EQ(outcome(co_await with_token("/v1/agents", ada.registration(), "let me in", true)), "201");

    EXPECT_EQ(outcome(co_await with_token("/v1/agents/@ada/revoke", "{}", "let me in", false)),
              "401 signature_missing");
    const HttpResponse revoked = co_await with_token("/v1/agents/@ada/revoke", "{}", "operator", false);
    EXPECT_EQ(revoked.status, 200);
    co_await soak::sleep_for(1s);
    const HttpResponse again = co_await with_token("/v1/agents/@ada/revoke", "{}", "operator", false);
    EXPECT_EQ(again.body, revoked.body);
    EXPECT_EQ(outcome(co_await with_token("/v1/agents/@none/revoke", "{}", "operator", false)), "404 unknown_agent");
  }());
}

TEST_F(DirectoryTest, UnknownPathsMethodsAndTypesAreNamed) {
  run([&]() -> Task<> {
    EXPECT_EQ(outcome(co_await fetch("/v1/none")), "404 not_found");
    EXPECT_EQ(outcome(co_await fetch("/")), "404 not_found");
    const HttpResponse wrong = co_await fetch("/v1/agents");
    EXPECT_EQ(outcome(wrong), "405 method_not_allowed");
    EXPECT_EQ(wrong.headers.get("Allow"), "POST");
    soak::net::HttpRequest text("POST", node_.url() + "/v1/agents", "{}", {{"Content-Type", "text/plain"}});
    EXPECT_EQ(outcome(co_await plain_.send(std::move(text))), "415 not_json");
    const std::string big = ada_.registration(R"(,"description":")" + std::string(200000, 'x') + "\"");
    EXPECT_EQ(co_await try_post(ada_, "/v1/agents", big), "413 too_large");
  }());
}

TEST_F(DirectoryTest, HealthReadinessAndMetrics) {
  run([&]() -> Task<> {
    const HttpResponse health = co_await fetch("/healthz");
    EXPECT_EQ(health.body, R"({"status":"ok"})");
    const HttpResponse ready = co_await fetch("/readyz");
    EXPECT_EQ(ready.status, 200);
    const HttpResponse metrics = co_await fetch("/metrics");
    EXPECT_THAT(metrics.body, HasSubstr("mesh_requests_total"));
  }());
}

// Of a service in a process of its own.
TEST_F(DirectoryTest, ARevocationIsConfirmedWhenTheLeasesAreOver) {
  run([&]() -> Task<> {
    co_await begin();
    co_await soak::sleep_for(1min);  // No lease of a process before this one.
    const HttpResponse key = co_await fetch("/v1/keys/" + bob_.key.public_key().keyid());
    const JsonObject known(key.body);
    EXPECT_EQ(known.name("handle", 64), "@bob");
    EXPECT_EQ(known.name("trust", 16), "active");
    const soak::Instant leased = loop_.now();
    const HttpResponse revoked = co_await bob_.client.post("/v1/agents/@bob/revoke", "{}");
    EXPECT_EQ(revoked.status, 200);

    EXPECT_GE(loop_.now() - leased, std::chrono::milliseconds{known.integer("lease_ms", 0, 60000)});
    EXPECT_EQ(outcome(co_await fetch("/v1/keys/none")), "404 unknown_agent");
    const HttpResponse after = co_await fetch("/v1/keys/" + bob_.key.public_key().keyid());
    EXPECT_EQ(JsonObject(after.body).name("trust", 16), "revoked");
    const HttpResponse trust = co_await fetch("/v1/trust/@ada/@bob");
    EXPECT_EQ(JsonObject(trust.body).name("to_trust", 16), "revoked");
  }());
}

TEST_F(DirectoryTest, ARevocationThatNobodyReliesOnIsConfirmedAtOnce) {
  run([&]() -> Task<> {
    co_await begin();
    co_await soak::sleep_for(1min);
    const soak::Instant began = loop_.now();
    const HttpResponse revoked = co_await bob_.client.post("/v1/agents/@bob/revoke", "{}");
    EXPECT_EQ(revoked.status, 200);

    EXPECT_LT(loop_.now() - began, 1s);
  }());
}

}  // namespace
}  // namespace mesh::tests
