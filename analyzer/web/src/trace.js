// A trace as the page uses it: the compact tables of the analyzer, with the questions that the views ask.
import { visible } from './text.js';

const KINDS = ['native', 'js', 'builtin', 'seam'];
const LONGEST = 400; // characters of a name: a longer one is nobody's to read

export const METRICS = {
  growth: { title: 'Growth', isBytes: true },
  outstanding: { title: 'Outstanding', isBytes: true },
  allocated: { title: 'Allocated', isBytes: true },
  calls: { title: 'Calls', isBytes: false },
  temporary: { title: 'Temporary', isBytes: false },
};

export const SLICES = 64; // of the window, in each curve
export const WHOLE = [0, SLICES];

export class Trace {
  constructor(raw) {
    Object.assign(this, raw);
    const strings = raw.strings.map((text) => visible(text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text));
    this.program = visible(raw.program);
    this.frames = raw.frames.map(([name, place, kind, owner]) => ({
      name: strings[name], place: strings[place], kind: KINDS[kind], owner: strings[owner],
    }));
    this.sites.forEach((site, i) => (site.rank = i + 1));
  }

  frame(node) {
    return this.frames[this.nodes.frame[node]];
  }

  // The nodes of a site's stack, leaf first.
  stack(site) {
    const list = [];
    for (let node = site.node; node >= 0; node = this.nodes.parent[node]) list.push(node);
    return list;
  }

  // What a site is called in a row: the function by which its package was entered, and whose JavaScript asked.
  label(site) {
    if (site.label) return site.label;
    let own = null;
    let script = null;
    let borrowed = null; // JavaScript of a package, where there is none of the application
    let inside = null;
    for (const node of this.stack(site)) {
      const frame = this.frame(node);
      if (frame.kind === 'seam') continue;
      if (inside === null && frame.owner) inside = frame.owner;
      if (inside !== null && frame.owner === inside && frame.kind === 'native') own = frame;
      if (inside === null && frame.kind !== 'js' && !frame.name.startsWith('[')) own ??= frame;
      if (frame.kind !== 'js' || frame.place.startsWith('node:')) continue;
      if (frame.owner) borrowed ??= frame;
      else script ??= frame;
    }
    script ??= borrowed;
    site.label = {
      name: own ? own.name : script ? script.name : '(no stack)',
      owner: inside ?? '',
      script: script ? `${script.name}  ${script.place}` : '',
    };
    return site.label;
  }

  packages() {
    return [...new Set(this.sites.map((site) => this.label(site).owner).filter(Boolean))].sort();
  }

  // Tells of a site whether a frame on its stack says the term. A node's parent stands before it in the table, so one pass
  // over the table knows all stacks.
  matcher(term) {
    if (!term) return () => true;
    const lower = term.toLowerCase();
    const frame = this.frames.map(({ name, place, owner }) => `${name} ${place} ${owner}`.toLowerCase().includes(lower));
    const { parent, frame: of } = this.nodes;
    const node = new Uint8Array(parent.length);
    for (let i = 0; i < node.length; i++) node[i] = frame[of[i]] || (parent[i] >= 0 && node[parent[i]]) ? 1 : 0;
    return (site) => site.node >= 0 && node[site.node] === 1;
  }

  // The value of a site between two slices of the window. What was allocated is known for the whole window only.
  value(site, metric, [from, to] = WHOLE) {
    if (!site.level || (from === 0 && to === SLICES)) return site[metric];
    if (metric === 'growth') return site.level[to] - site.level[from];
    return metric === 'outstanding' ? site.level[to] : site[metric];
  }
}
