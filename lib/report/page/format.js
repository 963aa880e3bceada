// SPDX-License-Identifier: Apache-2.0
// Numbers and times as people read them.

'use strict';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

// Three digits or so: 0.0312, 1.25, 12.5, 1,250.
function formatNumber(value) {
  const size = Math.abs(value);
  if (value === null || !Number.isFinite(value)) {
    return '?';
  }
  if (size > 0 && size < 0.001) {
    return value.toExponential(1);
  }
  const digits = size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0;
  return value.toLocaleString('en', {maximumFractionDigits: digits});
}

function formatBytes(value, digits = 1) {
  if (value === null || !Number.isFinite(value)) {
    return '?';
  }
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit + 1 < BYTE_UNITS.length) {
    value /= 1024;
    ++unit;
  }
  const shown = unit === 0 ? formatNumber(value) : value.toLocaleString('en', {
    minimumFractionDigits: digits, maximumFractionDigits: digits});
  return shown + ' ' + BYTE_UNITS[unit];
}

function formatValue(value, unit) {
  return unit === 'bytes' ? formatBytes(value) : formatNumber(value);
}

// With its sign, which is what growth is about.
function formatGrowth(value, unit) {
  return (value > 0 ? '+' : '') + formatValue(value, unit);
}

function formatMilliseconds(seconds) {
  return (seconds * 1000).toLocaleString('en', {maximumFractionDigits: 2}) + ' ms';
}

// 00:00:01, with tenths where it matters.
function formatClock(seconds, tenths = false) {
  const total = tenths ? Math.round(seconds * 10) / 10 : Math.round(seconds);
  const pad = (n) => String(Math.floor(n)).padStart(2, '0');
  const text = pad(total / 3600) + ':' + pad(total / 60 % 60) + ':' + pad(total % 60);
  return tenths ? text + '.' + Math.round(total * 10) % 10 : text;
}

// As short as the axis allows: "5s", "1:30" (of minutes), "6h", "2:30h".
function formatTick(seconds, span) {
  const pad = (n) => String(Math.floor(n)).padStart(2, '0');
  if (seconds === 0) {
    return '0';
  }
  if (span < 120) {
    return Number(seconds.toFixed(3)) + 's';
  }
  if (span < 2 * 3600) {
    return Math.floor(seconds / 60) + ':' + pad(seconds % 60);
  }
  return Math.floor(seconds / 3600) + ':' + pad(seconds / 60 % 60) + 'h';
}

function formatDuration(seconds) {
  if (seconds < 120) {
    return formatNumber(Math.round(seconds * 10) / 10) + ' s';
  }
  const pad = (n) => String(Math.floor(n)).padStart(2, '0');
  if (seconds < 3600) {
    return Math.floor(seconds / 60) + ' min ' + pad(seconds % 60) + ' s';
  }
  return Math.floor(seconds / 3600) + ' h ' + pad(seconds / 60 % 60) + ' min';
}

function plural(count, noun) {
  return formatCount(count) + ' ' + noun + (count === 1 ? '' : 's');
}

function formatCount(count) {
  return count.toLocaleString('en');
}

// The step for about `most` ticks over `span`: one that the unit has a word for.
function niceTimeStep(span, most) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  return steps.find((step) => span / step <= most) || Math.ceil(span / most / 86400) * 86400;
}

function niceStep(span, most, unit) {
  if (unit === 'bytes') {
    return 2 ** Math.max(0, Math.ceil(Math.log2(span / most)));
  }
  const power = 10 ** Math.floor(Math.log10(span / most));
  return Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((step) => span / step <= most));
}

// The bytes of an axis whose ticks are `step` apart, in one unit and with digits enough to tell them apart.
function formatByteTick(value, step, highest) {
  let unit = 0;
  while (highest >= 1024 ** (unit + 1) && step >= 1024 ** (unit + 1) / 16 && unit + 1 < BYTE_UNITS.length) {
    ++unit;
  }
  const size = 1024 ** unit;
  const digits = step >= size ? 0 : step >= size / 2 ? 1 : 2;
  return (value / size).toLocaleString('en', {minimumFractionDigits: digits, maximumFractionDigits: digits}) + ' ' +
    BYTE_UNITS[unit];
}
