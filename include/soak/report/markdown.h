// SPDX-License-Identifier: Apache-2.0
#ifndef SOAK_REPORT_MARKDOWN_H_
#define SOAK_REPORT_MARKDOWN_H_

// Runs as Markdown, for the job summary of a CI system: the verdicts, the findings with their evidence, a chart of each
// series that has a finding, and the command that runs the soak again.
//
// A chart is a Mermaid block, because a job summary of GitHub shows neither inline SVG nor images in data: URIs, and an
// artifact has no address that an image could use. GitHub and GitLab draw the block as a picture; elsewhere the line of
// block characters above it shows the shape. Text from a run stands in code, fenced so that it cannot end the fence.

#include <cstddef>
#include <span>
#include <string>

#include "soak/report/record.h"

namespace soak::report {

// GitHub drops a step's summary that is longer than 1 MiB. This leaves room for what else the step writes.
inline constexpr std::size_t kMarkdownBytesMax = 900'000;

// FAIL first, then INCONCLUSIVE, then the rest; several runs begin with a table of all of them. Runs that no longer fit
// into kMarkdownBytesMax are counted in the last line.
std::string to_markdown(std::span<const Record> records);

}  // namespace soak::report

#endif  // SOAK_REPORT_MARKDOWN_H_
