#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_sources.sh RULE TREE: exit status 1, naming file and line, where the tree breaks the rule.
set -euo pipefail
rule=$1
cd "$2"

# Which module a public header belongs to, by its path below include/soak/.
module_of() {
  case $1 in
    series/*|detail/format.h) echo series ;;
    growth/*) echo growth ;;
    probe/*) echo probe ;;
    heap_profile/*) echo heap_profile ;;
    report/*) echo report ;;
    run.h|options.h|detail/descriptor_limit.h|detail/run_context.h) echo run ;;
    soak_test.h|detail/param_suite.h|detail/program.h|detail/register_soak_test.h) echo gating ;;
    metrics/endpoint.h) echo metrics_endpoint ;;
    metrics/*) echo metrics ;;
    backoff.h|error.h|event.h|event_loop.h|gather.h|log.h|queue.h|run_blocking.h|semaphore.h|session.h|supervise.h|task.h|timeout.h|detail/*) echo async ;;
    matchers.h) echo matchers ;;
    async_run.h) echo drive ;;
    audio/*) echo audio ;;
    net/http_client.h|net/websocket_client.h) echo net_client ;;
    net/http_server.h|net/websocket_server.h) echo net_server ;;
    net/*) echo net ;;
    fault/*) echo fault ;;
    peers/*) echo peers ;;
    voice/*) echo voice ;;
    channels/*) echo channels ;;
    soak.h) echo soak ;;
    *) echo "unknown:$1" ;;
  esac
}

# What a module may include, itself apart; as in CONTRIBUTING.md.
allowed() {
  case $1 in
    series) echo ;;
    growth|probe) echo series ;;
    heap_profile|metrics) echo probe series ;;
    report) echo probe growth series ;;
    run) echo report probe growth series ;;
    gating) echo run report probe growth series ;;
    metrics_endpoint|async) echo metrics probe series ;;
    matchers) echo run report async metrics probe growth series ;;
    drive) echo run report async metrics_endpoint metrics probe growth series ;;
    audio|net) echo async metrics probe series ;;
    net_lws|net_client|net_server|fault) echo net async metrics probe series ;;
    peers) echo fault net_server net async metrics probe growth series ;;
    voice|channels) echo net_client net async metrics run report probe growth series ;;
    soak) echo gating drive run async metrics report probe growth series ;;
  esac
}

includes_point_one_way() {
  local breaches=0 file module header target
  while IFS=: read -r file line text; do
    case $file in
      lib/*) module=${file#lib/} module=${module%%/*} ;;
      include/soak/*) module=$(module_of "${file#include/soak/}") ;;
    esac
    header=${text#*\"soak/} header=${header%%\"*}
    target=$(module_of "$header")
    if [[ $target != "$module" && " $(allowed "$module") " != *" $target "* ]]; then
      echo "$file:$line: $module includes soak/$header of $target; it may include: $module $(allowed "$module")"
      breaches=$((breaches + 1))
    fi
  done < <(grep -rnE '^#include "soak/' lib include --include='*.h' --include='*.cc')
  return $((breaches > 0))
}

# All time and all chance come from the loop, but for the loops themselves, the log's rate limit, the probe's thread, the
# probe's clock of what it costs, and a Run, which draws the seed and has the real clock.
only_loops_and_runs_ask_a_clock() {
  ! grep -rnE '(steady|system|high_resolution)_clock::now|random_device|clock_gettime|gettimeofday|uv_hrtime|[^_[:alnum:]](rand|time)\(' \
    lib include --include='*.h' --include='*.cc' |
    grep -vE '^(lib/async/(log|loop_core|uv_loop)\.cc|lib/probe/(probe|sampler)\.cc|lib/run/(options|run|run_state)\.cc):'
}

# What a workflow does, people can do at home: its steps are targets of make. One whose name comes from a matrix is not
# looked at.
workflows_call_targets_that_exist() {
  local breaches=0 file line call target
  while IFS=: read -r file line call; do
    target=${call#make }
    if ! grep -qE "^([a-z -]+ )?$target( [a-z -]+)?:" Makefile; then
      echo "$file:$line: $target is no target of the Makefile"
      breaches=$((breaches + 1))
    fi
  done < <(grep -rnoE 'make [a-z][a-z-]*' .github/workflows)
  return $((breaches > 0))
}

# CTest runs tests side by side: two that write to one path fail now and then.
tests_write_to_folders_of_their_own() {
  ! grep -rnE 'TempDir\(\)|temp_directory_path' tests --exclude-dir=breach --include='*.h' --include='*.cc'
}

case $rule in
  IncludesPointOneWay) includes_point_one_way ;;
  WorkflowsCallTargetsThatExist) workflows_call_targets_that_exist ;;
  OnlyLoopsAndRunsAskAClock) only_loops_and_runs_ask_a_clock ;;
  TestsWriteToFoldersOfTheirOwn) tests_write_to_folders_of_their_own ;;
  *) echo "there is no rule $rule"; exit 2 ;;
esac
