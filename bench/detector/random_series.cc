// SPDX-License-Identifier: Apache-2.0
#include "random_series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <utility>

namespace soak::bench {
namespace {

constexpr double kMb = 1024 * 1024;
constexpr double kBusyUntil = 0.85;  // What a clean series does once is over by this share of it.

double log_uniform(Random& random, double from, double to) {
  return std::exp(uniform(random, std::log(from), std::log(to)));
}

bool happens(Random& random, double probability) { return uniform(random, 0, 1) < probability; }

int poisson(Random& random, double mean) { return mean > 0 ? std::poisson_distribution<int>(mean)(random) : 0; }

// What a clean program holds at `points` times, `every` seconds apart.
using Shape = std::vector<double> (*)(Random& random, std::size_t points, double every);

std::vector<double> nothing(Random&, std::size_t points, double) { return std::vector<double>(points); }

// A cache of so many entries, asked for as often as Zipf's law has it. It has all of them in the end.
std::vector<double> zipf_cache(Random& random, std::size_t points, double every) {
  const auto entries = static_cast<std::size_t>(uniform(random, 50, 400));
  const double size = log_uniform(random, 4, 128) * 1024;
  std::vector<double> weights;
  for (std::size_t i = 0; i < entries; ++i) {
    weights.push_back(1.0 / (static_cast<double>(i) + 1));
  }
  double total = 0;
  for (const double weight : weights) {
    total += weight;
  }
  // The rarest has been asked for with near certainty by then.
  const double seconds = static_cast<double>(points) * every;
  const double rate = total / weights.back() * std::log(static_cast<double>(entries) * 20) /
                      (uniform(random, 0.05, kBusyUntil) * seconds);
  std::vector<double> at;
  for (const double weight : weights) {
    at.push_back(std::exponential_distribution<double>(rate * weight / total)(random));
  }
  std::vector<double> values(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double now = static_cast<double>(i) * every;
    values[i] = size * static_cast<double>(std::count_if(at.begin(), at.end(), [=](double t) { return t <= now; }));
  }
  return values;
}

// A mapped file is paged in by random reads; each brings in a cluster of pages.
std::vector<double> paged_in(Random& random, std::size_t points, double every) {
  const double size = log_uniform(random, 2, 60) * kMb;
  const double cluster = 64 * 1024;
  const double clusters = size / cluster;
  const double seconds = static_cast<double>(points) * every;
  const double per_second = clusters * std::log(clusters * 10) / (uniform(random, 0.02, kBusyUntil) * seconds);
  double present = 0;
  std::vector<double> values(points);
  for (double& value : values) {
    const int reads = poisson(random, per_second * every);
    present = std::min(clusters, present + poisson(random, reads * (1 - present / clusters)));
    value = cluster * std::floor(present);
  }
  return values;
}

// Connections come, stay for a while and go; their number starts from none. Buffers go with them.
std::vector<double> connections(Random& random, std::size_t points, double every) {
  const double seconds = static_cast<double>(points) * every;
  const double stay = log_uniform(random, 20, seconds / 12);
  const double mean = log_uniform(random, 5, 200);
  const double buffer = log_uniform(random, 16, 256) * 1024;
  double now = 0;
  std::vector<double> values(points);
  for (double& value : values) {
    const double gone = 1 - std::exp(-every / stay);
    now = std::max(0.0, now + poisson(random, mean * gone) - poisson(random, now * gone));
    value = buffer * now;
  }
  return values;
}

// The same, but an allocator keeps the most there ever was, for a load that is bounded.
std::vector<double> high_water(Random& random, std::size_t points, double every) {
  std::vector<double> values = connections(random, points, every);
  const double bound =
      *std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  double most = 0;
  for (double& value : values) {
    most = std::max(most, std::min(value, bound));
    value = most;
  }
  return values;
}

// A collector that runs when the garbage exceeds a share of what is alive; what is alive fluctuates.
std::vector<double> collector(Random& random, std::size_t points, double every) {
  const double alive = log_uniform(random, 4, 60) * kMb;
  const double share = uniform(random, 0.1, 0.8);
  const double seconds = static_cast<double>(points) * every;
  const double rate = alive * share / log_uniform(random, 5 * every, seconds / 8);
  const double fluctuation = uniform(random, 0, 0.03);
  std::normal_distribution<double> normal;
  double live = alive;
  double garbage = uniform(random, 0, alive * share);
  std::vector<double> values(points);
  for (double& value : values) {
    garbage += std::max(0.0, rate * every * (1 + 0.3 * normal(random)));
    if (garbage > alive * share) {
      garbage = 0;
      live = alive * (1 + fluctuation * normal(random));
    }
    value = live + garbage;
  }
  return values;
}

// Load in whole cycles, of which each has the same two peaks, as mornings and evenings.
std::vector<double> cycles(Random& random, std::size_t points, double) {
  const double count = std::floor(uniform(random, 2, 12));
  const double height = log_uniform(random, 1, 60) * kMb;
  const double phase = uniform(random, 0, 1);
  const double second = uniform(random, 0, 0.6);
  std::vector<double> values(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double turn = count * static_cast<double>(i) / static_cast<double>(points) + phase;
    const double angle = 2 * 3.14159265358979 * turn;
    values[i] = height * std::max(0.0, std::sin(angle) + second * std::sin(2 * angle + 1));
  }
  return values;
}

// A load that changes now and then, until the test has found its level.
std::vector<double> levels(Random& random, std::size_t points, double every) {
  const double seconds = static_cast<double>(points) * every;
  const double height = log_uniform(random, 1, 40) * kMb;
  const bool all_the_time = happens(random, 0.5);
  const double stay = all_the_time ? seconds / uniform(random, 20, 100) : seconds / uniform(random, 2, 8);
  double until = 0;
  double level = 0;
  std::vector<double> values(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double now = static_cast<double>(i) * every;
    if (now >= until && (all_the_time || now < kBusyUntil * seconds)) {
      level = uniform(random, 0, height);
      until = now + std::exponential_distribution<double>(1 / stay)(random);
    }
    values[i] = level;
  }
  return values;
}

// Users join one after the other until all are there: evenly, or in groups.
std::vector<double> ramp_of_users(Random& random, std::size_t points, double) {
  const double users = std::floor(log_uniform(random, 10, 500));
  const double each = log_uniform(random, 20, 400) * 1024;
  const double begin = happens(random, 0.5) ? 0 : uniform(random, 0, 0.5);
  const double end = uniform(random, begin + 0.03, kBusyUntil);
  const double bend = log_uniform(random, 0.5, 2);
  std::vector<double> values(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double share =
        std::clamp((static_cast<double>(i) / static_cast<double>(points) - begin) / (end - begin), 0.0, 1.0);
    values[i] = each * std::floor(users * std::pow(share, bend));
  }
  return values;
}

// A table that doubles while its keys become known, until all are.
std::vector<double> doubling(Random& random, std::size_t points, double) {
  const double first = log_uniform(random, 0.002, 0.02);
  const double size = log_uniform(random, 0.1, 1) * kMb;
  std::vector<double> values(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double keys = std::min(static_cast<double>(i) / static_cast<double>(points), kBusyUntil);
    values[i] = size * std::pow(2, std::max(0.0, std::floor(std::log2(keys / first + 1))));
  }
  return values;
}

// Fragments: blocks of random sizes are freed and allocated first fit, and the heap's end never moves back.
std::vector<double> fragments(Random& random, std::size_t points, double) {
  constexpr std::size_t kHoles = 64;
  std::array<double, kHoles> holes{};
  double end = 0;
  double taken = 0;
  std::vector<double> values(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double wanted = log_uniform(random, 1, 64) * 1024;
    const auto hole = std::find_if(holes.begin(), holes.end(), [=](double size) { return size >= wanted; });
    if (hole != holes.end()) {
      *hole -= wanted;
    } else if (taken < kBusyUntil * static_cast<double>(points)) {
      end += wanted;
      ++taken;
    }
    holes[static_cast<std::size_t>(uniform(random, 0, kHoles - 1e-9))] += log_uniform(random, 1, 64) * 1024;
    values[i] = static_cast<double>(i) < kBusyUntil * static_cast<double>(points) ? end : values[i - 1];
  }
  return values;
}

// A batch job, now and then.
std::vector<double> jobs(Random& random, std::size_t points, double every) {
  const double seconds = static_cast<double>(points) * every;
  const double between = seconds / uniform(random, 6, 60);
  const double takes = between * uniform(random, 0.02, 0.4);
  const double size = log_uniform(random, 1, 60) * kMb;
  double next = uniform(random, 0, between);
  std::vector<double> values(points);
  for (std::size_t i = 0; i < points; ++i) {
    const double now = static_cast<double>(i) * every;
    while (now >= next + takes) {
      next += between * uniform(random, 0.7, 1.3);
    }
    values[i] = now >= next ? size : 0;
  }
  return values;
}

// A random walk between two walls.
std::vector<double> bounded_walk(Random& random, std::size_t points, double every) {
  const double seconds = static_cast<double>(points) * every;
  const double height = log_uniform(random, 0.3, 10) * kMb;
  const double crosses = seconds / uniform(random, 10, 60);  // Seconds from wall to wall.
  std::normal_distribution<double> normal(0, height * std::sqrt(every / crosses));
  double level = uniform(random, 0, height);
  std::vector<double> values(points);
  for (double& value : values) {
    level += normal(random);
    level = level < 0 ? -level : level > height ? 2 * height - level : level;
    value = level = std::clamp(level, 0.0, height);
  }
  return values;
}

struct NamedShape {
  const char* name;
  Shape make;
};

constexpr std::array<NamedShape, 13> kShapes = {{{"nothing", nothing},
                                                 {"cache asked by Zipf's law", zipf_cache},
                                                 {"file that is paged in", paged_in},
                                                 {"connections", connections},
                                                 {"high water of connections", high_water},
                                                 {"collector", collector},
                                                 {"cycles of load", cycles},
                                                 {"levels of load", levels},
                                                 {"users that join", ramp_of_users},
                                                 {"table that doubles", doubling},
                                                 {"fragments", fragments},
                                                 {"batch jobs", jobs},
                                                 {"walk between walls", bounded_walk}}};

struct NamedNoise {
  const char* name;
  double memory_s_min;
  double memory_s_max;
  bool heavy;
  double rounded_to;
};

constexpr std::array<NamedNoise, 6> kNoises = {{{"white", 0, 0, false, 1},
                                                {"AR(1)", 1, 60, false, 1},
                                                {"AR(1), slow", 60, 300, false, 1},
                                                {"heavy tails", 0, 0, true, 1},
                                                {"pages", 1, 30, false, 4096},
                                                {"chunks of 256 KiB", 1, 30, false, 262144}}};

void add_noise(Random& random, const NamedNoise& kind, double every, std::vector<double>& values) {
  const double deviation = log_uniform(random, 20, 600) * 1024;
  const double memory_s = kind.memory_s_max > 0 ? log_uniform(random, kind.memory_s_min, kind.memory_s_max) : 0;
  const double memory = memory_s > 0 ? std::exp(-every / memory_s) : 0;
  std::normal_distribution<double> normal;
  std::student_t_distribution<double> student(3);
  double now = normal(random);
  for (double& value : values) {
    value += 64 * kMb + deviation * (kind.heavy ? student(random) / std::sqrt(3.0) : now);
    value = std::max(0.0, std::floor(value / kind.rounded_to) * kind.rounded_to);
    now = memory * now + std::sqrt(1 - memory * memory) * normal(random);
  }
}

// Objects of one size are lost at random times. Returns how many bytes are lost by the end.
double add_leak(Random& random, const RandomSeries::Leak& leak, double every, std::vector<double>& values) {
  const double object = std::min(log_uniform(random, 0.1, 64) * 1024, leak.bytes_per_second * every * 10);
  double lost = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    const double leaks_for = std::clamp(static_cast<double>(i) * every - leak.onset_s, 0.0, every);
    const double mean = leak.bytes_per_second * leaks_for / object;
    // Of many, the number hardly varies, and a Poisson variate of a large mean is a normal one.
    lost += object * (mean > 1e6 ? mean : poisson(random, mean));
    values[i] += lost;
  }
  return lost;
}

}  // namespace

RandomSeries random_series(std::size_t number) {
  Random random(0x50a4 + number);
  RandomSeries series;
  constexpr std::array<double, 7> kEvery = {1, 2, 5, 10, 15, 30, 60};
  series.seconds = log_uniform(random, 30 * 60, 24 * 3600);
  do {
    series.sampled_every_s = kEvery[static_cast<std::size_t>(uniform(random, 0, kEvery.size() - 1e-9))];
  } while (series.seconds / series.sampled_every_s < 60 || series.seconds / series.sampled_every_s > 8640);
  const auto points = static_cast<std::size_t>(series.seconds / series.sampled_every_s);
  const NamedShape& shape = kShapes[static_cast<std::size_t>(uniform(random, 0, kShapes.size() - 1e-9))];
  const NamedNoise& kind = kNoises[static_cast<std::size_t>(uniform(random, 0, kNoises.size() - 1e-9))];
  series.shape = shape.name;
  series.noise = kind.name;
  std::vector<double> values = shape.make(random, points, series.sampled_every_s);
  if (happens(random, 0.5)) {
    RandomSeries::Leak leak;
    leak.onset_s = happens(random, 0.4) ? 0 : uniform(random, 0, 0.95) * series.seconds;
    leak.bytes_per_second = log_uniform(random, 0.2, 100) * 1024;
    const double lost = add_leak(random, leak, series.sampled_every_s, values);
    // Chance made it more or less than it was to be. The last value is taken before the series' seconds are over.
    const double last_s = static_cast<double>(points - 1) * series.sampled_every_s;
    leak.bytes_per_second = lost / (last_s - leak.onset_s);
    if (lost > 0) {
      series.leak = leak;
    }
  }
  add_noise(random, kind, series.sampled_every_s, values);
  for (std::size_t i = 0; i < points; ++i) {
    series.points.push_back({static_cast<double>(i) * series.sampled_every_s, std::floor(values[i])});
  }
  return series;
}

}  // namespace soak::bench
