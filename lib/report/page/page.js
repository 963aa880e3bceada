// SPDX-License-Identifier: Apache-2.0
// The page, built from the report. Every text goes in as text, never as markup.

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) {
    made.className = className;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function section(title, ...children) {
  return element('section', '', element('h2', '', title), ...children);
}

// `rows` of cells; a cell is a text, a number's text in {number}, or an element.
function table(headings, rows) {
  const cell = (tag, content) => typeof content === 'object' && 'number' in content ?
    element(tag, 'number', content.number) : element(tag, '', content);
  return element('div', 'card scroll', element('table', '',
    element('thead', '', element('tr', '', ...headings.map((heading) => cell('th', heading)))),
    element('tbody', '', ...rows.map((row) => element('tr', '',
      ...row.map((content) => content instanceof HTMLTableCellElement ? content : cell('td', content)))))));
}

function capitalised(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function fact(name, value, more) {
  return element('div', '', element('dt', '', capitalised(name)), element('dd', '', value, more ? element('small', '', more) : null));
}

function howItEnded(report) {
  if (report.killed) {
    return `killed, planned for ${formatDuration(report.asked_s)}`;
  }
  const planned = `planned for ${formatDuration(report.asked_s)}`;
  return report.interrupted ? 'interrupted, ' + planned : report.ended_early ? 'ended early, ' + planned : planned;
}

function facts(report) {
  const rate = (count) => report.elapsed_s > 0 ? `${formatNumber(count / report.elapsed_s)} a second` : '';
  const rss = report.series.find((series) => series.name === 'rss' && series.timeline.length);
  const list = [
    fact('Lasted', formatDuration(report.elapsed_s), howItEnded(report)),
    fact(report.cycle_noun + 's', formatCount(report.cycles),
         report.failed_cycles ? `${formatCount(report.failed_cycles)} failed` : ''),
    ...(report.sessions > 1 ? [fact('sessions', formatCount(report.sessions),
      report.session_rss_bytes === undefined ? '' : `${formatBytes(report.session_rss_bytes)} each`)] : []),
    ...Object.entries(report.counters).slice(0, 4).map(([name, count]) => fact(name, formatCount(count), rate(count))),
  ];
  if (rss) {
    list.push(fact('Highest RSS', formatBytes(rss.peak ? rss.peak[VALUE] : rss.timeline[0][VALUE])));
  }
  list.push(
    fact('Mode', report.mode, report.clock === 'virtual' ? 'on a virtual clock' : 'on the real clock'),
    fact('Started', report.started.slice(0, 10), report.started.slice(11, 19) + ' UTC'),
    fact('Seed', element('span', 'mono', report.seed)));
  return element('dl', 'facts', ...list);
}

// The verdict of a soak of which parts are still to come is no verdict yet.
function outcome(report) {
  if (!report.verdict.passed) {
    return 'FAIL';
  }
  if (report.verdict.bound_asked && report.verdict.inconclusive.length && !report.parts_left) {
    return 'INCONCLUSIVE';
  }
  const parts = report.parts.length;
  return report.parts_left ? `PART ${parts} of ${parts + report.parts_left}` : 'PASS';
}

function verdict(report) {
  const manner = {FAIL: ' failed', INCONCLUSIVE: ' unsure'}[outcome(report)] || '';
  return element('section', 'card verdict' + manner,
    element('header', '', element('span', 'badge', outcome(report)), element('h1', '', report.title),
            element('span', 'muted', report.name)),
    element('p', 'summary mono', report.summary), facts(report));
}

function evidence(item) {
  const stack = item.text.includes('\n');
  return [element('dt', '', item.label), element('dd', stack ? 'mono' : '', item.text)];
}

function findings(report) {
  const cards = (found, manner) => found.map((finding) => element('article', 'card finding' + manner, element('h3', '', finding.text),
    finding.evidence.length ? element('dl', 'evidence', ...finding.evidence.flatMap(evidence)) : null));
  const {findings: wrong, inconclusive} = report.verdict;
  return [
    wrong.length ? section(wrong.length === 1 ? 'Finding' : `${wrong.length} findings`, ...cards(wrong, '')) : null,
    inconclusive.length ? section('Not certain', ...cards(inconclusive, ' unsure')) : null,
  ];
}

function rerun(report) {
  return report.rerun ? section('Rerun', element('code', 'rerun', report.rerun)) : null;
}

function notes(report) {
  return report.verdict.remarks.length ?
    section('Notes', element('ul', 'notes', ...report.verdict.remarks.map((remark) => element('li', '', remark)))) : null;
}

function drawing(markup) {
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const set = (node, attributes) => Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
  set(picture, {width: 24, height: 12, viewBox: '0 0 24 12', 'aria-hidden': true});
  for (const [shape, attributes] of markup) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', shape);
    set(node, attributes);
    picture.append(node);
  }
  return picture;
}

function legend(report) {
  const line = (y, attributes) => ['line', {x1: 0, x2: 24, y1: y, y2: y, 'stroke-width': 2, ...attributes}];
  const upright = (attributes) => ['line', {x1: 12, x2: 12, y1: 0, y2: 12, 'stroke-width': 1.5, ...attributes}];
  const trends = report.verdict.trends.filter((trend) => !trend.not_judged);
  const has = (kind) => report.marks.some((mark) => (mark.kind === 'fault') === (kind === 'fault'));
  const entries = [
    ['over time', [line(6, {stroke: 'var(--series)'})], true],
    ['lowest to highest', [['rect', {width: 24, height: 12, fill: 'var(--band)'}]],
     report.series.some((series) => series.timeline.some((point) => point.length > HIGHEST))],
    ['quiescent point', [['circle', {cx: 12, cy: 6, r: 4, fill: 'var(--card)', stroke: 'var(--series)', 'stroke-width': 1.5}]], true],
    ['fitted growth', [line(6, {stroke: 'var(--fit)', 'stroke-dasharray': '6 4'})], trends.some(grows)],
    ['where growth began, and how well that is known',
     [['rect', {x: 2, width: 20, height: 12, fill: 'var(--onset)'}], upright({stroke: 'var(--fit)', 'stroke-dasharray': '2 3'})],
     trends.some(grows)],
    ['where growth ended', [upright({stroke: 'var(--rested)', 'stroke-dasharray': '2 3'})], trends.some((trend) => trend.rest)],
    ['restart', [upright({stroke: 'var(--restart)'})], report.restarts.length],
    ['no samples', [['rect', {width: 24, height: 12, fill: 'var(--gap)'}]],
     report.series.some((series) => gapsOf(report, series).length)],
    ['warm-up', [['rect', {width: 24, height: 12, fill: 'var(--warm-up)'}]], trends.some((trend) => trend.warm_up_s > 0)],
    [report.cycle_noun, [upright({y1: 5, stroke: 'var(--cycle)'})], report.cycles],
    ['fault', [upright({stroke: 'var(--fault)', 'stroke-dasharray': '4 3'})], has('fault')],
    ['note', [upright({stroke: 'var(--note)', 'stroke-dasharray': '4 3'})], has('note')],
  ];
  return element('ul', 'legend', ...entries.filter(([, , shown]) => shown)
    .map(([text, markup]) => element('li', '', drawing(markup), text)));
}

function trendText(trend) {
  const per = ` per ${trend.per}`;
  const growth = formatGrowth(trend.growth, trend.unit) + per;
  if (trend.state === 'certain') {
    return `${growth} since ${formatClock(trend.since_s)}` + (trend.leak ? '' : ', which is allowed');
  }
  if (trend.state === 'likely') {
    return `${growth} since ${formatClock(trend.since_s)}, not certain`;
  }
  if (trend.rest) {
    return `grew by ${formatValue(trend.rest.grown, trend.unit)} until ${formatClock(trend.rest.since_s)}, then rested`;
  }
  return 'no growth' + (trend.excluded === null ? '' : `; more than ${formatValue(trend.excluded, trend.unit)}${per} is excluded`);
}

function manner(trend) {
  return trend.leak ? ' leak' : trend.state === 'likely' ? ' unsure' : '';
}

// When the memory limit is reached.
function forecast(trend) {
  const reached = trend && trend.limit_reached;
  if (!reached) {
    return '';
  }
  const latest = reached.latest_s === null ? 'never' : formatDuration(reached.latest_s);
  return `; at this growth the limit is reached in ${formatDuration(reached.expected_s)} ` +
    `(${formatDuration(reached.earliest_s)} to ${latest})`;
}

function chartCard(report, series) {
  const trend = trendOf(report, series);
  const unjudged = report.verdict.trends.find((other) => other.series === series.name && other.not_judged);
  const title = element('header', '', element('h3', '', series.name),
    trend ? element('span', 'growth' + manner(trend), trendText(trend)) : null,
    !trend && unjudged ? element('span', 'growth', 'not judged: ' + unjudged.not_judged) : null);
  if (!series.timeline.length) {
    const why = series.available ? 'no samples' : series.unavailable;
    return {card: element('article', 'card chart', title, element('p', 'muted', why))};
  }
  const [first, last] = (series.ends || [series.timeline[0], series.timeline.at(-1)]).map((point) => point[VALUE]);
  const peak = series.peak ? series.peak[VALUE] : Math.max(first, last);
  const value = (number) => formatValue(number, series.unit);
  const relation = series.part_of ? `part of ${series.part_of}; ` : series.stands_for ? `counts the same as ${series.stands_for}; ` : '';
  const words = `${relation}${value(first)} → ${value(last)}, highest ${value(peak)}; ${plural(series.samples, 'sample')}, ` +
    plural(series.rests === undefined ? series.at_rest.length : series.rests, 'quiescent point') + forecast(trend);
  const canvas = element('canvas');
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', `${series.name} over time: ${words}`);
  return {card: element('article', 'card chart', title, element('div', 'plot', canvas), element('footer', '', words)), canvas};
}

// What has nothing to see takes a line, not a chart.
function isEmpty(report, series) {
  const zero = (point) => point[VALUE] === 0 && highest(point) === 0;
  return series.timeline.length > 0 && series.timeline.every(zero) && series.at_rest.every(zero) && !trendOf(report, series);
}

function chartSection(report) {
  const cards = [];
  const group = (title, members, intro) => {
    const empty = members.filter((series) => isEmpty(report, series));
    const shown = members.filter((series) => !isEmpty(report, series)).map((series) => ({series, ...chartCard(report, series)}));
    cards.push(...shown);
    // Those with something to see come first.
    shown.sort((a, b) => Boolean(b.canvas) - Boolean(a.canvas));
    return members.length === 0 ? null : section(title, intro, element('div', 'charts', ...shown.map(({card}) => card)),
      empty.length ? element('p', 'muted', `Always 0: ${empty.map((series) => series.name).join(', ')}`) : null);
  };
  const shown = [
    group('What the process held', report.series.filter((series) => !series.part_of), legend(report)),
    group('Breakdown', report.series.filter((series) => series.part_of), null),
  ];
  return {shown, draw: () => cards.filter(({canvas}) => canvas).forEach((card) => drawChart(card.canvas, report, card.series))};
}

// Of each series that has a curve: the smallest leak that would have been seen, by when it began.
function unseenSection(report) {
  const cards = report.verdict.trends.filter((trend) => !trend.not_judged && excludedRates(trend).length > 1).map((trend) => {
    const canvas = element('canvas');
    const rates = excludedRates(trend);
    const rate = ([, value]) => `${formatValue(value, trend.unit)} per ${trend.per}`;
    const words = `above ${rate(rates[0])} if it began at the start, above ${rate(rates.at(-1))} if it began at ` +
      `${formatClock(rates.at(-1)[AT])}; of later ones nothing is known`;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `unseen ${trend.series} per ${trend.per}: a leak is seen ${words}`);
    return {trend, canvas, card: element('article', 'card chart small', element('header', '', element('h3', '', trend.series),
      element('span', 'growth', `per ${trend.per}`)), element('div', 'plot', canvas), element('footer', '', 'Seen ' + words))};
  });
  return {
    shown: cards.length ? section('What could not be seen', element('p', 'muted',
      'The smallest leak that would have been seen, by when it began. A leak in the shaded area may be there.'),
      element('div', 'charts', ...cards.map(({card}) => card))) : null,
    draw: () => cards.forEach(({canvas, trend}) => drawExcluded(canvas, report, trend)),
  };
}

function trendRow(report, trend) {
  const name = `${trend.series} per ${trend.per}`;
  if (trend.not_judged) {
    const cell = element('td', 'muted', 'not judged: ' + trend.not_judged);
    cell.colSpan = 6;
    return [name, cell];
  }
  const growth = (value) => ({number: formatGrowth(value, trend.unit)});
  return [
    name, growth(trend.growth),
    {number: `${formatGrowth(trend.low, trend.unit)} to ${formatGrowth(trend.high, trend.unit)}`},
    {number: formatValue(trend.excluded, trend.unit)}, growth(trend.per_day), {number: formatClock(trend.warm_up_s)},
    element('td', manner(trend).trim(), trendVerdict(report, trend))];
}

function trendVerdict(report, trend) {
  if (!grows(trend)) {
    return trend.rest ? trendText(trend) : 'no growth';
  }
  const since = `${formatClock(trend.since_s)}, ${report.cycle_noun} ${formatCount(trend.since_cycle)}`;
  // Within a minute it is known well enough.
  const between = trend.since_latest_s - trend.since_earliest_s > 60 ?
    ` (between ${formatClock(trend.since_earliest_s)} and ${formatClock(trend.since_latest_s)})` : '';
  const certain = trend.state === 'likely' ? 'may grow' : trend.leak ? 'grows' : 'grows, as allowed,';
  const bound = trend.bound ? `; the bound is ${trend.bound.state}` : '';
  return `${certain} since ${since}${between}${bound}`;
}

function trends(report) {
  if (!report.verdict.trends.length) {
    return null;
  }
  const confidence = Math.round((report.verdict.trends.find((trend) => trend.confidence) || {confidence: 0.99}).confidence * 1000) / 10;
  return section('How each series grows', table(
    ['Series', {number: 'Growth'}, {number: `${confidence}% interval`}, {number: 'Excluded above'}, {number: 'Per day'},
     {number: 'Warm-up until'}, 'Verdict'],
    report.verdict.trends.map((trend) => trendRow(report, trend))));
}

function counters(report) {
  const rows = [[report.cycle_noun + 's', report.cycles], ...Object.entries(report.counters)];
  return section('Counters', table(['Counter', {number: 'Count'}, {number: 'Per second'}, {number: `Per ${report.cycle_noun}`}],
    rows.map(([name, count]) => [name, {number: formatCount(count)},
      {number: report.elapsed_s > 0 ? formatNumber(count / report.elapsed_s) : ''},
      {number: report.cycles > 0 ? formatNumber(count / report.cycles) : ''}])));
}

function parts(report) {
  if (!report.parts.length) {
    return null;
  }
  const day = (started) => started.replace('T', ' ').replace('Z', ' UTC');
  return section('Run in parts', table(['Part', 'Started', {number: 'From'}, {number: 'To'}, {number: capitalised(report.cycle_noun) + 's'},
                                        {number: 'Due'}, 'Ended'],
    report.parts.map((part, i) => [String(i + 1), day(part.started), {number: formatClock(part.from_s)}, {number: formatClock(part.to_s)},
      {number: formatCount(part.cycles)}, {number: formatCount(part.cycles_due)}, part.interrupted ? 'interrupted' : 'complete'])));
}

function traffic(report) {
  if (!report.traffic.length) {
    return null;
  }
  const thirds = ['first', 'second', 'last'];
  const late = report.traffic.filter((row) => row.late_buckets);
  const lateness = late.length ? table(['Late by', {number: 'Median'}, {number: '99th percentile'}, {number: 'Maximum'}],
    late.map((row) => [row.counter, ...[row.late_p50_s, row.late_p99_s, row.late_max_s].map((s) => ({number: formatMilliseconds(s)}))])) : null;
  return section('Traffic against its schedule', table(['Counter', 'Third', {number: 'Due'}, {number: 'Happened'}, {number: 'Share'}],
    report.traffic.flatMap((row) => thirds.map((third, i) => [row.counter, third, {number: formatCount(row.due_by_third[i])},
      {number: formatCount(row.met_by_third[i])},
      {number: row.due_by_third[i] ? (100 * row.met_by_third[i] / row.due_by_third[i]).toFixed(1) + '%' : ''}]))), lateness);
}

function answers(report) {
  const counts = report.answers;
  if (!counts) {
    return null;
  }
  const names = {turns: 'Turns', asked: 'Asked for', received: 'Received', failed: 'Failed', lost: 'Lost with the connection', unanswered: 'Never came',
                 cut_off: 'Cut off by this side', errors: 'Error events', invalid_events: 'Invalid events'};
  const times = [['End of speech to first audio', 'first_audio'], ['Longest gap in an answer', 'gap']].filter(([, of]) => `${of}_buckets` in counts);
  return section('Answers', table(['What became of them', {number: 'Count'}],
    Object.entries(names).map(([name, label]) => [label, {number: formatCount(counts[name])}])),
    times.length ? table(['Time', {number: 'Median'}, {number: '99th percentile'}, {number: 'Maximum'}],
      times.map(([label, of]) => [label, ...['p50', 'p99', 'max'].map((at) => ({number: formatMilliseconds(counts[`${of}_${at}_s`])}))])) : null);
}

function openTime(report) {
  const time = report.open_time;
  return time ? section('Time with a session open', table([{number: 'Wanted'}, {number: 'Open'}, {number: 'Share'}],
    [[{number: `${formatNumber(time.wanted_s)} s`}, {number: `${formatNumber(time.open_s)} s`},
      {number: (100 * time.share).toFixed(2) + '%'}]])) : null;
}

function sessionCost(report) {
  const cost = report.session_cost;
  if (!cost) {
    return null;
  }
  const millicores = (cores) => `${formatNumber(cores * 1000)}m`;
  const rows = [['Memory', cost.memory_bytes, formatBytes], ['Processor', cost.processor_cores, millicores]].filter(([, of]) => of);
  return section('What a session costs', table(
    ['', {number: 'A session'}, {number: '99% interval'}, {number: 'Without any'}, {number: `Peak, ${plural(cost.sessions_peak, 'session')}`}],
    rows.map(([name, of, format]) => [name, {number: format(of.per_session)}, {number: `${format(of.low)} to ${format(of.high)}`},
      {number: format(of.base)}, {number: format(of.peak)}])));
}

function marks(report) {
  if (!report.marks.length) {
    return null;
  }
  const dropped = report.marks_dropped ? element('p', 'muted', `${plural(report.marks_dropped, 'later mark')} not kept`) : null;
  return section('Marks', table([{number: 'At'}, 'Kind', 'What'],
    report.marks.map((mark) => [{number: formatClock(mark.at_s, true)}, mark.kind, mark.text])), dropped);
}

function restarts(report) {
  return report.restarts.length ? section('Restarts', table([{number: 'At'}, 'What'],
    report.restarts.map((restart) => [{number: formatClock(restart.at_s, true)}, restart.text]))) : null;
}

function failures(report) {
  return report.failures.length ?
    section(`Failed ${report.cycle_noun}s`, element('ul', 'notes', ...report.failures.map((text) => element('li', '', text)))) : null;
}

function settings(report) {
  return report.settings.length ? section('Settings', table(['Option', 'Value', 'Set by'],
    report.settings.map((setting) => [setting.name, setting.value, setting.source]))) : null;
}

function show(report) {
  const drawn = chartSection(report);
  const unseen = unseenSection(report);
  const draw = () => {
    drawn.draw();
    unseen.draw();
  };
  const page = document.getElementById('page');
  page.append(...[
    verdict(report), ...findings(report), rerun(report), notes(report), ...drawn.shown, trends(report), unseen.shown, restarts(report),
    element('div', 'tables', ...[parts(report), counters(report), traffic(report), openTime(report), sessionCost(report), answers(report), marks(report), failures(report), settings(report)].filter(Boolean)),
    element('p', 'colophon', `soak.report version ${report.version}. Charts by Chart.js ${Chart.version}, MIT licence.`),
  ].filter(Boolean));
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  draw();
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    clearCharts();
    draw();
  });
  document.documentElement.dataset.ready = String(charts.length);
}

// Before it is parsed, since a number of JavaScript is too small for every seed.
const text = document.getElementById('report').textContent.replace(/"seed": (\d+)/, '"seed": "$1"');
show(JSON.parse(text));
