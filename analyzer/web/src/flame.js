// The flame graph of a trace.
import flamegraph, { tooltip } from 'd3-flame-graph';
import { select } from 'd3-selection';
import { METRICS } from './trace.js';
import { bytes, count } from './text.js';

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const LEAST_PIXELS = 1;

// The tree of what is positive, root first.
function treeOf(trace, metric, window, owner) {
  const root = { name: 'all', value: 0, children: [], kind: 'builtin', place: '' };
  const made = new Map();
  const nodeOf = (id) => {
    if (id < 0) return root;
    let node = made.get(id);
    if (!node) {
      const frame = trace.frame(id);
      node = { name: frame.name, place: frame.place, kind: frame.kind, owner: frame.owner, value: 0, children: [] };
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
  return root;
}

export class Flame {
  constructor(element, detail) {
    this.element = element;
    this.detail = detail;
  }

  draw(trace, { metric, window, owner, icicle }) {
    this.element.replaceChildren();
    const tree = treeOf(trace, metric, window, owner);
    if (!tree.value) {
      this.element.textContent = 'Nothing to draw: no call site has more of this at the end.';
      this.chart = null;
      return;
    }
    const size = (value) => (METRICS[metric].isBytes ? bytes(value) : count(value));
    const say = ({ data }) =>
      `${data.name}${data.place ? `  ${data.place}` : ''}${data.owner ? `  in ${data.owner}` : ''}: ` +
      `${size(data.value)}, ${((100 * data.value) / tree.value).toFixed(1)} %`;
    const color = { native: css('--native'), js: css('--js'), builtin: css('--builtin'), seam: css('--seam') };
    this.chart = flamegraph()
      .width(this.element.clientWidth)
      .cellHeight(19)
      .minFrameSize(LEAST_PIXELS)
      .transitionDuration(matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 250)
      .inverted(icicle)
      .sort((a, b) => b.data.value - a.data.value)
      .setColorMapper((d, original) => (d.highlight ? original : color[d.data.kind]))
      .setLabelHandler(say)
      .tooltip(tooltip.defaultFlamegraphTooltip().text(say))
      .onClick((d) => (this.detail.textContent = say(d)));
    this.chart.setSearchMatch?.((d, term) =>
      `${d.data.name} ${d.data.place} ${d.data.owner}`.toLowerCase().includes(term.toLowerCase()));
    select(this.element).datum(tree).call(this.chart);
  }

  search(term) {
    if (!this.chart) return;
    if (term) this.chart.search(term);
    else this.chart.clear();
  }

  zoomOut() {
    this.chart?.resetZoom();
    this.detail.textContent = '';
  }
}
