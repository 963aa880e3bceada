#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which soaks the release gate runs, as the matrix of its job.

    git diff --name-only --no-renames -z main... | .ci/plan_soaks.py --changed --duration 10m
    .ci/plan_soaks.py --all --duration 60m

Prints one line of JSON: [{"name": "voice-openai", "target": "gate-voice", "soaks": "...", "duration": "10m"}, ...].
`soaks` is what `make TARGET SOAKS=...` takes. A path that no row of RULES knows selects all of them: a new folder is
tested too much until somebody gives it a row, never too little.
"""

import argparse
import json
import re
import sys

VOICE = ("gemini", "openai")
CHANNELS = ("discord", "slack", "telegram")

# Each with the target that runs it, the soaks as a regular expression on what follows "Soak/", and the longest time that
# their program may take (the DURATION of soak_discover_tests() in tests/soak/CMakeLists.txt).
GROUPS = {
    **{f"voice-{name}": ("gate-voice", f"Voice[.]AgainstTheFake/{name}$", "60m") for name in VOICE},
    "voice-faults": ("gate-voice", "VoiceFaults[.]", "10m"),
    "channels-discord": ("gate-channels", "Channels[.]Discord(Webhook|Bot)$", "24h"),
    "channels-slack": ("gate-channels", "Channels[.]Slack$", "24h"),
    "channels-telegram": ("gate-channels", "Channels[.]Telegram$", "24h"),
    "pusher": ("gate-pusher", "(Pusher|Listen)[.]", "30m"),
    # Runs that leak and runs that do not, and what the verdict makes of them.
    "verdict": ("gate-verdict", "(Leaks|Clean)[.]", "5m"),
}

# Those against the providers' services: the nightly has them, and a gate does not wait for others' machines.
NOT_GATED = "Voice[.]AgainstTheService|Channels[.][A-Za-z]+Service$"

ALL = tuple(GROUPS)
ALL_VOICE = (*(f"voice-{name}" for name in VOICE), "voice-faults")
ALL_CHANNELS = tuple(f"channels-{name}" for name in CHANNELS)
NONE = ()

# The first row that matches the beginning of a path decides. What follows a folder is in it; other rows end in the
# beginning of file names.
RULES = [
    *[(f"{where}/{name}", (f"voice-{name}", "voice-faults"))
      for name in VOICE for where in ("lib/voice", "lib/peers", "include/soak/voice", "include/soak/peers")],
    *[(f"{where}/{name}", (f"channels-{name}",))
      for name in CHANNELS for where in ("lib/channels", "lib/peers", "include/soak/channels", "include/soak/peers")],
    ("lib/peers/channel_", ALL_CHANNELS),
    ("include/soak/peers/channel_", ALL_CHANNELS),
    ("lib/voice/", ALL_VOICE),
    ("include/soak/voice/", ALL_VOICE),
    ("lib/audio/", ALL_VOICE),
    ("include/soak/audio/", ALL_VOICE),
    ("tests/soak/voice_", ALL_VOICE),
    ("lib/channels/", ALL_CHANNELS),
    ("include/soak/channels/", ALL_CHANNELS),
    ("tests/soak/channels_", ALL_CHANNELS),
    ("examples/pusher/", ("pusher",)),
    ("examples/mesh/", NONE),  # Its smoke run, stress run and dogfood gate are in `make test`; those below are in the test of the package.
    ("examples/cache/", NONE),
    ("examples/echo/", NONE),
    ("examples/http_api/", NONE),
    ("examples/python_bot/", NONE),
    ("tests/soak/pusher_", ("pusher",)),
    ("tests/soak/listen_", ("pusher",)),
    ("tests/soak/clean_", ("verdict",)),
    ("tests/soak/leaks_", ("verdict",)),
    # Not in any of these soaks.
    ("tests/soak/libraries/", NONE),
    ("tests/docs/", NONE),
    ("tests/examples/", NONE),
    ("tests/fuzz/", NONE),
    ("tests/package/", NONE),
    ("tests/tools/", NONE),
    ("tests/unit/", NONE),
    ("tests/workflows/", NONE),
    ("bench/", NONE),
    ("docs/", NONE),
    ("lib/heap_profile/", NONE),
    ("include/soak/heap_profile/", NONE),
    ("lib/matchers/", NONE),
    ("include/soak/matchers.h", NONE),
    ("tools/soak/", NONE),
    ("tools/watch/", NONE),
    ("mkdocs.yml", NONE),
    ("CHANGELOG.md", NONE),
    ("CONTRIBUTING.md", NONE),
    ("LICENSE", NONE),
    ("README.md", NONE),
    (".clang-", NONE),
    (".git-blame-ignore-revs", NONE),
    (".gitignore", NONE),
]


def seconds(duration):
    """"90s", "10m", "24h", as the soaks read it."""
    found = re.fullmatch(r"(\d+)(s|m|h)", duration)
    if not found or int(found[1]) == 0:
        raise ValueError(f"the duration is '{duration}': expected a whole number with s, m or h, such as 10m")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def groups_for(path):
    if path.endswith(".md"):
        return NONE
    for start, groups in RULES:
        if path.startswith(start):
            return groups
    return ALL


def plan(paths, duration):
    """The matrix for these changed paths; None stands for everything."""
    chosen = set(ALL) if paths is None else {group for path in paths for group in groups_for(path)}
    matrix = []
    for name, (target, soaks, longest) in GROUPS.items():
        if name in chosen:
            shorter = min(duration, longest, key=seconds)
            matrix.append({"name": name, "target": target, "soaks": soaks, "duration": shorter})
    return matrix


def main():
    parser = argparse.ArgumentParser(description="Print which soaks the release gate runs.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--changed", action="store_true", help="those of the paths on standard input, separated by NUL")
    what.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("--duration", required=True, help="how long each of them runs, if its program allows that: 10m")
    arguments = parser.parse_args()
    try:
        seconds(arguments.duration)
    except ValueError as error:
        parser.error(str(error))
    paths = None
    if arguments.changed:
        paths = [path for path in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\0") if path]
    print(json.dumps(plan(paths, arguments.duration)))


if __name__ == "__main__":
    main()
