// SPDX-License-Identifier: Apache-2.0
// Ten clean shapes and ten leaks.

#include "unseen.h"

#include <algorithm>
#include <cmath>

namespace soak::bench {
namespace {

// --- Clean

// A log buffer of 8 MB that is flushed when it is full, or after ten minutes.
std::vector<double> log_buffer(Random& random, std::size_t points, double every) {
  double held = 0;
  double since = 0;
  return stepped(points, [&](std::size_t) {
    held += uniform(random, 0, 30e3) * every;
    since += every;
    if (held > 8 * kMb || since > 600) {
      held = since = 0;
    }
    return held;
  });
}

// Three workers are started when the load first asks for them, each with a stack and a cache that fills in minutes.
std::vector<double> workers(Random& random, std::size_t points, double every) {
  std::vector<double> starts;
  for (int i = 0; i < 3; ++i) {
    starts.push_back(uniform(random, 0, 0.7) * static_cast<double>(points) * every);
  }
  return stepped(points, [&](std::size_t i) {
    double held = 0;
    for (const double start : starts) {
      const double ran = static_cast<double>(i) * every - start;
      held += ran > 0 ? 2 * kMb + 6 * kMb * std::min(1.0, std::sqrt(ran / 400)) : 0;
    }
    return held;
  });
}

// An index is rebuilt every hour or so: it doubles for some minutes.
std::vector<double> rebuilds(Random& random, std::size_t points, double every) {
  double next = uniform(random, 600, 4000);
  return stepped(points, [&](std::size_t i) {
    const double now = static_cast<double>(i) * every;
    if (now > next + 400) {
      next = now + uniform(random, 2500, 4500);
    }
    return now > next ? 50 * kMb : 25 * kMb;
  });
}

// Least recently used, and what is asked for drifts: full after a while, then exchanged.
std::vector<double> drifting_lru(Random& random, std::size_t points, double) {
  double held = 0;
  return stepped(points, [&](std::size_t) {
    held = std::min(40 * kMb, held + std::max(0.0, 40 * kMb - held) * uniform(random, 0, 0.004) + 2e3);
    return held - uniform(random, 0, 200e3);
  });
}

// Huge pages: the kernel joins small ones by and by, until there are no more.
std::vector<double> huge_pages(Random& random, std::size_t points, double) {
  double joined = 0;
  return stepped(points, [&](std::size_t i) {
    if (joined < 12 && uniform(random, 0, 1) < 40.0 / static_cast<double>(points) * (1 - joined / 13) &&
        i < points * 8 / 10) {
      ++joined;
    }
    return joined * 2 * kMb;
  });
}

// Working hours: five days of a load that stands still at night.
std::vector<double> working_days(Random& random, std::size_t points, double) {
  std::vector<double> heights;
  for (int day = 0; day < 6; ++day) {
    heights.push_back(uniform(random, 0.9, 1.1) * 30 * kMb);
  }
  return stepped(points, [&](std::size_t i) {
    const double day = 5 * static_cast<double>(i) / static_cast<double>(points);
    const double hour = 24 * (day - std::floor(day));
    const double open = std::clamp((hour - 7) / 2, 0.0, 1.0) - std::clamp((hour - 17) / 3, 0.0, 1.0);
    return open * heights[static_cast<std::size_t>(day)];
  });
}

// A connection pool that shrinks slowly after a burst in the beginning.
std::vector<double> after_a_burst(Random& random, std::size_t points, double every) {
  const double begins = uniform(random, 0, 600);
  return stepped(points, [&](std::size_t i) {
    const double now = static_cast<double>(i) * every - begins;
    return now < 0 ? 0 : 30 * kMb / (1 + now / 900);
  });
}

// Generations: small teeth in a large one, which is collected as it reaches its limit.
std::vector<double> generations(Random& random, std::size_t points, double every) {
  double young = 0;
  double old = 0;
  return stepped(points, [&](std::size_t) {
    young += uniform(random, 200e3, 400e3) * every;
    if (young > 9 * kMb) {
      old += young * uniform(random, 0.02, 0.06);
      young = 0;
    }
    if (old > 12 * kMb) {
      old = uniform(random, 0, kMb);
    }
    return young + old;
  });
}

// Tenants come on board for a third of the run, and some leave.
std::vector<double> tenants(Random& random, std::size_t points, double) {
  double held = 0;
  return stepped(points, [&](std::size_t i) {
    const double share = static_cast<double>(i) / static_cast<double>(points);
    if (share < 0.35 && uniform(random, 0, 1) < 90.0 / static_cast<double>(points)) {
      held += uniform(random, -0.3, 1.2) * kMb;
    }
    return held;
  });
}

// The machine is short of memory for a while: a third is given back, and comes again.
std::vector<double> reclaimed(Random& random, std::size_t points, double) {
  const double from = uniform(random, 0.2, 0.5);
  return stepped(points, [&](std::size_t i) {
    const double share = static_cast<double>(i) / static_cast<double>(points);
    return share < from          ? 30 * kMb
           : share < from + 0.05 ? 20 * kMb
                                 : 30 * kMb - 10 * kMb * std::exp(-(share - from - 0.05) * 25);
  });
}

// --- Leaks

// A session in fifty is never closed.
std::vector<double> lost_sessions(Random& random, std::size_t points, double every) {
  double lost = 0;
  return stepped(points, [&](std::size_t) {
    lost += 0.2e6 * (uniform(random, 0, 1) < 0.02 * every ? 1 : 0);
    return lost + uniform(random, 0, 600e3);
  });
}

// A listener is added at every reload of the configuration, each hour, and each costs more per second.
std::vector<double> listeners(Random&, std::size_t points, double every) {
  double held = 0;
  return stepped(points, [&](std::size_t i) {
    held += 2e3 * every * (1 + std::floor(static_cast<double>(i) * every / kHour));
    return held;
  });
}

// Only by day.
std::vector<double> by_day(Random&, std::size_t points, double every) {
  double held = 0;
  return stepped(points, [&](std::size_t i) {
    const double hour = std::fmod(static_cast<double>(i) * every / kHour, 24);
    held += hour > 8 && hour < 20 ? 3e3 * every : 0;
    return held;
  });
}

// A cache without a bound, beside one with.
std::vector<double> unbounded_cache(Random& random, std::size_t points, double every) {
  double held = 0;
  return stepped(points, [&](std::size_t i) {
    held += uniform(random, 0, 16e3) * every;
    const double now = static_cast<double>(i) * every;
    return held + 25 * kMb * now / (now + 700);
  });
}

// A release in the middle of the run brings the leak.
std::vector<double> with_a_release(Random& random, std::size_t points, double every) {
  const double at = uniform(random, 0.3, 0.7) * static_cast<double>(points) * every;
  return stepped(points, [&](std::size_t i) {
    const double now = static_cast<double>(i) * every - at;
    return now < 0 ? 0 : 5 * kMb + 15e3 * now;
  });
}

// A thread in a hundred hangs, with its stack.
std::vector<double> hanging_threads(Random& random, std::size_t points, double every) {
  double lost = 0;
  return stepped(points, [&](std::size_t) {
    lost += uniform(random, 0, 1) < every / 90 ? 1.1e6 : 0;
    return lost;
  });
}

// Under a collector whose live set grows, and its teeth with it.
std::vector<double> growing_teeth(Random& random, std::size_t points, double every) {
  double live = 20 * kMb;
  double garbage = 0;
  return stepped(points, [&](std::size_t) {
    live += 8e3 * every;
    garbage += uniform(random, 50e3, 150e3) * every;
    if (garbage > live / 2) {
      garbage = 0;
    }
    return live + garbage;
  });
}

// Beside working days.
std::vector<double> beside_days(Random& random, std::size_t points, double every) {
  std::vector<double> values = working_days(random, points, every);
  for (std::size_t i = 0; i < points; ++i) {
    values[i] += 400 * every * static_cast<double>(i);
  }
  return values;
}

// After a ramp of users has ended.
std::vector<double> after_a_ramp(Random& random, std::size_t points, double every) {
  const double end = uniform(random, 0.1, 0.3) * static_cast<double>(points) * every;
  return stepped(points, [&](std::size_t i) {
    const double now = static_cast<double>(i) * every;
    return 40 * kMb * std::min(1.0, now / end) + 6e3 * now;
  });
}

// From the beginning, in a run of forty minutes.
std::vector<double> short_run(Random& random, std::size_t points, double every) {
  double lost = 0;
  return stepped(points, [&](std::size_t) {
    lost += uniform(random, 0, 50e3) * every;
    return lost;
  });
}

}  // namespace

std::vector<Unseen> first_unseen() {
  return {
      {"log buffer, flushed", false, 4, 5, log_buffer},
      {"three workers, started when needed", false, 6, 10, workers},
      {"index rebuilt every hour", false, 12, 15, rebuilds},
      {"LRU whose keys drift", false, 3, 5, drifting_lru},
      {"huge pages", false, 8, 10, huge_pages},
      {"five working days", false, 120, 120, working_days},
      {"pool that shrinks after a burst", false, 5, 5, after_a_burst},
      {"generations", false, 6, 5, generations},
      {"tenants for a third of the run", false, 9, 15, tenants},
      {"memory reclaimed once", false, 6, 10, reclaimed},
      {"one session in fifty", true, 4, 5, lost_sessions},
      {"a listener more each hour", true, 6, 10, listeners},
      {"only by day, 3 KB/s", true, 72, 60, by_day},
      {"unbounded cache, 8 KB/s, beside a bounded one", true, 5, 5, unbounded_cache},
      {"release with 15 KB/s", true, 8, 10, with_a_release},
      {"a hanging thread every 90 s", true, 3, 5, hanging_threads},
      {"8 KB/s under growing teeth", true, 6, 5, growing_teeth},
      {"400 B/s beside five working days", true, 120, 120, beside_days},
      {"6 KB/s after a ramp", true, 4, 5, after_a_ramp},
      {"25 KB/s for 40 minutes", true, 40.0 / 60, 1, short_run},
  };
}

}  // namespace soak::bench
