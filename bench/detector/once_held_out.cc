// SPDX-License-Identifier: Apache-2.0
// Four files that were held out, each until the detector was changed for some of it: for the warm-ups and the wave of
// the first eight shapes, for the warm-ups and the cache over a day, for the stretched warm-up and the high water, for
// the cache that is asked by Zipf's law.

#include <algorithm>
#include <array>
#include <cmath>

#include "generators.h"

namespace soak::bench {
namespace {

std::vector<double> heavy_tails(Random& random, std::size_t seconds, double amount) {
  std::student_t_distribution<double> student(3);
  std::vector<double> values(seconds);
  for (double& value : values) {
    value = amount / std::sqrt(3.0) * student(random);
  }
  return values;
}

std::vector<double> two_memories(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount / 2, 0.97);
  const std::vector<double> slow = noise(random, seconds, amount, 0.995);
  for (std::size_t i = 0; i < seconds; ++i) {
    values[i] += slow[i];
  }
  return values;
}

std::vector<double> uneven_sawtooth(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  double period = uniform(random, 60, 240);
  double began = -uniform(random, 0, period);
  for (std::size_t i = 0; i < seconds; ++i) {
    const auto t = static_cast<double>(i);
    if (t >= began + period) {
      began = t;
      period = uniform(random, 60, 240);
    }
    values[i] += amount / kNoise * 3072 * (t - began) / period;
  }
  return values;
}

std::vector<double> two_warm_ups(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0), amount,
            [](double t) { return 10240 * (-std::expm1(-t / 60) - std::expm1(-t / 500)); });
}

std::vector<double> other_ratchet(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.9), amount, [](double t) { return 12288 * std::log1p(t / 120); });
}

std::vector<double> two_steps(Random& random, std::size_t seconds, double amount) {
  const auto most = static_cast<double>(seconds);
  const double first = uniform(random, 0, most);
  const double second = uniform(random, 0, most);
  return on(noise(random, seconds, amount, 0), amount,
            [=](double t) { return (t < first ? 0.0 : 4096.0) + (t < second ? 0.0 : 6144.0); });
}

std::vector<double> bursts(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.5);
  for (double at = uniform(random, 0, 600); at < static_cast<double>(seconds); at += uniform(random, 60, 1140)) {
    for (double t = at; t < at + 20 && t < static_cast<double>(seconds); ++t) {
      values[static_cast<std::size_t>(t)] += amount / kNoise * 30720;
    }
  }
  return values;
}

std::vector<double> slow_wave(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 6.28);
  return on(noise(random, seconds, amount, 0), amount,
            [=](double t) { return 1024 * std::sin(phase + 6.2832 * t / 1800); });
}

// Noise whose spectrum falls as 1/f, as the sum of what forgets in seconds, in minutes and in a quarter of an hour.
std::vector<double> pink(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values(seconds);
  for (const double time : {1.0, 10.0, 100.0, 900.0}) {
    const std::vector<double> part = noise(random, seconds, amount / 2, std::exp(-1 / time));
    for (std::size_t i = 0; i < seconds; ++i) {
      values[i] += part[i];
    }
  }
  return values;
}

// An allocator that maps and returns 1 MB at a time.
std::vector<double> in_chunks(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, 3 * amount, 0.9);
  const double chunk = amount / kNoise * 1024;
  for (double& value : values) {
    value = chunk * std::ceil(value / chunk);
  }
  return values;
}

// The load doubles half-way, and the noise with it.
std::vector<double> louder(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.5);
  for (std::size_t i = seconds / 2; i < seconds; ++i) {
    values[i] *= 3;
  }
  return values;
}

// Nothing for two minutes, then an approach.
std::vector<double> late_warm_up(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.5);
  for (std::size_t i = 120; i < seconds; ++i) {
    values[i] += amount / kNoise * 15360 * -std::expm1((120 - static_cast<double>(i)) / 200);
  }
  return values;
}

// A cache whose misses grow rarer with what it holds: t / (t + T).
std::vector<double> filling_cache(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  for (std::size_t i = 0; i < seconds; ++i) {
    const auto t = static_cast<double>(i);
    values[i] += amount / kNoise * 20480 * t / (t + 240);
  }
  return values;
}

// The highest that 3 MB of noise has been so far.
std::vector<double> high_water(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount / kNoise * 3072, 0.95);
  const std::vector<double> own = noise(random, seconds, amount, 0);
  double most = values[0];
  for (std::size_t i = 0; i < seconds; ++i) {
    most = std::max(most, values[i]);
    values[i] = most + own[i];
  }
  return values;
}

// A garbage collector: each collection leaves a little more or less behind than the one before.
std::vector<double> collector(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  double height = 0;
  double left = 0;
  for (std::size_t i = 0; i < seconds; ++i) {
    height += amount / kNoise * uniform(random, 0, 80);
    if (height > amount / kNoise * 6144) {
      height = 0;
      left = amount / kNoise * uniform(random, 0, 1024);
    }
    values[i] += height + left;
  }
  return values;
}

// Work comes and goes: 5 MB held for minutes, then not.
std::vector<double> on_and_off(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  std::exponential_distribution<double> stays(1.0 / 120);
  bool on = false;
  double until = stays(random);
  for (std::size_t i = 0; i < seconds; ++i) {
    if (static_cast<double>(i) >= until) {
      on = !on;
      until += stays(random);
    }
    values[i] += on ? amount / kNoise * 5120 : 0;
  }
  return values;
}

// A cache is dropped at some time, and comes back within minutes.
std::vector<double> dropped_cache(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.5);
  const double at = uniform(random, 0, static_cast<double>(seconds));
  for (std::size_t i = 0; i < seconds; ++i) {
    const auto t = static_cast<double>(i);
    if (t >= at) {
      values[i] -= amount / kNoise * 8192 * std::exp((at - t) / 180);
    }
  }
  return values;
}

// A buffer that fills evenly for five minutes, and is full.
std::vector<double> ring_buffer(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0), amount, [](double t) { return 12288 * std::min(t / 300, 1.0); });
}

std::vector<double> two_sawteeth(Random& random, std::size_t seconds, double amount) {
  const double first = uniform(random, 0, 1);
  const double second = uniform(random, 0, 1);
  return on(noise(random, seconds, amount, 0.5), amount,
            [=](double t) { return 2048 * std::fmod(t / 40 + first, 1) + 3072 * std::fmod(t / 220 + second, 1); });
}

// Noise with a period of its own, about 100 s.
std::vector<double> swinging(Random& random, std::size_t seconds, double amount) {
  std::normal_distribution<double> normal;
  std::vector<double> values(seconds);
  double now = 0;
  double before = 0;
  for (double& value : values) {
    const double next = 2 * 0.98 * std::cos(6.2832 / 100) * now - 0.98 * 0.98 * before + normal(random);
    before = now;
    now = next;
    value = amount / 20 * now;
  }
  return values;
}

// Calm and storm in turn, each for minutes.
std::vector<double> storms(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0.7);
  const std::vector<double> mood = noise(random, seconds, 1, 0.995);
  for (std::size_t i = 0; i < seconds; ++i) {
    values[i] *= std::exp(mood[i]);
  }
  return values;
}

// Three pools are made as they are first needed.
std::vector<double> stairs(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0), amount,
            [](double t) { return 6144.0 * ((t >= 30 ? 1 : 0) + (t >= 90 ? 1 : 0) + (t >= 240 ? 1 : 0)); });
}

std::vector<double> stretched_warm_up(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.9), amount,
            [](double t) { return 12288 * -std::expm1(-std::pow(t / 200, 0.7)); });
}

// The load changes every five minutes or so, and what is held with it.
std::vector<double> levels(Random& random, std::size_t seconds, double amount) {
  std::vector<double> values = noise(random, seconds, amount, 0);
  std::exponential_distribution<double> stays(1.0 / 300);
  double level = uniform(random, 0, 4096);
  double until = stays(random);
  for (std::size_t i = 0; i < seconds; ++i) {
    if (static_cast<double>(i) >= until) {
      level = uniform(random, 0, 4096);
      until += stays(random);
    }
    values[i] += amount / kNoise * level;
  }
  return values;
}

std::vector<double> ratchet_and_sawtooth(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 1);
  return on(noise(random, seconds, amount, 0), amount,
            [=](double t) { return 6144 * std::log1p(t / 60) + 2048 * std::fmod(t / 120 + phase, 1); });
}

// Comes to rest as a power of the time, not as an exponential.
std::vector<double> power_approach(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.5), amount,
            [](double t) { return 16384 * (1 - std::pow(1 + t / 100, -1.5)); });
}

// Few users at first, then all of them, then no more.
std::vector<double> logistic_warm_up(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0), amount, [](double t) { return 12288 / (1 + std::exp((180 - t) / 40)); });
}

// A cache of 512 entries of 24 KB that are asked for ten times a second, as often as Zipf's law has it.
std::vector<double> zipf_cache(Random& random, std::size_t seconds, double amount) {
  constexpr std::size_t kEntries = 512;
  std::vector<double> weights;
  for (std::size_t i = 1; i <= kEntries; ++i) {
    weights.push_back(1.0 / static_cast<double>(i));
  }
  std::discrete_distribution<std::size_t> asked(weights.begin(), weights.end());
  std::vector<bool> held(kEntries);
  double size = 0;
  std::vector<double> values = noise(random, seconds, amount, 0);
  for (double& value : values) {
    for (int i = 0; i < 10; ++i) {
      const std::size_t entry = asked(random);
      if (!held[entry]) {
        size += 24;
      }
      held[entry] = true;
    }
    value += amount / kNoise * size;
  }
  return values;
}

// Every ten minutes a job takes 10 MB for a minute.
std::vector<double> timed_job(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 600);
  return on(noise(random, seconds, amount, 0.5), amount,
            [=](double t) { return std::fmod(t + phase, 600) < 60 ? 10240.0 : 0.0; });
}

// A random walk between nothing and 4 MB.
std::vector<double> bounded_walk(Random& random, std::size_t seconds, double amount) {
  std::normal_distribution<double> normal;
  std::vector<double> values = noise(random, seconds, amount, 0);
  double level = uniform(random, 0, 4096);
  for (double& value : values) {
    level += 100 * normal(random);
    if (level < 0) {
      level = -level;
    }
    if (level > 4096) {
      level = 8192 - level;
    }
    value += amount / kNoise * level;
  }
  return values;
}

std::vector<double> triangle(Random& random, std::size_t seconds, double amount) {
  const double phase = uniform(random, 0, 1);
  return on(noise(random, seconds, amount, 0.9), amount,
            [=](double t) { return 2048 * std::abs(2 * std::fmod(t / 400 + phase, 1) - 1); });
}

// Six threads begin at some time of the first five minutes, and each has an arena that fills within a minute.
std::vector<double> arenas(Random& random, std::size_t seconds, double amount) {
  std::array<double, 6> begin{};
  for (double& at : begin) {
    at = uniform(random, 0, 300);
  }
  return on(noise(random, seconds, amount, 0), amount, [=](double t) {
    double size = 0;
    for (const double at : begin) {
      size += 2048 * std::clamp((t - at) / 60, 0.0, 1.0);
    }
    return size;
  });
}

// What the start took is given back over minutes, and half of it is taken again.
std::vector<double> given_back(Random& random, std::size_t seconds, double amount) {
  return on(noise(random, seconds, amount, 0.5), amount,
            [](double t) { return 8192 * std::exp(-t / 120) + 4096 * -std::expm1(-t / 400); });
}

}  // namespace

std::vector<Null> once_held_out_nulls() {
  return {
      {"heavy tails (Student's t, 3)", heavy_tails},
      {"AR(1) 0.97 and 0.995 together", two_memories},
      {"sawtooth of 3 MB, 60 to 240 s", uneven_sawtooth},
      {"warm-ups of 10 MB, tau 60 s and 500 s", two_warm_ups},
      {"ratchet of 12 MB log(1 + t/120 s), AR(1) 0.9", other_ratchet},
      {"steps of 4 MB and 6 MB", two_steps},
      {"bursts of 30 MB for 20 s", bursts},
      {"a wave of 1 MB, 30 min", slow_wave},
      {"1/f noise", pink},
      {"chunks of 1 MB, AR(1) 0.9", in_chunks},
      {"noise that triples half-way", louder},
      {"warm-up of 15 MB after 120 s, tau 200 s", late_warm_up},
      {"cache of 20 MB, t/(t + 240 s)", filling_cache},
      {"high water of 3 MB, AR(1) 0.95", high_water},
      {"collector with 6 MB between collections", collector},
      {"5 MB held for minutes, then not", on_and_off},
      {"8 MB dropped, and back in minutes", dropped_cache},
      {"12 MB that fill evenly in 300 s", ring_buffer},
      {"sawteeth of 2 MB, 40 s, and 3 MB, 220 s", two_sawteeth},
      {"noise that swings, 100 s", swinging},
      {"noise in storms", storms},
      {"stairs of 6 MB at 30, 90 and 240 s", stairs},
      {"warm-up of 12 MB, stretched, AR(1) 0.9", stretched_warm_up},
      {"another level every 5 min", levels},
      {"ratchet of 6 MB log(1 + t/60 s), sawtooth of 2 MB", ratchet_and_sawtooth},
      {"approach to 16 MB, (1 + t/100 s)^-1.5", power_approach},
      {"12 MB, S-shaped, at 180 s", logistic_warm_up},
      {"cache of 512 entries asked for by Zipf's law", zipf_cache},
      {"10 MB for a minute every ten", timed_job},
      {"random walk between 0 and 4 MB", bounded_walk},
      {"triangles of 2 MB, 400 s", triangle},
      {"six arenas of 2 MB in five minutes", arenas},
      {"8 MB given back, 4 MB taken again", given_back},
  };
}

}  // namespace soak::bench
