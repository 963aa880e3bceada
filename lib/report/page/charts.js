// SPDX-License-Identifier: Apache-2.0
// A chart for each series, drawn by Chart.js. What it has no form for (warm-up, cycles, marks) is drawn by a plugin of ours.

const AT = 0;  // A point is [time_s, cycle, value], or [time_s, cycle, median, lowest, highest].
const CYCLE = 1;
const VALUE = 2;
const LOWEST = 3;
const HIGHEST = 4;
const GAP = 8;  // So many times as long as samples usually are apart.
const MOST_CYCLES = 120;  // More cycle lines than that are thinned.
const charts = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
}

// What a trend says of a chart: the one that is sure to grow, or else may grow, or else the first that was judged.
function trendOf(report, series) {
  const trends = report.verdict.trends.filter((trend) => trend.series === series.name && !trend.not_judged);
  return trends.find((trend) => trend.leak) || trends.find(grows) || trends[0];
}

// "frames" are counted; a trend is per "frame", or per "frame or reconnect", its numbers being of the first.
function isPer(operation, trend) {
  const one = operation.length > 1 && operation.endsWith('s') ? operation.slice(0, -1) : operation;
  return trend.per.split(' or ')[0] === one;
}

// How many operations of the trend's kind there were by the time of a quiescent point.
function operationsAt(report, trend) {
  if (trend.per === 'second') {
    return (point) => point[AT];
  }
  const operation = report.operations.find((candidate) => isPer(candidate.name, trend));
  if (!operation) {
    return (point) => point[CYCLE];
  }
  const counts = new Map(operation.at_rest.map((point) => [point[AT], point[VALUE]]));
  return (point) => counts.get(point[AT]);
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function grows(trend) {
  return Boolean(trend) && trend.state !== 'at rest';
}

function lowest(point) {
  return point.length > HIGHEST ? point[LOWEST] : point[VALUE];
}

function highest(point) {
  return point.length > HIGHEST ? point[HIGHEST] : point[VALUE];
}

// The fitted growth as a line from where it began: its slope is the trend's, its height the median.
function fittedLine(report, series, trend) {
  if (!grows(trend) || trend.growth === null) {
    return [];
  }
  const operations = operationsAt(report, trend);
  const points = trend.per === 'second' && series.at_rest.length < 2 ? series.timeline : series.at_rest;
  const judged = points.filter((point) => point[AT] >= trend.since_s && operations(point) !== undefined);
  if (judged.length < 2) {
    return [];
  }
  // Segments share the slope, and have a level each.
  return segmentsOf(series, judged).flatMap((points) => {
    const height = median(points.map((point) => point[VALUE] - trend.growth * operations(point)));
    return points.map((point) => ({x: point[AT], y: height + trend.growth * operations(point)}));
  });
}

// The points of each process, where it was restarted.
function segmentsOf(series, points) {
  const bounds = [-Infinity, ...(series.restarts_s || []), Infinity];
  return bounds.slice(1).map((end, i) => points.filter((point) => bounds[i] <= point[AT] && point[AT] < end))
    .filter((segment) => segment.length);
}

// How long two samples have to be apart for what is between them to be unknown.
function gapOf(series) {
  const apart = series.timeline.slice(1).map((point, i) => point[AT] - series.timeline[i][AT]);
  return apart.length < 4 ? Infinity : GAP * median(apart);
}

// The stretches without samples, as [from_s, to_s]; the one at the end, if sampling stopped before the run, is one too.
function gapsOf(report, series) {
  const gap = gapOf(series);
  const times = [...series.timeline.map((point) => point[AT]), report.elapsed_s];
  return times.slice(1).map((time, i) => [times[i], time]).filter(([from, to]) => to - from > gap);
}

// The parts of a series that are drawn as one: neither across a gap nor across a restart.
function stretches(series) {
  const apart = areApart(series);
  const all = [];
  series.timeline.forEach((point, i) => {
    if (i === 0 || apart(series.timeline[i - 1][AT], point[AT])) {
      all.push([]);
    }
    all.at(-1).push(point);
  });
  return all;
}

// Whether there is no line between points at these times.
function areApart(series) {
  const gap = gapOf(series);
  const restarts = series.restarts_s || [];
  return (from, to) => to - from > gap || restarts.some((at) => from < at && at <= to);
}

// When each cycle ended, as far as the samples tell; at most MOST_CYCLES of them.
function cycleTimes(series) {
  const times = [];
  let last = 0;
  for (const point of series.timeline) {
    if (point[CYCLE] > last) {
      times.push(point[AT]);
      last = point[CYCLE];
    }
  }
  const stride = Math.ceil(times.length / MOST_CYCLES);
  return times.filter((_, i) => i % stride === 0);
}

// Behind the lines: warm-up, gaps, the band, cycles, restarts, where growth began and ended, marks, the memory limit.
function overlay(report, series, trend) {
  const cycles = cycleTimes(series);
  const gaps = gapsOf(report, series);
  const pieces = stretches(series);
  const limit = memoryLimit(report, series);
  const vertical = (context, x, top, bottom) => {
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, bottom);
    context.stroke();
  };
  // A word beside a vertical line, on the side with more room.
  const label = (context, area, text, x, row) => {
    const right = x < (area.left + area.right) / 2;
    context.font = `12px ${Chart.defaults.font.family}`;
    context.textAlign = right ? 'left' : 'right';
    context.textBaseline = 'top';
    const width = context.measureText(text).width;
    const top = area.top + 3 + row * 16;
    const ink = context.fillStyle;
    context.fillStyle = colour('card');
    context.globalAlpha = 0.8;
    context.fillRect(right ? x + 3 : x - 5 - width, top - 1, width + 2, 14);
    context.globalAlpha = 1;
    context.fillStyle = ink;
    context.fillText(text, right ? x + 4 : x - 4, top);
  };
  return {
    id: 'soak',
    beforeDatasetsDraw(chart) {
      const {ctx: context, chartArea: area, scales: {x, y}} = chart;
      const at = (seconds) => x.getPixelForValue(seconds);
      const stretch = (from, to, fill) => {
        context.fillStyle = fill;
        context.fillRect(at(from), area.top, Math.max(at(to) - at(from), 1), area.height);
      };
      context.save();
      context.beginPath();
      context.rect(area.left, area.top, area.width, area.height);
      context.clip();
      if (trend && trend.warm_up_s > 0) {
        stretch(0, trend.warm_up_s, colour('warm-up'));
      }
      gaps.forEach(([from, to]) => stretch(from, to, colour('gap')));
      if (grows(trend)) {
        stretch(trend.since_earliest_s, trend.since_latest_s, colour('onset'));
      }
      context.fillStyle = colour('band');
      for (const piece of pieces) {
        context.beginPath();
        piece.forEach((point) => context.lineTo(at(point[AT]), y.getPixelForValue(highest(point))));
        [...piece].reverse().forEach((point) => context.lineTo(at(point[AT]), y.getPixelForValue(lowest(point))));
        context.fill();
      }
      context.lineWidth = 1;
      context.strokeStyle = colour('cycle');
      for (const end of cycles) {
        vertical(context, at(end), area.bottom - 7, area.bottom);
      }
      context.lineWidth = 1.5;
      context.strokeStyle = colour('restart');
      (series.restarts_s || []).forEach((start) => vertical(context, at(start), area.top, area.bottom));
      if (limit) {
        context.strokeStyle = context.fillStyle = colour('fault');
        context.setLineDash([8, 4]);
        context.beginPath();
        context.moveTo(area.left, y.getPixelForValue(limit));
        context.lineTo(area.right, y.getPixelForValue(limit));
        context.stroke();
        context.textAlign = 'left';
        context.textBaseline = 'bottom';
        context.font = `12px ${Chart.defaults.font.family}`;
        context.fillText(`memory limit ${formatBytes(limit)}`, area.left + 4, y.getPixelForValue(limit) - 2);
      }
      for (const mark of report.marks) {
        context.strokeStyle = context.fillStyle = colour(mark.kind === 'fault' ? 'fault' : 'note');
        context.setLineDash([4, 3]);
        vertical(context, at(mark.at_s), area.top, area.bottom);
        context.beginPath();
        context.moveTo(at(mark.at_s) - 5, area.top);
        context.lineTo(at(mark.at_s) + 5, area.top);
        context.lineTo(at(mark.at_s), area.top + 8);
        context.fill();
      }
      context.restore();
    },
    // In front of them: the words.
    afterDatasetsDraw(chart) {
      const {ctx: context, chartArea: area, scales: {x}} = chart;
      context.save();
      const begun = (seconds, ink, text, row) => {
        context.strokeStyle = context.fillStyle = colour(ink);
        context.lineWidth = 1.5;
        context.setLineDash([2, 3]);
        vertical(context, x.getPixelForValue(seconds), area.top, area.bottom);
        label(context, area, text, x.getPixelForValue(seconds), row);
      };
      if (grows(trend)) {
        begun(trend.since_s, 'fit', `${trend.state === 'likely' ? 'may grow' : 'grows'} since ${formatClock(trend.since_s)}`, 0);
      } else if (trend && trend.rest) {
        begun(trend.rest.since_s, 'rested', `at rest since ${formatClock(trend.rest.since_s)}`, 0);
      }
      (series.restarts_s || []).slice(0, 8).forEach((start) => {
        context.fillStyle = colour('restart');
        label(context, area, 'restart', x.getPixelForValue(start), 1);
      });
      context.restore();
    },
  };
}

// Of RSS, if a limit was asked for.
function memoryLimit(report, series) {
  return series.name === 'rss' ? report.memory_limit_bytes : undefined;
}

// The range of the values, never so small that noise looks like growth.
function valueRange(report, series) {
  let low = Infinity;
  let high = -Infinity;
  for (const point of [...series.timeline, ...series.at_rest, series.peak || []]) {
    if (point.length) {
      low = Math.min(low, lowest(point));
      high = Math.max(high, highest(point));
    }
  }
  // One that is far away would flatten the values.
  const limit = memoryLimit(report, series);
  if (limit && limit < 3 * high) {
    low = Math.min(low, limit);
    high = Math.max(high, limit);
  }
  const least = series.unit === 'bytes' ? Math.max(high * 0.02, 16 * 1024) : 4;
  const pad = Math.max((high - low) * 0.08, (least - (high - low)) / 2);
  low = Math.max(low - pad, Math.min(low, 0));
  high += pad;
  return {low, high};
}

// Ticks at the multiples of `step`: Chart.js would stretch the steps to end at the last value.
function ticksEvery(step) {
  return (axis) => {
    axis.ticks = [];
    for (let i = Math.ceil(axis.min / step); i * step <= axis.max; ++i) {
      axis.ticks.push({value: i * step});
    }
  };
}

function axisOptions(report, series) {
  const end = Math.max(report.elapsed_s, ...[series.timeline, series.at_rest].map((points) => points.at(-1)?.[AT] || 0)) || 1;
  const {low, high} = valueRange(report, series);
  const timeStep = niceTimeStep(end, 7);
  const step = niceStep(high - low, 5, series.unit);
  const grid = {color: colour('grid'), borderColor: colour('edge'), drawTicks: false};
  return {
    x: {
      grid,
      type: 'linear',
      min: 0,
      max: end,
      afterBuildTicks: ticksEvery(timeStep),
      ticks: {color: colour('muted'), maxRotation: 0, autoSkipPadding: 12, callback: (value) => formatTick(value, end)},
    },
    y: {
      grid,
      type: 'linear',
      min: Math.floor(low / step) * step,
      max: Math.ceil(high / step) * step,
      afterBuildTicks: ticksEvery(step),
      ticks: {
        color: colour('muted'),
        callback: (value) => series.unit === 'bytes' ? formatByteTick(value, step, high) : formatNumber(value),
      },
    },
  };
}

function datasetsOf(report, series, trend) {
  const xy = (points) => points.map((point) => ({x: point[AT], y: point[VALUE], cycle: point[CYCLE], low: lowest(point),
                                                 high: highest(point)}));
  const many = series.at_rest.length > 60;
  const apart = areApart(series);
  const segment = {borderColor: ({p0, p1}) => apart(p0.parsed.x, p1.parsed.x) ? 'transparent' : undefined};
  return [
    {kind: 'fit', label: 'fitted', data: fittedLine(report, series, trend), borderColor: colour('fit'), borderWidth: 2,
     borderDash: [6, 4], pointRadius: 0, pointHitRadius: 0, segment},
    {kind: 'at_rest', label: 'at rest', data: xy(series.at_rest), showLine: false, borderColor: colour('series'),
     pointBackgroundColor: colour('card'), clip: 4, pointRadius: many ? 2 : 3, pointHitRadius: 4, pointBorderWidth: 1.5},
    {kind: 'timeline', label: series.name, data: xy(series.timeline), borderColor: colour('series'), borderWidth: 1.5,
     pointBackgroundColor: colour('series'), pointRadius: series.timeline.length < 3 ? 2 : 0, pointHitRadius: 4,
     // A count stays what it is until it changes.
     stepped: series.unit === 'count',
     segment},
  ];
}

const ALL_CHARTS = {
  animation: false,
  parsing: false,
  normalized: true,
  responsive: true,
  maintainAspectRatio: false,
  interaction: {mode: 'nearest', axis: 'x', intersect: false},
};

// Colours are of the page's style, so that light and dark are one place; a chart is drawn anew when they change.
function drawChart(canvas, report, series) {
  const trend = trendOf(report, series);
  const range = ({low, high}) => low < high ? ` (${formatValue(low, series.unit)} to ${formatValue(high, series.unit)})` : '';
  charts.push(new Chart(canvas, {
    type: 'line',
    data: {datasets: datasetsOf(report, series, trend)},
    plugins: [overlay(report, series, trend)],
    options: {
      ...ALL_CHARTS,
      scales: axisOptions(report, series),
      plugins: {
        legend: {display: false},
        decimation: {enabled: true, algorithm: 'min-max'},
        tooltip: {
          displayColors: false,
          filter: (item) => item.dataset.kind !== 'fit',
          callbacks: {
            title: (items) => items.length ? `${formatClock(items[0].parsed.x, true)}, ${report.cycle_noun} ${items[0].raw.cycle}` : '',
            label: (item) => `${item.dataset.label} ${formatValue(item.parsed.y, series.unit)}` + range(item.raw),
          },
        },
      },
    },
  }));
}

// The rates that a leak may have without being seen, by when it began. [onset_s, rate], from the start of the run on.
function excludedRates(trend) {
  return [[0, trend.excluded], ...trend.excluded_later].filter(([, rate]) => rate !== null && rate > 0);
}

// What is below the line may be there and was not seen.
function drawExcluded(canvas, report, trend) {
  const rates = excludedRates(trend);
  const step = trend.unit === 'bytes' ? 32 : 10;  // Of bytes, every second one is a unit.
  const power = (round, rate) => step ** round(Math.log(rate) / Math.log(step));
  const low = power(Math.floor, Math.min(...rates.map(([, rate]) => rate)) * 0.9);
  const high = power(Math.ceil, Math.max(...rates.map(([, rate]) => rate)) * 1.1);
  const end = trend.end_s || report.elapsed_s;
  const grid = {color: colour('grid'), borderColor: colour('edge'), drawTicks: false};
  charts.push(new Chart(canvas, {
    type: 'line',
    data: {datasets: [{kind: 'excluded', data: rates.map(([at, rate]) => ({x: at, y: rate})), borderColor: colour('unseen'),
                       backgroundColor: colour('unseen-wash'), fill: 'start', borderWidth: 2, pointRadius: 2, pointHitRadius: 6,
                       pointBackgroundColor: colour('unseen')}]},
    plugins: [{
      id: 'unseen',
      // Of what began after the last of them, nothing is known.
      beforeDatasetsDraw({ctx: context, chartArea: area, scales: {x}}) {
        const from = x.getPixelForValue(rates.at(-1)[AT]);
        context.fillStyle = colour('unseen-wash');
        context.fillRect(from, area.top, area.right - from, area.height);
      },
    }],
    options: {
      ...ALL_CHARTS,
      scales: {
        x: {
          grid, type: 'linear', min: 0, max: end, afterBuildTicks: ticksEvery(niceTimeStep(end, 7)),
          ticks: {color: colour('muted'), maxRotation: 0, autoSkipPadding: 12, callback: (value) => formatTick(value, end)},
        },
        y: {
          grid, type: 'logarithmic', min: low, max: high,
          afterBuildTicks: (axis) => {
            axis.ticks = [];
            for (let value = low; value <= high * 1.001; value *= step) {
              axis.ticks.push({value});
            }
          },
          ticks: {color: colour('muted'), callback: (value) => formatValue(value, trend.unit)},
        },
      },
      plugins: {
        legend: {display: false},
        tooltip: {
          displayColors: false,
          callbacks: {
            title: (items) => items.length ? `A leak that began at ${formatClock(items[0].parsed.x)} or before` : '',
            label: (item) => `is seen above ${formatValue(item.parsed.y, trend.unit)} per ${trend.per}`,
          },
        },
      },
    },
  }));
}

function clearCharts() {
  charts.splice(0).forEach((chart) => chart.destroy());
}
