// The page: reads the data that stands in it, and ties the views together.
import './style.css';
import { Flame } from './flame.js';
import { Table } from './table.js';
import { drawTimeline, showWindow } from './timeline.js';
import { METRICS, SLICES, Trace, WHOLE } from './trace.js';
import { bytes, change, count, make, seconds } from './text.js';

const at = (id) => document.getElementById(id);
const data = JSON.parse(at('data').textContent);
const traces = data.traces.map((raw) => new Trace(raw));
data.diff?.sites.forEach((row, i) => (row.rank = i + 1));
const view = { trace: traces[0], traces, metric: 'growth', window: WHOLE, owner: '', search: '', icicle: true, tab: 0, diff: null };

const flame = new Flame(at('flame'), at('flame-detail'));
const table = new Table(at('sites'), at('more'), at('site-count'), showStack);

// From the verdict to the call site that it rests on: the table stands below a flame graph of several screens.
function leadTo(trace, site) {
  if (!site) return [];
  const { name, owner, script } = trace.label(site);
  const link = make('a', { href: '#call-sites', text: `Call site #${site.rank}` });
  return [make('p', {}, link, make('span', { text: `: ${[name, owner, script && `called by ${script}`].filter(Boolean).join(', ')}` }))];
}

function showHead() {
  const { trace } = view;
  document.title = `residue: ${trace.program}`;
  at('program').textContent = trace.program;
  at('process').textContent = `${trace.process} · ${trace.window.from_s.toFixed(1)} s to ${trace.window.to_s.toFixed(1)} s: ${trace.window.why}`;
  const verdict = at('verdict');
  verdict.className = trace.verdict.cause;
  verdict.replaceChildren(make('strong', { text: trace.verdict.headline }), make('span', { text: trace.verdict.advice }));
  if (trace.verdict.cause === 'leak' && !view.diff) verdict.append(...leadTo(trace, trace.sites[0]));
  if (data.diff) verdict.append(make('p', { text: `A against B: ${data.diff.verdict}. ${(100 * data.diff.matched).toFixed(1)} % of what is outstanding stands on call sites of both.` }));
}

function showLedger() {
  const { ledger } = view.trace;
  const table = at('ledger');
  if (!ledger) {
    table.replaceChildren(make('tbody', {}, make('tr', {}, make('td', { class: 'text', text: 'The trace has no sample of all mappings.' }))));
    return;
  }
  const head = make('tr', {}, make('th', { scope: 'col', class: 'text', text: 'What' }),
    ...[`at ${seconds(ledger.start_s)}`, `at ${seconds(ledger.end_s)}`, 'change'].map((text) => make('th', { scope: 'col', text })));
  const rows = ledger.rows.map(([text, start, end]) => make('tr', {}, make('th', { scope: 'row', class: 'text', text }),
    make('td', { text: bytes(start) }), make('td', { text: bytes(end) }),
    make('td', { text: change(end - start), class: end > start ? 'up' : end < start ? 'down' : undefined })));
  table.replaceChildren(make('thead', {}, head), make('tbody', {}, ...rows));
}

let opener; // has the focus back when the stack is closed

function showStack(site, trace, button) {
  const frames = trace.stack(site).map((node) => {
    const frame = trace.frame(node);
    if (frame.kind === 'seam') return make('li', { class: 'seam', text: `- - - ${frame.function ?? 'queued by'} - - -` });
    return make('li', { class: frame.kind, text: frame.name }, (frame.place || frame.owner) && make('small', { text: [frame.place, frame.owner].filter(Boolean).join('  in ') }));
  });
  at('frames').replaceChildren(...frames);
  at('stack').hidden = false;
  at('close-stack').focus();
  opener = button;
}

function hideStack() {
  if (at('stack').hidden) return;
  at('stack').hidden = true;
  opener?.focus();
}

function drawTable() {
  if (view.diff) table.changes(view.diff, traces, view);
  else table.sites(view.trace, view);
}

function redraw() {
  flame.draw(view.trace, view);
  flame.search(view.search);
  drawTable();
}

// A window in seconds, by the brush or by the two fields; null: the whole.
function chooseWindow(from, to) {
  const { from_s, to_s } = view.trace.window;
  const slice = (time) => Math.min(SLICES, Math.max(0, Math.round(((time - from_s) / (to_s - from_s || 1)) * SLICES)));
  const whole = from === null;
  // What the fields show is what is taken, whether it was dragged or typed.
  at('from').value = (whole ? from_s : Math.max(from, from_s)).toFixed(2);
  at('to').value = (whole ? to_s : Math.min(to, to_s)).toFixed(2);
  view.window = whole ? WHOLE : [slice(Number(at('from').value)), slice(Number(at('to').value))];
  at('window').textContent = whole ? '' : `Growth from ${at('from').value} s to ${at('to').value} s.`;
  at('reset-window').hidden = whole;
  redraw();
}

function typeWindow() {
  const [from, to] = [Number(at('from').value), Number(at('to').value)];
  if (!(from < to)) return;
  showWindow(view.plot, from, to);
  chooseWindow(from, to);
}

function resetWindow() {
  showWindow(view.plot, null);
  chooseWindow(null);
}

function fillPackages() {
  at('package').replaceChildren(make('option', { value: '', text: 'all' }), ...view.trace.packages().map((name) => make('option', { value: name, text: name })));
}

// Draw what depends on the colours of the scheme and the width of the window.
function drawAgain() {
  view.plot = drawTimeline(at('timeline'), view.trace, chooseWindow);
  if (view.window !== WHOLE) showWindow(view.plot, Number(at('from').value), Number(at('to').value));
  redraw();
}

function choose(tab) {
  view.tab = tab;
  view.diff = tab === traces.length ? data.diff : null;
  view.trace = traces[Math.min(tab, traces.length - 1)];
  [...at('traces').children].forEach((button, i) => button.setAttribute('aria-pressed', String(i === tab)));
  view.owner = '';
  document.body.classList.toggle('diff', Boolean(view.diff));
  showHead();
  showLedger();
  fillPackages();
  at('metric').disabled = Boolean(view.diff);
  view.plot = drawTimeline(at('timeline'), view.trace, chooseWindow);
  chooseWindow(null);
}

function start() {
  for (const [name, { title }] of Object.entries(METRICS)) at('metric').append(make('option', { value: name, text: title }));
  if (traces.length > 1)
    [...traces.map((trace, i) => `${'AB'[i]}: ${trace.name}`), 'Difference'].forEach((text, i) => {
      const button = make('button', { text });
      button.addEventListener('click', () => choose(i));
      at('traces').append(button);
    });
  const on = (id, event, act) => at(id).addEventListener(event, act);
  on('metric', 'change', (event) => ((view.metric = event.target.value), redraw()));
  on('package', 'change', (event) => ((view.owner = event.target.value), redraw()));
  on('icicle', 'change', (event) => ((view.icicle = event.target.checked), redraw()));
  let pending;
  const later = (act) => {
    clearTimeout(pending);
    pending = setTimeout(act, 150);
  };
  on('search', 'input', (event) => {
    view.search = event.target.value;
    later(() => {
      flame.search(view.search);
      drawTable();
    });
  });
  on('zoom-out', 'click', () => flame.zoomOut());
  on('from', 'change', typeWindow);
  on('to', 'change', typeWindow);
  on('reset-window', 'click', resetWindow);
  on('close-stack', 'click', hideStack);
  addEventListener('keydown', (event) => event.key === 'Escape' && hideStack());
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAgain);
  let width = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth === width) return; // a phone's bars come and go
    width = innerWidth;
    later(drawAgain);
  });
  choose(data.diff ? traces.length : 0);
  document.body.dataset.ready = count(view.trace.sites.length);
}

start();
