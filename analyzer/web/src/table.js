// Tables: the call sites of a trace, sortable, with a curve of each; the rows of a difference.
import { shownSide } from './flame.js';
import { bytes, change, count, make } from './text.js';

const STEP = 100; // rows shown at a time

function spark(level) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'spark');
  svg.setAttribute('viewBox', '0 0 64 20');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', `from ${bytes(level[0])} to ${bytes(level[level.length - 1])}, at most ${bytes(Math.max(...level))}`);
  const most = Math.max(...level, 1);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', level.map((value, i) => `${i ? 'L' : 'M'}${i} ${(19 - (18 * value) / most).toFixed(2)}`).join(''));
  svg.append(path);
  return svg;
}

// The name is a button: what opens the stack can be reached and is announced as such.
function nameCell(label) {
  return make('td', { class: 'text' }, make('button', { class: 'name', text: label.name }),
    label.owner && make('small', { text: label.owner }), label.script && make('small', { text: label.script }));
}

const signed = (value) => make('td', { text: change(value), class: value > 0 ? 'up' : value < 0 ? 'down' : undefined });
const plain = (text) => make('td', { text });
const isLeak = (site) => site.verdict === 'leak';

const SITES = [
  { key: 'rank', title: '#', value: (site) => -site.rank, cell: (site) => plain(String(site.rank)) },
  { key: 'growth', title: 'Growth', value: (site, v) => v(site, 'growth'), cell: (site, v) => signed(v(site, 'growth')) },
  { minor: true, title: 'Curve', cell: (site) => make('td', {}, site.level && spark(site.level)) },
  { minor: true, key: 'outstanding', title: 'Outstanding', value: (site, v) => v(site, 'outstanding'), cell: (site, v) => plain(bytes(v(site, 'outstanding'))) },
  { minor: true, key: 'blocks', title: 'Blocks', value: (site) => site.blocks, cell: (site) => plain(count(site.blocks)) },
  { minor: true, key: 'calls', title: 'Calls', value: (site) => site.calls, cell: (site) => plain(count(site.calls)) },
  {
    key: 'rate', title: 'Verdict', value: (site) => (isLeak(site) ? site.rate : -1),
    cell: (site) => make('td', { text: isLeak(site) ? `leak ${bytes(site.rate)}/s` : site.verdict, class: isLeak(site) ? 'leak-word' : undefined }),
  },
];

const CHANGES = [
  { key: 'rank', title: '#', value: (row) => -row.rank, cell: (row) => plain(String(row.rank)) },
  { key: 'change', title: 'Change', value: (row) => row.b - row.a, cell: (row) => signed(row.b - row.a) },
  { key: 'a', title: 'A', value: (row) => row.a, cell: (row) => plain(bytes(row.a)) },
  { key: 'b', title: 'B', value: (row) => row.b, cell: (row) => plain(bytes(row.b)) },
  { title: 'Became', cell: (row) => plain(row.change) },
];

export class Table {
  constructor(element, more, note, onChoose) {
    Object.assign(this, { element, more, note, onChoose, sort: 'rank', shown: STEP });
    more.addEventListener('click', () => {
      this.shown += STEP;
      this.draw();
    });
  }

  head() {
    const cells = this.columns.map(({ key, title, minor }) => {
      if (!key) return make('th', { scope: 'col', text: title, class: minor && 'minor' });
      const button = make('button', { text: title });
      button.addEventListener('click', () => {
        this.sort = key;
        this.draw();
        this.element.querySelector('[aria-sort] button').focus();
      });
      return make('th', { scope: 'col', class: minor && 'minor', 'aria-sort': this.sort === key ? 'descending' : undefined }, button);
    });
    return make('thead', {}, make('tr', {}, ...cells, make('th', { scope: 'col', class: 'text', text: 'Call site' })));
  }

  cell(column, item) {
    const cell = column.cell(item, this.value);
    if (column.minor) cell.classList.add('minor'); // no room for it on a telephone
    return cell;
  }

  row(item) {
    const { trace, site } = this.source(item);
    const row = make('tr', {}, ...this.columns.map((column) => this.cell(column, item)), nameCell(trace.label(site)));
    row.addEventListener('click', () => {
      this.element.querySelectorAll('.chosen').forEach((other) => other.classList.remove('chosen'));
      row.classList.add('chosen');
      this.onChoose(site, trace, row.querySelector('button.name'));
    });
    return row;
  }

  sites(trace, view) {
    this.columns = SITES;
    this.source = (site) => ({ trace, site });
    this.value = (site, metric) => trace.value(site, metric, view.window);
    const matches = trace.matcher(view.search);
    this.items = trace.sites.filter((site) => (!view.owner || trace.label(site).owner === view.owner) && matches(site));
    this.omitted = trace.omitted;
    this.total = null;
    this.draw();
  }

  changes(diff, traces, view) {
    const matches = new Map(traces.map((trace) => [trace, trace.matcher(view.search)]));
    this.columns = CHANGES;
    this.source = (row) => shownSide(row, traces);
    this.items = diff.sites.filter((row) => {
      const { trace, site } = shownSide(row, traces);
      return (!view.owner || trace.label(site).owner === view.owner) && matches.get(trace)(site);
    });
    this.omitted = diff.omitted;
    this.total = diff.total;
    this.draw();
  }

  // What both sides have in all, so that the rows can be seen to add up.
  foot() {
    if (!this.total) return null;
    const [a, b] = this.total;
    return make('tfoot', {}, make('tr', {}, plain(''), signed(b - a), plain(bytes(a)), plain(bytes(b)), plain(''), make('td', { class: 'text', text: 'all call sites' })));
  }

  draw() {
    const { value } = this.columns.find((column) => column.key === this.sort) ?? this.columns[0];
    const sorted = this.items.map((item) => [value(item, this.value), item]).sort((a, b) => b[0] - a[0]);
    const rows = sorted.slice(0, this.shown).map(([, item]) => this.row(item));
    this.element.replaceChildren(...[this.head(), make('tbody', {}, ...rows), this.foot()].filter(Boolean));
    this.more.hidden = sorted.length <= this.shown;
    this.more.textContent = `Show more (${count(sorted.length - this.shown)} left)`;
    this.note.textContent = `${count(sorted.length)} call sites${this.omitted ? `; ${count(this.omitted)} more of less weight are not in this page` : ''}.`;
  }
}
