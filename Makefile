# SPDX-License-Identifier: Apache-2.0
# Each target first installs missing Debian packages, and prints their names. Nothing else needs the network, except that
# test-tools downloads SDKs from npm, at the versions in a lock file.

SHELL := /bin/bash
.DEFAULT_GOAL := help
JOBS ?= $(shell nproc)
SOAKS ?=

# Packages of Debian 12 and 13. PACKAGES builds and tests; TOOL_PACKAGES is for the tests with the label `tools`.
PACKAGES := ca-certificates ccache cmake dpkg-dev file g++ libboost-dev libcli11-dev libcurl4-openssl-dev libdw-dev \
            libeigen3-dev libfmt-dev libgmock-dev libgtest-dev libjemalloc2 libjs-chart.js libsamplerate0-dev \
            libsndfile1-dev libsqlite3-dev libssl-dev libuv1-dev libwebsockets-dev ninja-build pkg-config prometheus-cpp-dev rapidjson-dev
# With systemd, the package prometheus also starts a service; the tests do not use it. If you have your own Node with npm,
# it is used instead: Debian's npm conflicts with it.
TOOL_PACKAGES := chromium chromium-driver curl golang-github-slack-go-slack-dev golang-go libabsl-dev libgoogle-perftools-dev \
                 libre2-dev node-ws prometheus python3 python3-discord python3-python-telegram-bot python3-requests \
                 python3-websockets python3-yaml \
                 $(if $(and $(shell command -v node),$(shell command -v npm)),,nodejs npm)
LINT_PACKAGES := git python3 python3-yaml
DOCS_PACKAGES := doxygen mkdocs python3
# For the benchmarks and the peers that they compare with.
BENCH_PACKAGES := cargo golang-go libasio-dev libbenchmark-dev librust-tokio-dev nodejs python3 rustc
MESH_BENCH_PACKAGES := libbenchmark-dev python3 python3-cryptography
VOICE_BENCH_PACKAGES := libbenchmark-dev node-ws nodejs python3 python3-websockets

# For the soaks of libraries, each of which is left out where its library is missing.
LIBRARY_PACKAGES := libhiredis-dev libleveldb-dev librocksdb-dev redis-server

# The clang version. Debian 12's default, 14, has no std::source_location, and Debian 13 has no clang 16. Choose another
# with `make clang CLANG=clang++-17`. A name of that form is installed from apt; any other must already be on the machine.
LLVM := $(if $(shell grep -s VERSION_CODENAME=bookworm /etc/os-release),16,19)
TIDY_PACKAGES := clang-tidy-$(LLVM)
# Versions of clang-format disagree with each other, so one of them decides: Debian 12's.
CLANG_FORMAT := $(if $(filter 16,$(LLVM)),clang-format-16)
CLANG ?= clang++-$(LLVM)
CLANG_VERSION := $(patsubst clang++-%,%,$(filter clang++-%,$(CLANG)))
CLANG_PACKAGES := $(if $(CLANG_VERSION),clang-$(CLANG_VERSION) libclang-rt-$(CLANG_VERSION)-dev llvm-$(CLANG_VERSION))

.PHONY: help demo test test-packages packages test-tools test-websocket soak bench bench-http bench-listen bench-probe bench-voice bench-wire bench-detector soak-libraries gate-voice gate-channels asan tsan clang clang-asan clang-tsan fuzz release lint docs tidy format clean gate-pusher gate-verdict soak-part bench-mesh bench-consumer

help:
	@echo 'make demo            soak the OpenAI Realtime client for 30 s against the bundled fake'
	@echo 'make test            build; run all unit tests, and every soak in virtual and in smoke mode'
	@echo 'make test-tools      run the tests that need external tools; installs the tools, fails if a test is skipped'
	@echo 'make test-websocket  ten rounds of the RFC 6455 suite against both ends of WebSocket, with messages of 16 MiB (minutes)'
	@echo 'make test-packages   build and install the Debian packages in roots of Debian 12 and 13; SUITES=trixie for one (half an hour)'
	@echo 'make packages        build the Debian packages libsoak-dev and soak in build/packages'
	@echo 'make soak            run the real-time soak tests at full length; SOAKS=Voice. selects by prefix'
	@echo 'make soak-libraries  soak SQLite, RocksDB, LevelDB, libcurl and Redis, clean and with a planted leak, for ten real minutes each'
	@echo 'make gate-voice      run each voice soak for ten real minutes: the release gate for voice code'
	@echo 'make gate-channels   run each channel soak for ten real minutes: the release gate for channel code'
	@echo 'make gate-pusher, gate-verdict'
	@echo '                     the same for examples/pusher, and for runs that leak and runs that do not'
	@echo 'make soak-part       run one part of a soak of 24 h: PROGRAM=voice_soak SOAK=Voice.AgainstTheFake/openai CHECKPOINT=checkpoint/'
	@echo 'make bench           compare the async primitives with Asio, Tokio, Go, Node and asyncio (minutes; BENCH_ARGS=--smoke: seconds)'
	@echo 'make bench-consumer  measure what a project pays that uses soak: compile time, size, time to the first test (minutes)'
	@echo 'make bench-detector  measure false alarms, missed leaks and detection time of the verdict (half an hour; BENCH_ARGS=20: fewer runs)'
	@echo 'make bench-http      compare HTTP requests with plain libcurl (seconds)'
	@echo 'make bench-mesh      compare the acknowledged messages per second of examples/mesh with a twin in Python (a minute)'
	@echo 'make bench-probe     measure what the probe costs a process with 10,000 sockets (a minute)'
	@echo 'make bench-voice     compare voice traffic with libwebsockets, Node and Python; soak 1,800 sessions (a quarter of an hour)'
	@echo 'make bench-listen    compare a session of examples/pusher/listen with the same handler in Python (minutes)'
	@echo 'make bench-wire      measure what a served WebSocket frame costs (minutes; BENCH_ARGS=other/wire_bench: beside another build)'
	@echo 'make asan, tsan      run the tests under AddressSanitizer and UBSan, or under ThreadSanitizer'
	@echo 'make clang, clang-asan, clang-tsan'
	@echo '                     run the tests built with clang, plain or sanitized; CLANG=clang++-17 selects the version'
	@echo 'make fuzz            fuzz each client, each fake and HttpServer for ten minutes; FUZZ=gemini_peer for one of them'
	@echo 'make lint            check formatting (make format applies it), workflows and links, and that every public header compiles alone'
	@echo 'make docs            build the site with the docs and the reference of the headers, in build/site; a broken link fails'
	@echo 'make tidy            run clang-tidy; advice, not a gate'
	@echo 'make clean           remove build/ and soak-report/'

# $(call install,packages): installs the missing ones and prints their names. Needs no network if none is missing.
define install
	@missing=(); \
	for package in $(1); do \
	  dpkg-query --show --showformat='$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing+=($$package); \
	done; \
	if (( $${#missing[@]} )); then \
	  echo "installing from apt: $${missing[*]}"; \
	  sudo=(); if (( EUID != 0 )); then sudo=(sudo); fi; \
	  "$${sudo[@]}" apt-get update -qq && \
	  "$${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$${missing[@]}" >/dev/null; \
	fi
endef

# $(call configure,preset[,options])
define configure
	@cmake --preset $(1) $(2) >build-$(1).log 2>&1 || { cat build-$(1).log; rm build-$(1).log; exit 1; }; rm build-$(1).log
endef

demo:
	$(call install,$(PACKAGES))
	$(call configure,dev)
	cmake --build --preset dev -j $(JOBS) --target soak_command
	build/dev/tools/soak/soak voice --provider openai --duration 30s --reconnect-every 10s

test:
	$(call install,$(PACKAGES))
	$(call configure,dev)
	cmake --build --preset dev -j $(JOBS)
	ctest --preset dev -j $(JOBS)
	@echo 'The real-time soaks were skipped. To run them: make soak, or GTEST_RUNSOAK=1 ctest --preset dev -L soak'

test-tools:
	$(call install,$(PACKAGES) $(TOOL_PACKAGES))
	$(call configure,dev)
	cmake --build --preset dev -j $(JOBS)
	SOAK_TOOLS_REQUIRED=1 ctest --preset dev -L tools --no-tests=error

test-websocket:
	$(call install,$(PACKAGES) python3)
	$(call configure,dev)
	cmake --build --preset dev -j $(JOBS) --target websocket_ends
	/usr/bin/python3 -B tests/tools/rfc6455_test.py build/dev/tests/tools/websocket_ends 10 --large

packages:
	$(call install,$(PACKAGES))
	$(call configure,dev)
	cmake --build --preset dev -j $(JOBS) --target soak_installed
	@rm -rf build/packages
	cpack --config build/dev/CPackConfig.cmake -B build/packages
	@rm -rf build/packages/_CPack_Packages

SUITES ?= bookworm trixie
test-packages:
	$(call install,debian-archive-keyring debootstrap git)
	@sudo=(); if (( EUID != 0 )); then sudo=(sudo); fi; \
	"$${sudo[@]}" env $(if $(ROOTS),ROOTS=$(ROOTS)) JOBS=$(JOBS) tests/package/roots.sh $(SUITES)

soak:
	$(call install,$(PACKAGES))
	$(call configure,soak)
	cmake --build --preset soak -j $(JOBS)
	ctest --preset soak -j $(JOBS) -R '^Soak/$(SOAKS)' --no-tests=error

soak-libraries:
	$(call install,$(PACKAGES) $(LIBRARY_PACKAGES))
	$(call configure,soak)
	cmake --build --preset soak -j $(JOBS)
	ctest --preset soak -j $(JOBS) -R '^Soak/(Sqlite|RocksDb|LevelDb|Curl|Redis)\.' --no-tests=error

# The release gate for voice code: ten real minutes with each provider.
gate-voice: export SOAK_DURATION ?= $(if $(SOAK_DURATION_MIN),,10m)
gate-voice: SOAKS := Voice(Faults)?[.]
gate-voice: soak

# The release gate for channel code: a message every 3 s, so that every kind of fault fits in.
gate-channels: export SOAK_DURATION ?= $(if $(SOAK_DURATION_MIN),,10m)
gate-channels: export SOAK_MESSAGE_INTERVAL ?= $(if $(SOAK_INTERVAL_SEC),,3s)
gate-channels: SOAKS := Channels[.]
gate-channels: soak

gate-pusher: export SOAK_DURATION ?= $(if $(SOAK_DURATION_MIN),,10m)
gate-pusher: SOAKS := (Pusher|Listen)[.]
gate-pusher: soak

# Programs that leak and programs that do not, for five minutes: what the verdict makes of them.
gate-verdict: export SOAK_DURATION ?= $(if $(SOAK_DURATION_MIN),,5m)
gate-verdict: SOAKS := (Leaks|Clean)[.]
gate-verdict: soak

# A part of a soak that is longer than a job may be (docs/resume.md). Not through CTest, whose limits are for a whole soak.
PROGRAM ?= voice_soak
SOAK ?= Voice.AgainstTheFake/openai
CHECKPOINT ?= checkpoint/
soak-part: export SOAK_DURATION ?= 24h
soak-part: export SOAK_PART_DURATION ?= 5h
soak-part:
	$(call install,$(PACKAGES))
	$(call configure,soak)
	cmake --build --preset soak -j $(JOBS) --target $(PROGRAM) soak_command
	build/soak/tests/soak/$(PROGRAM) --gtest_runsoak --gtest_filter='Soak/$(SOAK)' --soak_checkpoint='$(CHECKPOINT)'

bench:
	$(call install,$(PACKAGES) $(BENCH_PACKAGES))
	$(call configure,bench)
	cmake --build --preset bench -j $(JOBS) --target bench_programs
	/usr/bin/python3 bench/run.py $(BENCH_ARGS)

bench-detector:
	$(call install,$(PACKAGES) libbenchmark-dev)
	$(call configure,bench)
	cmake --build --preset bench -j $(JOBS) --target detector_calibration detector_study
	build/bench/bench/detector_calibration
	build/bench/bench/detector_study bench/detector/traces $(BENCH_ARGS)

bench-consumer:
	$(call install,$(PACKAGES) git python3)
	$(call configure,dev)
	cmake --build --preset dev -j $(JOBS) --target soak_installed
	@rm -rf build/consumer
	cmake --install build/dev --prefix build/consumer >/dev/null
	/usr/bin/python3 bench/consumer.py build/consumer --clone $(BENCH_ARGS)

# These programs need no peers. The benchmark library is needed to configure the preset.
bench-http:
	$(call install,$(PACKAGES) libbenchmark-dev)
	$(call configure,bench)
	cmake --build --preset bench -j $(JOBS) --target http_bench
	build/bench/bench/http_bench $(BENCH_ARGS)

bench-mesh:
	$(call install,$(PACKAGES) $(MESH_BENCH_PACKAGES))
	$(call configure,bench)
	cmake --build --preset bench -j $(JOBS) --target mesh_bench_programs
	/usr/bin/python3 bench/mesh.py build/bench/examples/mesh/mesh build/bench/bench/mesh_load --folder build/bench $(BENCH_ARGS)

bench-probe:
	$(call install,$(PACKAGES) libbenchmark-dev)
	$(call configure,bench)
	cmake --build --preset bench -j $(JOBS) --target probe_bench
	build/bench/bench/probe_bench $(BENCH_ARGS)

# The benchmark library is needed to configure the preset.
bench-voice:
	$(call install,$(PACKAGES) $(VOICE_BENCH_PACKAGES))
	$(call configure,bench)
	cmake --build --preset bench -j $(JOBS) --target voice_bench_programs
	/usr/bin/python3 bench/voice.py $(BENCH_ARGS)

bench-listen:
	$(call install,$(PACKAGES) libbenchmark-dev python3 python3-websockets)
	$(call configure,bench)
	cmake --build --preset bench -j $(JOBS) --target listen_bench_programs
	/usr/bin/python3 bench/listen.py build/bench/bench/listen_bench build/bench/examples/pusher/listen/listen $(BENCH_ARGS)

bench-wire:
	$(call install,$(PACKAGES) libbenchmark-dev python3)
	$(call configure,bench)
	cmake --build --preset bench -j $(JOBS) --target wire_bench
	/usr/bin/python3 bench/wire.py build/bench/bench/wire_bench $(BENCH_ARGS)

asan tsan release:
	$(call install,$(PACKAGES))
	$(call configure,$@)
	cmake --build --preset $@ -j $(JOBS)
	ctest --preset $@ -j $(JOBS)

clang:
	$(call install,$(PACKAGES) $(CLANG_PACKAGES))
	$(call configure,$@,-DCMAKE_CXX_COMPILER=$(CLANG))
	cmake --build --preset $@ -j $(JOBS)
	ctest --preset $@ -j $(JOBS)

# To print lines instead of addresses, clang's sanitizers look for llvm-symbolizer, without a version, in PATH.
clang-asan clang-tsan: export PATH := $(PATH)$(if $(CLANG_VERSION),:/usr/lib/llvm-$(CLANG_VERSION)/bin)
clang-asan clang-tsan:
	$(call install,$(PACKAGES) $(CLANG_PACKAGES))
	$(call configure,$@,-DCMAKE_CXX_COMPILER=$(CLANG))
	cmake --build --preset $@ -j $(JOBS)
	ctest --preset $@ -j $(JOBS)

# A failing input goes to build/fuzz/findings. Inputs that cover new code go to build/fuzz/corpus, for the next run.
VOICE_PROVIDERS := $(shell sed -n 's/^set(SOAK_VOICE_PROVIDERS \(.*\))$$/\1/p' cmake/SoakProviders.cmake)
FUZZ ?= channel_client channel_peer http_server websocket_reader websocket_server $(foreach provider,$(VOICE_PROVIDERS),$(provider)_client $(provider)_peer)
FUZZ_SECONDS ?= 600
fuzz: export PATH := $(PATH)$(if $(CLANG_VERSION),:/usr/lib/llvm-$(CLANG_VERSION)/bin)
fuzz:
	$(call install,$(PACKAGES) $(CLANG_PACKAGES))
	$(call configure,$@,-DCMAKE_CXX_COMPILER=$(CLANG))
	cmake --build --preset $@ -j $(JOBS) --target $(FUZZ:%=%_fuzz)
	@mkdir -p build/fuzz/findings; \
	for target in $(FUZZ); do \
	  mkdir -p build/fuzz/corpus/$$target; \
	  dictionary=tests/fuzz/$${target%_*}.dict; seeds=tests/fuzz/corpus/$$target; \
	  build/fuzz/tests/fuzz/$${target}_fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=20 -rss_limit_mb=1024 -max_len=8192 \
	    -print_final_stats=1 $$(test -f $$dictionary && echo -dict=$$dictionary) -artifact_prefix=build/fuzz/findings/$$target- \
	    build/fuzz/corpus/$$target $$(test -d $$seeds && echo $$seeds) || exit 1; \
	done

# The last part compiles every public header alone.
lint:
	$(call install,$(PACKAGES) $(CLANG_FORMAT) $(LINT_PACKAGES))
	/usr/bin/python3 -B tests/workflows/check_workflows.py
	/usr/bin/python3 -B tests/workflows/workflows_test.py
	/usr/bin/python3 -B tests/docs/check_links.py
	/usr/bin/python3 -B tests/docs/links_test.py
	/usr/bin/python3 -B tests/docs/runbook_test.py
	/usr/bin/python3 -B tests/docs/site_test.py
ifdef CLANG_FORMAT
	git ls-files '*.h' '*.cc' | xargs $(CLANG_FORMAT) --dry-run --Werror
else
	@echo 'formatting not checked: clang-format 16 decides, and this distribution has none'
endif
	$(call configure,dev)
	cmake --build --preset dev -j $(JOBS) --target all_verify_interface_header_sets

# The site: the Markdown files with MkDocs, and the public headers with Doxygen. A warning fails: a link that leads nowhere, a
# comment that Doxygen cannot read.
docs:
	$(call install,git make $(DOCS_PACKAGES))
	rm -rf build/docs build/site
	mkdir -p build/docs build/site
	git ls-files -z --cached --others --exclude-standard README.md CHANGELOG.md CONTRIBUTING.md 'docs/*.md' 'docs/*.png' 'docs/site/*.css' \
	  'bench/*.md' 'examples/*.md' | xargs -0 cp --parents -t build/docs
	/usr/bin/mkdocs build --quiet
	doxygen docs/site/Doxyfile
	/usr/bin/python3 -B docs/site/check.py build/site
	@echo 'the site is in build/site/index.html, the reference of the headers in build/site/api/index.html'

tidy:
	$(call install,$(PACKAGES) $(TIDY_PACKAGES))
	$(call configure,dev)
	git ls-files 'lib/*.cc' 'tools/*.cc' 'conftest/*.cc' | xargs -P $(JOBS) -n 4 clang-tidy-$(LLVM) -p build/dev --quiet

format:
ifdef CLANG_FORMAT
	$(call install,$(CLANG_FORMAT))
	git ls-files '*.h' '*.cc' | xargs $(CLANG_FORMAT) -i
else
	@echo 'not formatted: clang-format 16 decides, and this distribution has none'; exit 1
endif

clean:
	rm -rf build soak-report
