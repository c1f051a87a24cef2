// The flame graph of a trace, or of the difference of two. By the keyboard: arrows go from frame to frame, Enter zooms,
// Escape zooms out; what is under the cursor is said in the line below, which a screen reader reads out.
import flamegraph, { tooltip } from 'd3-flame-graph';
import { select } from 'd3-selection';
import { METRICS } from './trace.js';
import { bytes, change, count } from './text.js';

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const LEAST_PIXELS = 1;
const LEAST_SHARE = 1e-5; // of the whole: what is less is not seen even in a branch of a hundredth

const newNode = ({ name, place, kind, owner }) => ({ name, place, kind, owner, value: 0, children: [] });
const newRoot = () => newNode({ name: 'all', place: '', kind: 'builtin', owner: '' });

// The tree of what is positive, root first.
function treeOf(trace, { metric, window, owner }) {
  const root = newRoot();
  const made = new Map();
  const nodeOf = (id) => {
    if (id < 0) return root;
    let node = made.get(id);
    if (!node) {
      node = newNode(trace.frame(id));
      made.set(id, node);
      nodeOf(trace.nodes.parent[id]).children.push(node);
    }
    return node;
  };
  for (const site of trace.sites) {
    const value = trace.value(site, metric, window);
    if (!(value > 0) || (owner && trace.label(site).owner !== owner)) continue;
    root.value += value;
    for (let id = site.node; id >= 0; id = trace.nodes.parent[id]) nodeOf(id).value += value;
  }
  for (const node of [root, ...made.values()]) node.children = node.children.filter((child) => child.value >= LEAST_SHARE * root.value);
  return root;
}

// The tree of what changed: a frame is as wide as all changes in it, up or down, and knows both sides' sums. Offsets in
// code without names differ between versions; such frames go by their module.
function treeOfChanges(diff, traces, owner) {
  const root = Object.assign(newRoot(), { a: 0, b: 0 });
  for (const row of diff.sites) {
    const { trace, site } = shownSide(row, traces);
    if (owner && trace.label(site).owner !== owner) continue;
    let at = root;
    const add = () => {
      at.a += row.a;
      at.b += row.b;
      at.value += Math.abs(row.b - row.a);
    };
    add();
    for (const id of trace.stack(site).reverse()) {
      const frame = trace.frame(id);
      const name = frame.name.replace(/\+0x[0-9a-f]+$/, '');
      if (name !== frame.name && at.name === name) continue;
      let next = at.children.find((child) => child.name === name && child.kind === frame.kind);
      if (!next) at.children.push((next = Object.assign(newNode({ ...frame, name }), { a: 0, b: 0 })));
      at = next;
      add();
    }
  }
  return root;
}

// The side of a row of the difference whose stack is shown: the one that has more.
export function shownSide(row, traces) {
  const side = row.a_node >= 0 && (row.b_node < 0 || row.a > row.b) ? 0 : 1;
  row.sites ??= [{ node: row.a_node }, { node: row.b_node }];
  return { trace: traces[side], site: row.sites[side] };
}

export class Flame {
  constructor(element, detail) {
    Object.assign(this, { element, detail });
    element.addEventListener('keydown', (event) => this.onKey(event));
    element.addEventListener('focus', () => this.chart && this.moveTo(this.cursor ?? this.root()));
  }

  draw(trace, view) {
    const tree = view.diff ? treeOfChanges(view.diff, view.traces, view.owner) : treeOf(trace, view);
    const size = view.diff || METRICS[view.metric].isBytes ? bytes : count;
    const figures = (data) => (view.diff
      ? `A ${bytes(data.a)}, B ${bytes(data.b)}, ${change(data.b - data.a)}`
      : `${size(data.value)}, ${((100 * data.value) / tree.value).toFixed(1)} %`);
    this.say = ({ data }) =>
      `${data.name}${data.place ? `  ${data.place}` : ''}${data.owner ? `  in ${data.owner}` : ''}: ${figures(data)}`;
    this.icicle = view.icicle;
    this.cursor = null;
    document.querySelectorAll('.d3-flame-graph-tip').forEach((tip) => tip.remove());
    this.element.replaceChildren();
    this.detail.textContent = '';
    if (!tree.value) {
      this.element.textContent = 'Nothing to draw: no call site has more of this at the end.';
      this.chart = null;
      return;
    }
    this.chart = this.make(tree, view.diff);
    select(this.element).datum(tree).call(this.chart);
    // Both say what the line below says.
    for (const part of [this.element.querySelector('svg'), document.querySelector('.d3-flame-graph-tip')]) part.setAttribute('aria-hidden', 'true');
  }

  make(tree, diff) {
    const color = { native: css('--native'), js: css('--js'), builtin: css('--builtin'), seam: css('--seam') };
    const [grew, shrank] = [css('--grown'), css('--shrunk')];
    const plain = ({ data }) => (diff ? (data.b > data.a ? grew : data.b < data.a ? shrank : color.builtin) : color[data.kind]);
    return flamegraph()
      .width(this.element.clientWidth)
      .cellHeight(19)
      .minFrameSize(LEAST_PIXELS)
      .transitionDuration(matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 250)
      .inverted(this.icicle)
      .sort((a, b) => b.data.value - a.data.value)
      .setColorMapper((d) => (d.highlight ? css('--found') : plain(d)))
      .setLabelHandler(this.say)
      .setSearchMatch((d, term) => `${d.data.name} ${d.data.place} ${d.data.owner}`.toLowerCase().includes(term.toLowerCase()))
      .setSearchHandler(() => {})
      .tooltip(tooltip.defaultFlamegraphTooltip().text(this.say))
      .onClick((d) => this.moveTo(d));
  }

  root() {
    return select(this.element).datum();
  }

  moveTo(node) {
    this.cursor = node;
    this.detail.textContent = this.say(node);
    select(this.element).selectAll('g.frame').classed('cursor', (d) => d === node);
  }

  // The frames that are drawn, beside or below one.
  visible(nodes) {
    const root = this.root();
    const scale = this.element.clientWidth / (root.x1 - root.x0);
    return (nodes ?? []).filter((node) => (node.x1 - node.x0) * scale > LEAST_PIXELS);
  }

  onKey(event) {
    const at = this.cursor;
    if (!this.chart || !at) return;
    const beside = (step) => {
      const all = this.visible(at.parent?.children);
      return all[all.indexOf(at) + step];
    };
    const moves = {
      [this.icicle ? 'ArrowDown' : 'ArrowUp']: () => this.visible(at.children)[0],
      [this.icicle ? 'ArrowUp' : 'ArrowDown']: () => at.parent,
      ArrowLeft: () => beside(-1),
      ArrowRight: () => beside(1),
      Home: () => this.root(),
    };
    if (moves[event.key]) {
      const next = moves[event.key]();
      if (next) this.moveTo(next);
    } else if (event.key === 'Enter') {
      this.chart.zoomTo(at);
      this.moveTo(at);
    } else if (event.key === 'Escape') {
      this.zoomOut();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  search(term) {
    if (!this.chart) return;
    if (term) this.chart.search(term);
    else this.chart.clear();
  }

  zoomOut() {
    this.chart?.resetZoom();
    this.cursor = null;
    this.detail.textContent = '';
  }
}
