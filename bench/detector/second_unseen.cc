// SPDX-License-Identifier: Apache-2.0
// Six clean shapes and six leaks.

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "unseen.h"

namespace soak::bench {
namespace {

// --- Clean

// A just-in-time compiler: methods of very different heat are compiled as soon as they have been called often enough.
std::vector<double> compiled_methods(Random& random, std::size_t points, double every) {
  const double seconds = static_cast<double>(points) * every;
  std::vector<double> compiled_at;
  for (int method = 1; method <= 1500; ++method) {
    compiled_at.push_back(std::min(0.6 * seconds, 4.0 * method * uniform(random, 0.5, 1.5)));
  }
  std::sort(compiled_at.begin(), compiled_at.end());
  return stepped(points, [&](std::size_t i) {
    const auto known = std::upper_bound(compiled_at.begin(), compiled_at.end(), static_cast<double>(i) * every);
    return 12e3 * static_cast<double>(known - compiled_at.begin());
  });
}

// Metrics that are kept for two hours.
std::vector<double> retained_metrics(Random& random, std::size_t points, double every) {
  std::deque<double> kept;
  double held = 0;
  return stepped(points, [&](std::size_t) {
    kept.push_back(uniform(random, 1e3, 7e3) * every);
    held += kept.back();
    if (static_cast<double>(kept.size()) * every > 2 * kHour) {
      held -= kept.front();
      kept.pop_front();
    }
    return held;
  });
}

// A resolver's cache: entries live for an hour, and by night few come.
std::vector<double> resolver(Random& random, std::size_t points, double every) {
  std::deque<double> kept;
  double held = 0;
  return stepped(points, [&](std::size_t i) {
    const double hour = std::fmod(static_cast<double>(i) * every / kHour, 24);
    kept.push_back(every * 2e3 * (1.2 + std::sin(hour / 24 * 6.2831853)) * uniform(random, 0.5, 1.5));
    held += kept.back();
    if (static_cast<double>(kept.size()) * every > kHour) {
      held -= kept.front();
      kept.pop_front();
    }
    return held;
  });
}

// A backup every night, for half an hour or so.
std::vector<double> backups(Random& random, std::size_t points, double every) {
  double from = uniform(random, 0, 3);
  double takes = uniform(random, 0.4, 0.7);
  return stepped(points, [&](std::size_t i) {
    const double hours = static_cast<double>(i) * every / kHour;
    if (hours > from + takes) {
      from += 24;
      takes = uniform(random, 0.4, 0.7);
    }
    return hours > from ? 300 * kMb : 0;
  });
}

// A store: memtables that are flushed when they are full, and a block cache that fills.
std::vector<double> store(Random& random, std::size_t points, double every) {
  double memtable = 0;
  double cached = 0;
  return stepped(points, [&](std::size_t) {
    memtable += uniform(random, 10e3, 60e3) * every;
    memtable = memtable > 32 * kMb ? 0 : memtable;
    cached += std::max(0.0, 1 - cached / (48 * kMb)) * uniform(random, 20e3, 60e3) * every;
    return memtable + cached;
  });
}

// Storms of connections. The first ones leave new arenas behind.
std::vector<double> storms(Random& random, std::size_t points, double every) {
  double next = uniform(random, 600, 3600);
  double load = 0;
  int arenas = 0;
  return stepped(points, [&](std::size_t i) {
    if (static_cast<double>(i) * every > next) {
      next += uniform(random, 3600, 3 * 3600);
      load += uniform(random, 10, 25) * kMb;
      arenas = std::min(arenas + 1, 3);
    }
    load *= std::exp(-every / 600);
    return load + 2 * kMb * arenas;
  });
}

// --- Leaks

// A subscription stays behind at every reconnect, about every ten minutes.
std::vector<double> subscriptions(Random& random, std::size_t points, double every) {
  double lost = 0;
  return stepped(points, [&](std::size_t) {
    lost += uniform(random, 0, 1) < every / 600 ? 300e3 : 0;
    return lost;
  });
}

// It doubles half-way.
std::vector<double> twice_as_fast(Random&, std::size_t points, double every) {
  double lost = 0;
  return stepped(points, [&](std::size_t i) {
    lost += (i * 2 < points ? 2e3 : 4e3) * every;
    return lost;
  });
}

// Only while there is load: forty minutes of each hour.
std::vector<double> under_load(Random& random, std::size_t points, double every) {
  const double phase = uniform(random, 0, 3600);
  double lost = 0;
  return stepped(points, [&](std::size_t i) {
    const bool load = std::fmod(static_cast<double>(i) * every + phase, 3600) < 2400;
    lost += load ? uniform(random, 0, 24e3) * every : 0;
    return lost + (load ? 15 * kMb : 0);
  });
}

std::vector<double> beside_backups(Random& random, std::size_t points, double every) {
  std::vector<double> values = backups(random, points, every);
  for (std::size_t i = 0; i < points; ++i) {
    values[i] += 3e3 * every * static_cast<double>(i);
  }
  return values;
}

// The most that a load ever needed stays, and something is lost.
std::vector<double> beside_high_water(Random& random, std::size_t points, double every) {
  double load = 0;
  double most = 0;
  return stepped(points, [&](std::size_t i) {
    load += (uniform(random, -1, 1) * 0.6 - 0.002 * load) * every / 10;
    most = std::max(most, std::min(load, 25.0));
    return most * kMb + 2e3 * every * static_cast<double>(i);
  });
}

// A map whose keys are never erased: at first most keys are new, later one in five.
std::vector<double> new_keys(Random& random, std::size_t points, double every) {
  double held = 0;
  return stepped(points, [&](std::size_t i) {
    const double share = 0.2 + 0.8 * std::exp(-static_cast<double>(i) * every / 1200);
    held += share * uniform(random, 0, 60e3) * every;
    return held;
  });
}

}  // namespace

std::vector<Unseen> second_unseen() {
  return {
      {"methods that are compiled", false, 5, 5, compiled_methods},
      {"metrics kept for two hours", false, 10, 10, retained_metrics},
      {"a resolver's cache, two days", false, 48, 60, resolver},
      {"a backup every night", false, 96, 60, backups},
      {"memtables and a block cache", false, 6, 5, store},
      {"storms of connections", false, 16, 15, storms},
      {"a subscription per reconnect, 500 B/s", true, 12, 15, subscriptions},
      {"2 KB/s, then 4 KB/s", true, 8, 10, twice_as_fast},
      {"12 KB/s while there is load", true, 10, 10, under_load},
      {"3 KB/s beside a backup every night", true, 96, 60, beside_backups},
      {"2 KB/s beside a high-water mark", true, 10, 10, beside_high_water},
      {"6 KB/s of new keys", true, 6, 5, new_keys},
  };
}

}  // namespace soak::bench
