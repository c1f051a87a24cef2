// Allocates under names that a page must show as text: markup, quotes, marks that turn the direction of text, 10 MB.

const vm = require('node:vm');

const held = [];
globalThis.keep = (size) => held.push(Buffer.allocUnsafeSlow(size));
const names = [
  '<script>document.title = "broken"</script>',
  '</script><img src=x onerror=alert(1)>',
  `"quoted' \\\\ and & so on`,
  '\u202egnp.exe\u2069',
  'x'.repeat(10_000_000),
];
names.forEach((name, i) => {
  const script = `({ ${JSON.stringify(name)}() { keep(${100_000 + i}); } })`;
  vm.runInThisContext(script, { filename: `<b onclick=alert(1)>${i}.js` })[name]();
});
