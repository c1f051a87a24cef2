// Memory over time, with a brush.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { bytes } from './text.js';

const BINARY = Array.from({ length: 45 }, (_, i) => 2 ** i);

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function drawTimeline(element, trace, onWindow) {
  element.replaceChildren();
  const { t, rss, live, mapped } = trace.timeline;
  if (t.length < 2) {
    element.textContent = 'Too few samples for a curve.';
    return null;
  }
  const axis = { stroke: css('--soft'), grid: { stroke: css('--line'), width: 1 }, ticks: { stroke: css('--line') } };
  const curve = (label, color, options) => ({
    label, stroke: css(color), width: 2, value: (_, value) => (value == null ? '' : bytes(value)), ...options,
  });
  const plot = new uPlot(
    {
      width: element.clientWidth,
      height: 220,
      cursor: { drag: { setScale: false, x: true, y: false } },
      scales: { x: { time: false } },
      axes: [
        { ...axis, values: (_, values) => values.map((value) => `${value} s`) },
        { ...axis, size: 80, incrs: BINARY, values: (_, values) => values.map(bytes) },
      ],
      series: [
        { label: 'time', value: (_, value) => (value == null ? '' : `${value.toFixed(1)} s`) },
        curve('RSS', '--rss'),
        curve('native, outstanding', '--live'),
        curve('mapped by the program', '--soft', { width: 1, dash: [4, 3] }),
      ],
      hooks: {
        setSelect: [
          (u) => {
            if (u.select.width > 4)
              onWindow(u.posToVal(u.select.left, 'x'), u.posToVal(u.select.left + u.select.width, 'x'));
          },
        ],
      },
    },
    [t, rss, live, mapped],
    element,
  );
  plot.over.addEventListener('dblclick', () => onWindow(null));
  return plot;
}
