// The page: reads the data that stands in it, and ties the views together.
import './style.css';
import { Flame } from './flame.js';
import { Table } from './table.js';
import { drawTimeline } from './timeline.js';
import { METRICS, Trace } from './trace.js';
import { bytes, change, count, make, seconds } from './text.js';

const SLICES = 64;
const at = (id) => document.getElementById(id);
const data = JSON.parse(at('data').textContent);
const traces = data.traces.map((raw) => new Trace(raw));
const view = { trace: traces[0], metric: 'growth', window: [0, SLICES], owner: '', search: '', icicle: true };

const flame = new Flame(at('flame'), at('flame-detail'));
const table = new Table(at('sites'), at('more'), showStack);

function showHead() {
  const { trace } = view;
  document.title = `residue: ${trace.program}`;
  at('program').textContent = trace.program;
  at('process').textContent = `${trace.process} · ${trace.window.from_s.toFixed(1)} s to ${trace.window.to_s.toFixed(1)} s: ${trace.window.why}`;
  const verdict = at('verdict');
  verdict.className = trace.verdict.cause;
  verdict.replaceChildren(make('strong', { text: trace.verdict.headline }), make('span', { text: trace.verdict.advice }));
  if (data.diff) verdict.append(make('p', { text: `A against B: ${data.diff.verdict}. ${(100 * data.diff.matched).toFixed(1)} % of what is outstanding stands on call sites of both.` }));
}

function showLedger() {
  const { ledger } = view.trace;
  const table = at('ledger');
  if (!ledger) {
    table.replaceChildren(make('tbody', {}, make('tr', {}, make('td', { class: 'text', text: 'The trace has no sample of all mappings.' }))));
    return;
  }
  const head = make('tr', {}, make('th', { scope: 'col', class: 'text', text: '' }),
    ...[`at ${seconds(ledger.start_s)}`, `at ${seconds(ledger.end_s)}`, 'change'].map((text) => make('th', { scope: 'col', text })));
  const rows = ledger.rows.map(([text, start, end]) => make('tr', {}, make('td', { class: 'text', text }),
    make('td', { text: bytes(start) }), make('td', { text: bytes(end) }),
    make('td', { text: change(end - start), class: end > start ? 'up' : end < start ? 'down' : undefined })));
  table.replaceChildren(make('thead', {}, head), make('tbody', {}, ...rows));
}

function drawDiff() {
  const body = make('tbody', {}, ...data.diff.sites.map((row) => {
    const side = row.a_node >= 0 && (row.b_node < 0 || row.a > row.b) ? 0 : 1;
    const site = { node: side ? row.b_node : row.a_node };
    const label = traces[side].label(site);
    const element = make('tr', { tabindex: '0' }, make('td', { text: change(row.b - row.a), class: row.b > row.a ? 'up' : 'down' }),
      make('td', { text: bytes(row.a) }), make('td', { text: bytes(row.b) }), make('td', { text: row.change }),
      make('td', { class: 'text', text: label.name }, label.owner && make('small', { text: label.owner }), label.script && make('small', { text: label.script })));
    const choose = () => showStack(site, traces[side]);
    element.addEventListener('click', choose);
    element.addEventListener('keydown', (event) => event.key === 'Enter' && choose());
    return element;
  }));
  const head = make('tr', {}, ...['Change', 'A', 'B', ''].map((text) => make('th', { scope: 'col', text })), make('th', { scope: 'col', class: 'text', text: 'Call site' }));
  at('sites').replaceChildren(make('thead', {}, head), body);
  at('more').hidden = true;
}

function showStack(site, trace = view.trace) {
  const frames = trace.stack(site).map((node) => {
    const frame = trace.frame(node);
    if (frame.kind === 'seam') return make('li', { class: 'seam', text: `- - - ${frame.function ?? 'queued by'} - - -` });
    return make('li', { text: frame.name }, (frame.place || frame.owner) && make('small', { text: [frame.place, frame.owner].filter(Boolean).join('  in ') }));
  });
  at('frames').replaceChildren(...frames);
  at('stack').hidden = false;
}

function redraw() {
  flame.draw(view.trace, view);
  flame.search(view.search);
  if (view.diff) drawDiff();
  else table.draw(view.trace, view);
}

function chooseWindow(from, to) {
  const { from_s, to_s } = view.trace.window;
  const slice = (time) => Math.min(SLICES, Math.max(0, Math.round(((time - from_s) / (to_s - from_s || 1)) * SLICES)));
  view.window = from === null ? [0, SLICES] : [slice(from), slice(to)];
  at('window').textContent = from === null ? '' : `Growth from ${seconds(Math.max(from, from_s))} to ${seconds(Math.min(to, to_s))}.`;
  at('reset-window').hidden = from === null;
  redraw();
}

function fillPackages() {
  at('package').replaceChildren(make('option', { value: '', text: 'all' }), ...view.trace.packages().map((name) => make('option', { value: name, text: name })));
}

function choose(index) {
  view.diff = index === traces.length;
  view.trace = traces[Math.min(index, traces.length - 1)];
  [...at('traces').children].forEach((button, i) => button.setAttribute('aria-selected', String(i === index)));
  view.window = [0, SLICES];
  view.owner = '';
  showHead();
  showLedger();
  fillPackages();
  view.plot = drawTimeline(at('timeline'), view.trace, chooseWindow);
  redraw();
}

function start() {
  for (const [name, { title }] of Object.entries(METRICS)) at('metric').append(make('option', { value: name, text: title }));
  if (traces.length > 1)
    [...traces.map((trace, i) => `${'AB'[i]}: ${trace.name}`), 'Difference'].forEach((text, i) => {
      const button = make('button', { role: 'tab', text });
      button.addEventListener('click', () => choose(i));
      at('traces').append(button);
    });
  const on = (id, event, act) => at(id).addEventListener(event, act);
  on('metric', 'change', (event) => ((view.metric = event.target.value), redraw()));
  on('package', 'change', (event) => ((view.owner = event.target.value), redraw()));
  on('icicle', 'change', (event) => ((view.icicle = event.target.checked), redraw()));
  on('search', 'input', (event) => {
    view.search = event.target.value;
    flame.search(view.search);
    if (!view.diff) table.draw(view.trace, view);
  });
  on('zoom-out', 'click', () => flame.zoomOut());
  on('reset-window', 'click', () => (view.plot?.setSelect({ left: 0, width: 0, top: 0, height: 0 }), chooseWindow(null)));
  on('close-stack', 'click', () => (at('stack').hidden = true));
  addEventListener('keydown', (event) => event.key === 'Escape' && (at('stack').hidden = true));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => choose(0));
  let pending;
  addEventListener('resize', () => {
    clearTimeout(pending);
    pending = setTimeout(() => {
      view.plot?.setSize({ width: at('timeline').clientWidth, height: 220 });
      redraw();
    }, 150);
  });
  choose(data.diff ? traces.length : 0);
  document.body.dataset.ready = count(view.trace.sites.length);
}

start();
