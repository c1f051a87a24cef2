// Numbers for people, as the text report writes them.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(number) {
  let value = Math.abs(number);
  let unit = 0;
  while (value >= 1023.95 && unit + 1 < UNITS.length) {
    value /= 1024;
    unit++;
  }
  return `${number < 0 ? '-' : ''}${unit ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

export const change = (number) => (number > 0 ? '+' : '') + bytes(number);
export const count = (number) => Math.round(number).toLocaleString('en-US');
export const seconds = (number) => (number < 120 ? `${number.toFixed(1)} s` : `${Math.floor(number / 60)} min ${Math.round(number % 60)} s`);

// An element with text and children. Nothing from a trace ever becomes markup: text goes in as text.
export function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children.filter(Boolean));
  return element;
}

// A name as it can be read: what steers a terminal or turns the direction of the text around it is shown by its number.
export function visible(text) {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (mark) =>
    `\\u{${mark.codePointAt(0).toString(16)}}`);
}
