// SPDX-License-Identifier: Apache-2.0
#include <curl/curl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include "library_soak.h"

namespace {

// Answers every request on loopback with the same page, one connection after the other.
class PageServer {
 public:
  PageServer() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    thread_ = std::thread([this] { serve(); });
  }
  ~PageServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

  const std::string& url() const { return url_; }

 private:
  void serve() {
    const std::string body(2000, 'x');
    const std::string answer =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    for (int client = 0; (client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      std::array<char, 4096> request{};
      if (::recv(client, request.data(), request.size(), 0) > 0) {
        ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        ::shutdown(client, SHUT_WR);
        while (::recv(client, request.data(), request.size(), 0) > 0) {
        }
      }
      ::close(client);
    }
  }

  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string url_;
  std::thread thread_;
};

std::size_t take(char* data, std::size_t size, std::size_t count, void* page) {
  static_cast<std::string*>(page)->append(data, size * count);
  return size * count;
}

void fetch_pages(soak::Run& run, bool forgets) {
  const PageServer server;
  std::uint64_t request = 0;
  for (auto cycle : run) {
    for (int i = 0; i < 4; ++i, ++request) {
      CURL* const curl = ::curl_easy_init();
      curl_slist* headers = nullptr;
      for (int header = 0; header < 20; ++header) {
        headers = ::curl_slist_append(headers, ("X-Soak-" + std::to_string(header) + ": a value").c_str());
      }
      std::string page;
      ::curl_easy_setopt(curl, CURLOPT_URL, server.url().c_str());
      ::curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
      ::curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &take);
      ::curl_easy_setopt(curl, CURLOPT_WRITEDATA, &page);
      EXPECT_EQ(::curl_easy_perform(curl), CURLE_OK);
      EXPECT_EQ(page.size(), 2000u);
      ::curl_easy_cleanup(curl);
      if (!forgets || !soak::tests::is_one_in_fifty(request)) {
        ::curl_slist_free_all(headers);
      }
      run.count("requests");
    }
    soak::tests::pause_between_passes();
    cycle.quiescent();
  }
}

SOAK_TEST(Curl, GetsPages) {
  soak::Run run(soak::tests::ten_minutes(8 * soak::kMiB));
  fetch_pages(run, false);
  soak::tests::expect_clean(run);
}

SOAK_TEST(Curl, AListOfHeadersInFiftyIsNotFreed) {
  soak::Run run(soak::tests::ten_minutes(8 * soak::kMiB));
  fetch_pages(run, true);
  soak::tests::expect_leak_per(run, "request");
}

}  // namespace
