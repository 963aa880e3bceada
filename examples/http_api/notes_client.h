// SPDX-License-Identifier: Apache-2.0
#ifndef EXAMPLES_HTTP_API_NOTES_CLIENT_H_
#define EXAMPLES_HTTP_API_NOTES_CLIENT_H_

// A client of a small HTTP API that keeps notes:
//
//   POST /notes        the text        201 and the note's id, or 429 with Retry-After in seconds
//   GET /notes/ID                      200 and the text, or 404
//   DELETE /notes/ID                   204, or 404

#include <soak/event_loop.h>
#include <soak/net/http_client.h>
#include <soak/task.h>

#include <string>
#include <vector>

class NotesClient {
 public:
  // `drop_answered` false is the bug that the soak test finds: requests are kept to be repeated, and never dropped.
  NotesClient(soak::EventLoop& loop, std::string url, bool drop_answered = true);

  // The id of the new note. A 429 is waited out. Throws soak::Error for any other status, and HttpError.
  soak::Task<std::string> create(std::string text);
  soak::Task<std::string> read(std::string id);
  soak::Task<> remove(std::string id);

 private:
  soak::Task<soak::net::HttpResponse> send(std::string method, std::string path, std::string body, int expected);

  soak::net::HttpClient http_;
  std::string url_;
  bool drop_answered_;
  std::vector<soak::net::HttpRequest> unanswered_;
};

#endif  // EXAMPLES_HTTP_API_NOTES_CLIENT_H_
