// SPDX-License-Identifier: Apache-2.0
#include "mesh/archive/pages.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "mesh/encoding.h"

namespace mesh {

namespace {

constexpr std::size_t kRowsMax = 500;

std::string page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>"
      "<style>body{{font:15px/1.4 "
      "system-ui,sans-serif;margin:2em;max-width:70em}}table{{border-collapse:collapse;width:100%}}"
      "td,th{{text-align:left;vertical-align:top;padding:.3em .6em;border-bottom:1px solid #ccc}}"
      "pre{{white-space:pre-wrap;margin:0;font:inherit}}</style></head>"
      "<body><p><a href=\"/workspaces\">Workspaces</a> <a "
      "href=\"/commons\">Commons</a></p><h1>{0}</h1>{1}</body></html>\n",
      html(title), body);
}

std::string note_if_cut(std::size_t rows) {
  return rows < kRowsMax ? "" : fmt::format("<p>The first {} only.</p>", kRowsMax);
}

}  // namespace

std::string home_html(const ArchiveView& archive) {
  return page("Archive", fmt::format("<p>{} accepted writes.</p>", archive.revision()));
}

std::string workspaces_html(const ArchiveView& archive) {
  std::string rows;
  const std::vector<Workspace> all = archive.all_workspaces(kRowsMax);
  for (const Workspace& workspace : all) {
    rows += fmt::format("<tr><td><a href=\"/workspaces/{0}\">{0}</a></td><td>{1}</td><td>{2}</td><td>{3}</td></tr>",
                        html(workspace.id), html(workspace.title), html(workspace.owner), workspace.members.size());
  }
  return page("Workspaces",
              fmt::format("<table><tr><th>Id</th><th>Title</th><th>Owner</th><th>Members</th></tr>{}</table>{}", rows,
                          note_if_cut(all.size())));
}

std::string workspace_html(const ArchiveView& archive, std::string_view id) {
  const Workspace workspace = archive.any_workspace(id);
  std::string rows;
  const std::vector<Item> items = archive.all_items(id, kRowsMax);
  for (const Item& item : items) {
    std::string references;
    for (const std::string& reference : item.supports) {
      references += html(reference) + "<br>";
    }
    rows +=
        fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td><pre>{}</pre></td><td>{}</td><td>{}</td></tr>",
                    html(item.id), to_string(item.type), html(item.status), html(item.author), html(item.text),
                    item.confidence ? fmt::format("{:.2f}", *item.confidence) : "", references);
  }
  return page(workspace.title,
              fmt::format("<table><tr><th>Id</th><th>Type</th><th>Status</th><th>Author</th><th>Text</th>"
                          "<th>Confidence</th><th>Supports</th></tr>{}</table>{}",
                          rows, note_if_cut(items.size())));
}

std::string commons_html(const ArchiveView& archive) {
  CommonsQuery query;
  query.limit = kRowsMax;
  const Page<Publication> published = archive.commons("", query);
  std::string rows;
  for (const Publication& publication : published.entries) {
    rows += fmt::format("<tr><td>{}</td><td>{}</td><td><pre>{}</pre></td><td>{}</td></tr>", html(publication.title),
                        html(publication.author), html(publication.text), html(publication.reviewer));
  }
  return page("Commons", fmt::format("<table><tr><th>Title</th><th>Author</th><th>Text</th><th>Reviewed by</th></tr>{}"
                                     "</table>{}",
                                     rows, note_if_cut(published.entries.size())));
}

}  // namespace mesh
