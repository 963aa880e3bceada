#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# check_sources.sh RULE TREE ARROWS: exit status 1, naming file and line, where the tree breaks the rule. ARROWS is what
# CMake wrote of its modules.
set -euo pipefail
rule=$1
arrows=$3
cd "$2"

# The modules and their arrows, as CMake knows them; see soak_write_arrows() in cmake/SoakModule.cmake.
declare -A public=() private=() module_of=() left_out=()
read_arrows() {
  local kind name rest
  while read -r kind name rest; do
    case $kind in
      module)
        rest=${rest#public}
        public[$name]=${rest%%private*}
        private[$name]=${rest#*private}
        ;;
      header) module_of[$name]=$rest ;;
      left_out) left_out[$name]=1 ;;
    esac
  done <"$1"
}

# `reached`: what the modules of `$@` bring to whoever links them: themselves, and what they link for their users.
reach() {
  local module
  for module; do
    if [[ -z ${reached[$module]-} ]]; then
      reached[$module]=1
      # shellcheck disable=SC2086
      reach ${public[$module]-}
    fi
  done
}

# A module includes what it links, and what that links for its users; its public headers only what it links for its
# users itself.
check_includes() {
  local file line text module header target where
  declare -A reached
  declare -A may
  for module in "${!public[@]}"; do
    reached=()
    # shellcheck disable=SC2086
    reach ${public[$module]}
    may[include/$module]=" $module ${!reached[*]} "
    # shellcheck disable=SC2086
    reach ${private[$module]}
    may[lib/$module]=" $module ${!reached[*]} "
  done
  while IFS=: read -r file line text; do
    header=${text#*\"}
    header=${header%%\"*}
    case $file in
      lib/*) module=${file#lib/} module=${module%%/*} where=lib ;;
      *) module=${module_of[${file#include/}]-} where=include ;;
    esac
    if [[ -n ${left_out[${module:-?}]-} || (-z $module && ${#left_out[@]} -gt 0) ]]; then
      continue  # This build knows nothing of it.
    fi
    if [[ -z $module || -z ${may[$where/$module]-} ]]; then
      breach "$file:$line: the file belongs to no module"
      continue
    fi
    case $header in
      soak/*) target=${module_of[$header]-} ;;
      lib/*) target=${header#lib/} target=${target%%/*} ;;
      *)
        breach "$file:$line: $header: a private header is included as \"lib/<module>/<header>\""
        continue
        ;;
    esac
    if [[ -z $target && ${#left_out[@]} -eq 0 ]]; then
      breach "$file:$line: $header is in no module's list of headers"
    elif [[ -n $target && ${may[$where/$module]} != *" $target "* ]]; then
      breach "$file:$line: $module includes $header of $target, which it does not link$(
        [[ $where == include ]] && echo ' for its users')"
    fi
  done < <(grep -rnE '^ *#include "' lib include --include='*.h' --include='*.cc' 2>/dev/null)
}

# The table of CONTRIBUTING.md has a row for each folder of lib/, and gives the modules that it links.
check_table() {
  local line number module may links folder
  declare -A rows=()
  number=0
  while IFS= read -r line; do
    number=$((number + 1))
    [[ $line =~ ^\|\ \`([a-z_]+)\`\ \|.*\|\ *([a-z_,\ ]*)\|$ ]] || continue
    module=${BASH_REMATCH[1]}
    may=$(tr -s ', ' '\n' <<<"${BASH_REMATCH[2]}" | sort | xargs)
    rows[$module]=1
    if [[ -n ${left_out[$module]-} ]]; then
      continue
    fi
    links=$(tr -s ' ' '\n' <<<"${public[$module]-} ${private[$module]-}" | sort | xargs)
    if [[ $may != "$links" ]]; then
      breach "CONTRIBUTING.md:$number: $module may include ${may:-nothing}, but links ${links:-nothing}"
    fi
  done <CONTRIBUTING.md
  for folder in lib/*/; do
    module=$(basename "$folder")
    if [[ -z ${rows[$module]-} ]]; then
      breach "CONTRIBUTING.md: the table of modules has no row for $module"
    fi
  done
}

breaches=0
breach() {
  echo "$1"
  breaches=$((breaches + 1))
}

includes_point_one_way() {
  read_arrows "$arrows"
  check_includes
  check_table
  return $((breaches > 0))
}

# All time and all chance come from the loop, but for the loops themselves, the log's rate limit, the probe's thread, the
# probe's clock of what it costs, and a Run, which draws the seed, has the real clock and sees when the process was stopped.
only_loops_and_runs_ask_a_clock() {
  ! grep -rnE '(steady|system|high_resolution)_clock::now|random_device|clock_gettime|gettimeofday|uv_hrtime|[^_[:alnum:]](rand|time)\(' \
    lib include --include='*.h' --include='*.cc' |
    grep -vE '^(lib/async/(log|loop_core|uv_loop)\.cc|lib/probe/(probe|processor|sampler)\.cc|lib/run/(options\.cc|read_clock\.h|run_driver\.cc|run_state\.cc)):'
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
