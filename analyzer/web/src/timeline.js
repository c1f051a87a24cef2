// Memory over time, with marks and a brush.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { bytes, seconds, visible } from './text.js';

const BINARY = Array.from({ length: 45 }, (_, i) => 2 ** i);
const HEIGHT = 240;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const last = (list) => list[list.length - 1];

// One axis of time for the samples of RSS and those, fewer, of all mappings.
function tablesOf({ timeline, curves }) {
  const main = [timeline.t, timeline.rss, timeline.live, timeline.mapped];
  return curves.t.length ? uPlot.join([main, [curves.t, curves.retained, curves.v8]]) : [...main, timeline.t.map(() => null), timeline.t.map(() => null)];
}

// The same in a sentence, for who does not see it.
export function timelineText({ timeline, curves, marks }) {
  const from = (list) => `from ${bytes(list[0])} to ${bytes(last(list))}`;
  const parts = [`RSS ${from(timeline.rss)}`, `native outstanding ${from(timeline.live)}`];
  if (curves.t.length) parts.push(`retained by malloc ${from(curves.retained)}`, `V8 ${from(curves.v8)}`);
  if (marks.length) parts.push(`marks: ${marks.map(({ name, t }) => `${visible(name)} at ${seconds(t)}`).join(', ')}`);
  return `Memory from ${seconds(timeline.t[0])} to ${seconds(last(timeline.t))}: ${parts.join('; ')}.`;
}

function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = css('--ink');
  ctx.font = `${11 * devicePixelRatio}px ui-monospace, monospace`;
  ctx.setLineDash([2, 4]);
  let free = 0;
  for (const { t, name } of marks) {
    const x = plot.valToPos(t, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const text = visible(name).slice(0, 24);
    if (x < free) continue; // its name would cover the one before
    ctx.fillText(text, x + 4, bbox.top + 11 * devicePixelRatio);
    free = x + ctx.measureText(text).width + 12;
  }
  ctx.restore();
}

export function drawTimeline(element, trace, onWindow) {
  element.replaceChildren();
  const { timeline, marks } = trace;
  if (timeline.t.length < 2) {
    element.textContent = 'Too few samples for a curve.';
    return null;
  }
  element.setAttribute('aria-label', timelineText(trace));
  const axis = { stroke: css('--soft'), grid: { stroke: css('--line'), width: 1 }, ticks: { stroke: css('--line') } };
  const curve = (label, color, options) => ({
    label, stroke: css(color), width: 2, spanGaps: true, value: (_, value) => (value == null ? '' : bytes(value)), ...options,
  });
  const plot = new uPlot(
    {
      width: element.clientWidth,
      height: HEIGHT,
      cursor: { drag: { setScale: false, x: true, y: false } },
      scales: { x: { time: false } },
      axes: [
        { ...axis, values: (_, values) => values.map((value) => `${value} s`) },
        { ...axis, size: 80, incrs: BINARY, values: (_, values) => values.map(bytes) },
      ],
      series: [
        { label: 'time', value: (_, value) => (value == null ? '' : seconds(value)) },
        curve('RSS', '--rss'),
        curve('native, outstanding', '--live'),
        curve('mapped by the program', '--soft', { width: 1, dash: [4, 3] }),
        curve('retained by malloc', '--retained', { dash: [8, 3] }),
        curve('V8', '--v8', { dash: [2, 3] }),
      ],
      hooks: {
        draw: [(u) => drawMarks(u, marks)],
        setSelect: [
          (u) => {
            if (u.select.width > 4 && !u.quiet)
              onWindow(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
          },
        ],
      },
    },
    tablesOf(trace),
    element,
  );
  plot.over.addEventListener('dblclick', () => onWindow(null));
  return plot;
}

// Show a window that was not chosen by the brush; null: none.
export function showWindow(plot, from, to) {
  if (!plot) return;
  plot.quiet = true;
  const left = from === null ? 0 : plot.valToPos(from, 'x');
  const width = from === null ? 0 : plot.valToPos(to, 'x') - left;
  plot.setSelect({ left, width, top: 0, height: width ? plot.over.clientHeight : 0 });
  plot.quiet = false;
}
