// The table of call sites, sortable, with a curve of each.
import { bytes, change, count, make } from './text.js';

const STEP = 100; // rows shown at a time

function spark(level) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'spark');
  svg.setAttribute('viewBox', '0 0 64 20');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const most = Math.max(...level, 1);
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  path.setAttribute('d', level.map((value, i) => `${i ? 'L' : 'M'}${i} ${(19 - (18 * value) / most).toFixed(2)}`).join(''));
  svg.append(path);
  return svg;
}

function nameCell(label) {
  const cell = make('td', { class: 'text', text: label.name });
  if (label.owner) cell.append(make('small', { text: label.owner }));
  if (label.script) cell.append(make('small', { text: label.script }));
  return cell;
}

const signed = (value) => make('td', { text: change(value), class: value > 0 ? 'up' : value < 0 ? 'down' : undefined });
const plain = (text) => make('td', { text });

const COLUMNS = [
  { key: 'rank', title: '#', value: (site) => -site.rank, cell: (_, site) => plain(String(site.rank)) },
  { key: 'growth', title: 'Growth', value: (site, v) => v.growth(site), cell: (v, site) => signed(v.growth(site)) },
  { title: 'Curve', cell: (_, site) => make('td', {}, site.level && spark(site.level)) },
  { key: 'outstanding', title: 'Outstanding', value: (site) => site.outstanding, cell: (_, site) => plain(bytes(site.outstanding)) },
  { key: 'blocks', title: 'Blocks', value: (site) => site.blocks, cell: (_, site) => plain(count(site.blocks)) },
  { key: 'calls', title: 'Calls', value: (site) => site.calls, cell: (_, site) => plain(count(site.calls)) },
  {
    key: 'rate', title: 'Verdict', value: (site) => (site.verdict === 'leak' ? site.rate : -1),
    cell: (_, site) =>
      make('td', { text: site.verdict === 'leak' ? `leak ${bytes(site.rate)}/s` : site.verdict, class: site.verdict === 'leak' ? 'leak-word' : undefined }),
  },
  { title: 'Call site', text: true, cell: (v, site) => nameCell(v.label(site)) },
];

export class Table {
  constructor(element, more, onChoose) {
    Object.assign(this, { element, more, onChoose, sort: 'rank', shown: STEP });
    more.addEventListener('click', () => {
      this.shown += STEP;
      this.draw(this.trace, this.view);
    });
  }

  head() {
    const cells = COLUMNS.map(({ key, title, text }) => {
      if (!key) return make('th', { scope: 'col', text: title, class: text ? 'text' : undefined });
      const button = make('button', { text: title });
      button.addEventListener('click', () => {
        this.sort = key;
        this.draw(this.trace, this.view);
      });
      return make('th', { scope: 'col', 'aria-sort': this.sort === key ? 'descending' : undefined }, button);
    });
    return make('thead', {}, make('tr', {}, ...cells));
  }

  row(values, site) {
    const row = make('tr', { tabindex: '0' }, ...COLUMNS.map((column) => column.cell(values, site)));
    const choose = () => {
      this.element.querySelectorAll('[aria-selected]').forEach((other) => other.removeAttribute('aria-selected'));
      row.setAttribute('aria-selected', 'true');
      this.onChoose(site);
    };
    row.addEventListener('click', choose);
    row.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        choose();
      }
    });
    return row;
  }

  draw(trace, view) {
    Object.assign(this, { trace, view });
    const values = { growth: (site) => trace.value(site, 'growth', view.window), label: (site) => trace.label(site) };
    const { value } = COLUMNS.find((column) => column.key === this.sort);
    const term = view.search.toLowerCase();
    const matches = (site) =>
      trace.stack(site).some((node) => {
        const frame = trace.frame(node);
        return `${frame.name} ${frame.place} ${frame.owner}`.toLowerCase().includes(term);
      });
    const sites = trace.sites
      .filter((site) => (!view.owner || trace.label(site).owner === view.owner) && (!term || matches(site)))
      .map((site) => [value(site, values), site])
      .sort((a, b) => b[0] - a[0])
      .map(([, site]) => site);
    const body = make('tbody', {}, ...sites.slice(0, this.shown).map((site) => this.row(values, site)));
    this.element.replaceChildren(this.head(), body);
    this.more.hidden = sites.length <= this.shown;
    this.more.textContent = `Show more (${count(sites.length - this.shown)} left)`;
  }
}
