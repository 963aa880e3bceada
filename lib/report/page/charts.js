// SPDX-License-Identifier: Apache-2.0
// A chart for each series, drawn by Chart.js. What it has no form for (warm-up, cycles, marks) is drawn by a plugin of ours.

const AT = 0;  // A point is [time_s, cycle, value].
const CYCLE = 1;
const VALUE = 2;
const MOST_CYCLES = 120;  // More cycle lines than that are thinned.
const charts = [];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
}

// What a trend says of a chart: the one that is sure to grow, or else the first that was judged.
function trendOf(report, series) {
  const trends = report.verdict.trends.filter((trend) => trend.series === series.name && !trend.not_judged);
  return trends.find((trend) => trend.leak) || trends[0];
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

// The fitted growth as a line through the judged points: their slope is the trend's, their height the median.
function fittedLine(report, series, trend) {
  if (!trend || trend.growth === null) {
    return [];
  }
  const operations = operationsAt(report, trend);
  const points = trend.per === 'second' && series.at_rest.length < 2 ? series.timeline : series.at_rest;
  const judged = points.filter((point) => point[AT] >= trend.warm_up_s && operations(point) !== undefined);
  if (judged.length < 2) {
    return [];
  }
  const height = median(judged.map((point) => point[VALUE] - trend.growth * operations(point)));
  return judged.map((point) => ({x: point[AT], y: height + trend.growth * operations(point)}));
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

// Behind the lines: warm-up, cycles, where a leak began, marks.
function overlay(report, series, trend) {
  const cycles = cycleTimes(series);
  const vertical = (context, x, top, bottom) => {
    context.beginPath();
    context.moveTo(x, top);
    context.lineTo(x, bottom);
    context.stroke();
  };
  return {
    id: 'soak',
    beforeDatasetsDraw(chart) {
      const {ctx: context, chartArea: area, scales: {x}} = chart;
      context.save();
      context.beginPath();
      context.rect(area.left, area.top, area.width, area.height);
      context.clip();
      if (trend && trend.warm_up_s > 0) {
        context.fillStyle = colour('warm-up');
        context.fillRect(area.left, area.top, x.getPixelForValue(trend.warm_up_s) - area.left, area.height);
      }
      context.lineWidth = 1;
      context.strokeStyle = colour('cycle');
      for (const at of cycles) {
        vertical(context, x.getPixelForValue(at), area.bottom - 7, area.bottom);
      }
      if (trend && trend.leak) {
        context.strokeStyle = colour('fit');
        context.setLineDash([2, 3]);
        vertical(context, x.getPixelForValue(trend.since_s), area.top, area.bottom);
      }
      for (const mark of report.marks) {
        const at = x.getPixelForValue(mark.at_s);
        context.strokeStyle = context.fillStyle = colour(mark.kind === 'fault' ? 'fault' : 'note');
        context.setLineDash([4, 3]);
        vertical(context, at, area.top, area.bottom);
        context.beginPath();
        context.moveTo(at - 5, area.top);
        context.lineTo(at + 5, area.top);
        context.lineTo(at, area.top + 8);
        context.fill();
      }
      context.restore();
    },
  };
}

// The range of the values, never so small that noise looks like growth.
function valueRange(series) {
  let low = Infinity;
  let high = -Infinity;
  for (const point of [...series.timeline, ...series.at_rest, series.peak || []]) {
    if (point.length) {
      low = Math.min(low, point[VALUE]);
      high = Math.max(high, point[VALUE]);
    }
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
  const {low, high} = valueRange(series);
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
  const xy = (points) => points.map((point) => ({x: point[AT], y: point[VALUE], cycle: point[CYCLE]}));
  const many = series.at_rest.length > 60;
  return [
    {kind: 'fit', label: 'fitted', data: fittedLine(report, series, trend), borderColor: colour('fit'), borderWidth: 2,
     borderDash: [6, 4], pointRadius: 0, pointHitRadius: 0},
    {kind: 'at_rest', label: 'at rest', data: xy(series.at_rest), showLine: false, borderColor: colour('series'),
     pointBackgroundColor: colour('card'), clip: 4, pointRadius: many ? 2 : 3, pointHitRadius: 4, pointBorderWidth: 1.5},
    {kind: 'timeline', label: series.name, data: xy(series.timeline), borderColor: colour('series'), borderWidth: 1.5,
     pointBackgroundColor: colour('series'), pointRadius: series.timeline.length < 3 ? 2 : 0, pointHitRadius: 4},
  ];
}

// Colours are of the page's style, so that light and dark are one place; a chart is drawn anew when they change.
function drawChart(canvas, report, series) {
  const trend = trendOf(report, series);
  charts.push(new Chart(canvas, {
    type: 'line',
    data: {datasets: datasetsOf(report, series, trend)},
    plugins: [overlay(report, series, trend)],
    options: {
      animation: false,
      parsing: false,
      normalized: true,
      responsive: true,
      maintainAspectRatio: false,
      interaction: {mode: 'nearest', axis: 'x', intersect: false},
      scales: axisOptions(report, series),
      plugins: {
        legend: {display: false},
        decimation: {enabled: true, algorithm: 'min-max'},
        tooltip: {
          displayColors: false,
          filter: (item) => item.dataset.kind !== 'fit',
          callbacks: {
            title: (items) => items.length ? `${formatClock(items[0].parsed.x, true)}, ${report.cycle_noun} ${items[0].raw.cycle}` : '',
            label: (item) => `${item.dataset.label} ${formatValue(item.parsed.y, series.unit)}`,
          },
        },
      },
    },
  }));
}

function clearCharts() {
  charts.splice(0).forEach((chart) => chart.destroy());
}
