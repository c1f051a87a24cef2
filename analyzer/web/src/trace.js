// A trace as the page uses it: the compact tables of the analyzer, with the questions that the views ask.

const KINDS = ['native', 'js', 'builtin', 'seam'];
const LONGEST = 400; // characters of a name: a longer one is nobody's to read

export const METRICS = {
  growth: { title: 'Growth', isBytes: true },
  outstanding: { title: 'Outstanding', isBytes: true },
  allocated: { title: 'Allocated', isBytes: true },
  calls: { title: 'Calls', isBytes: false },
  temporary: { title: 'Temporary', isBytes: false },
};

export class Trace {
  constructor(raw) {
    Object.assign(this, raw);
    this.strings = raw.strings.map((text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text));
    this.slices = raw.window.to_s - raw.window.from_s;
    this.sites.forEach((site, i) => (site.rank = i + 1));
  }

  frame(node) {
    const [name, place, kind, owner] = this.frames[this.nodes.frame[node]];
    return { name: this.strings[name], place: this.strings[place], kind: KINDS[kind], owner: this.strings[owner] };
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
      if (inside === null && !own && frame.kind === 'native') own = frame;
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

  // The value of a site between two slices of the window.
  value(site, metric, [from, to] = [0, 64]) {
    if (metric !== 'growth' || !site.level) return site[metric];
    return site.level[to] - site.level[from];
  }
}
