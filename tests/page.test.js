// The page of `residue html` in a headless browser: fast, quiet, usable by mouse, keyboard and screen reader, and deaf to
// what a trace says in its names.
// Runs alone: it measures time.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { command, record, residue, root } = require('./lib/residue');

const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(fs.existsSync);
const READY_MS = 2000;
const FREEZE_MS = 1000; // of processor time for one answer
const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');
const tests = path.join(root, 'tests', 'node');

async function open(t, file, options = {}) {
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] });
  t.after(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, ...options });
  const heard = [];
  page.on('console', (message) => heard.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => heard.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => heard.push(`dialog: ${dialog.message()}`));
  page.on('request', (request) => request.url() === `file://${file}` || heard.push(`request: ${request.url()}`));
  const began = Date.now();
  await page.goto(`file://${file}`);
  await page.waitForSelector('body[data-ready]');
  return { page, heard, ms: Date.now() - began };
}

function write(t, folder, ...traces) {
  const file = path.join(folder, 'page.html');
  residue('html', '-o', file, ...traces);
  return file;
}

// What axe finds: missing names and roles, contrast, focus.
async function expectAccessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  assert.deepStrictEqual(told, []);
}

const growth = (page) => page.textContent('#sites tbody tr:first-child td:nth-child(2)');
const colors = (page) => page.$$eval('#flame rect', (all) => [...new Set(all.map((rect) => rect.getAttribute('fill')))].sort());
const widest = (page) => page.$$eval('#flame rect', (all) => all.filter((rect) => rect.getBoundingClientRect().width > 1200).length);
const frames = (page) => page.$$eval('#flame .d3-flame-graph-label', (all) => all.map((label) => label.textContent).join());

// Milliseconds of the page's thread that an act costs: what else the machine does is left out.
async function cost(page, act) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const spent = async () => (await session.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;
  const before = await spent();
  await act();
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
  const after = await spent();
  await session.detach();
  return Math.round(1000 * (after - before));
}

test('the page of a sharp trace', async (t) => {
  const { folder, trace } = record(t, [process.execPath, worker, '120', 'leaky', '60']); // long enough for a verdict
  const file = write(t, folder, trace);
  for (const colorScheme of ['light', 'dark'])
    await t.test(colorScheme, async (t) => {
      const { page, heard, ms } = await open(t, file, { colorScheme });
      const sites = Number((await page.getAttribute('body', 'data-ready')).replaceAll(',', ''));

      await t.test('20,000 call sites are ready within two seconds, and nothing freezes', async (t) => {
        const search = await cost(page, async () => {
          await page.fill('#search', 'webpsave');
          await page.waitForFunction(
            (most) => Number(/^[\d,]+/.exec(document.getElementById('site-count').textContent)[0].replaceAll(',', '')) < most,
            sites / 2,
          );
        });
        const metric = await cost(page, () => page.selectOption('#metric', 'allocated'));
        await page.fill('#search', '');
        await page.selectOption('#metric', 'growth');
        t.diagnostic(`${sites} call sites, ready after ${ms} ms; a search costs ${search} ms, another metric ${metric} ms`);
        assert.ok(sites > 10_000);
        assert.ok(ms < READY_MS, `ready after ${ms} ms`);
        assert.ok(Math.max(search, metric) < FREEZE_MS, `a search costs ${search} ms, another metric ${metric} ms`);
      });

      await t.test('curves of RSS, native, retained and V8; the ledger adds up to RSS', async () => {
        const legend = await page.textContent('#timeline .u-legend');
        assert.match(legend, /RSS.*native, outstanding.*retained by malloc.*V8/);
        assert.match(await page.getAttribute('#timeline', 'aria-label'), /RSS from .* to .*; native outstanding .*; retained by malloc .*, V8|V8 from/);
        assert.match(await page.textContent('#ledger tbody tr:last-child'), /^RSS/);
      });

      await t.test('the verdict leads to the call site that it rests on', async () => {
        const said = await page.textContent('#verdict p');
        assert.match(said, /^Call site #1: vips::VImage::webpsave_buffer, @img\/sharp-libvips.*, called by main .*worker\.js:\d+$/);
        await page.click('#verdict a');
        assert.ok(await page.locator('#call-sites').evaluate((head) => head.getBoundingClientRect().top < innerHeight));
        await page.evaluate(() => scrollTo(0, 0));
      });

      await t.test('a click zooms, and zooms out again', async () => {
        const before = await widest(page);
        await page.locator('#flame .d3-flame-graph-label:text-is("toBuffer")').first().click({ force: true });
        await page.waitForTimeout(600);
        assert.match(await page.textContent('#flame-detail'), /^toBuffer/);
        assert.ok((await widest(page)) >= before);
        await page.click('#zoom-out');
        assert.strictEqual(await page.textContent('#flame-detail'), '');
      });

      await t.test('root on top or below', async () => {
        await page.waitForTimeout(400);
        const height = async () => (await page.locator('#flame .d3-flame-graph-label:text-is("all")').boundingBox()).y;
        const onTop = await height();
        await page.uncheck('#icicle');
        assert.ok((await height()) > onTop + 200);
        await page.check('#icicle');
      });

      await t.test('a search highlights frames and filters the table', async () => {
        const before = await colors(page);
        await page.fill('#search', 'webpsave');
        await page.waitForTimeout(600);
        const found = await page.$$eval('#sites td.text', (all) => all.map((cell) => cell.textContent));
        assert.ok(found.length > 3 && found.every((name) => !/BackingStore/.test(name)));
        assert.ok((await colors(page)).some((color) => !before.includes(color)), 'what is found has a colour of its own');
        await page.fill('#search', '');
        await page.waitForTimeout(600);
        assert.deepStrictEqual(await colors(page), before);
        assert.ok(before.length >= 3, 'native, JavaScript and builtin have colours of their own');
      });

      await t.test('the brush, or the two fields, choose the window of table and flame graph', async () => {
        const whole = [await growth(page), await frames(page)];
        await page.locator('#timeline').scrollIntoViewIfNeeded();
        const box = await page.locator('#timeline .u-over').boundingBox();
        await page.mouse.move(box.x + box.width * 0.1, box.y + 50);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
        await page.mouse.up();
        assert.match(await page.textContent('#window'), /Growth from/);
        assert.notStrictEqual(await growth(page), whole[0], 'the brush changes the table');
        assert.notStrictEqual(await frames(page), whole[1], 'the brush changes the flame graph');
        const brushed = await growth(page);
        const [from, to] = await Promise.all([page.inputValue('#from'), page.inputValue('#to')]);
        await page.click('#reset-window');
        assert.strictEqual(await growth(page), whole[0]);
        await page.fill('#to', to);
        await page.fill('#from', from);
        await page.keyboard.press('Enter');
        assert.strictEqual(await growth(page), brushed, 'typed, it is the same window');
        await page.click('#reset-window');
      });

      await t.test('package filter and metric', async () => {
        const before = await growth(page);
        await page.selectOption('#metric', 'calls');
        await page.waitForSelector('#flame g.frame');
        await page.selectOption('#package', '@img/sharp-linux-x64@0.33.5');
        const owners = await page.$$eval('#sites td.text', (all) => all.map((cell) => cell.querySelector('small')?.textContent));
        assert.ok(owners.length && owners.every((owner) => owner === '@img/sharp-linux-x64@0.33.5'));
        await page.selectOption('#package', '');
        await page.selectOption('#metric', 'growth');
        assert.strictEqual(await growth(page), before);
      });

      await t.test('the table has a curve for each call site, sorts, and opens stacks by the keyboard', async () => {
        assert.match(await page.textContent('#sites tbody tr:first-child'), /vips::VImage::webpsave_buffer/);
        assert.match(await page.getAttribute('#sites tbody tr:first-child svg.spark', 'aria-label'), /^from 0 B to \d+\.\d MiB/);
        await page.click('#sites th button:text-is("Calls")');
        const calls = await page.$$eval('#sites tbody tr', (all) => all.map((row) => Number(row.cells[5].textContent.replaceAll(',', ''))));
        assert.deepStrictEqual(calls, [...calls].sort((a, b) => b - a));
        await page.click('#sites th button:text-is("#")');
        await page.focus('#sites tbody tr:first-child button');
        await page.keyboard.press('Enter');
        assert.match(await page.textContent('#frames'), /queued by[^]*main/);
        await page.keyboard.press('Escape');
        assert.ok(await page.isHidden('#stack'));
        assert.match(await page.evaluate(() => document.activeElement.textContent), /webpsave_buffer/, 'the focus is back');
      });

      await t.test('the flame graph by the keyboard', async () => {
        await page.focus('#flame');
        assert.match(await page.textContent('#flame-detail'), /^all: /);
        for (const key of ['ArrowDown', 'ArrowRight']) await page.keyboard.press(key);
        assert.match(await page.textContent('#flame-detail'), /^_start /);
        await page.keyboard.press('Enter');
        await page.waitForTimeout(600);
        assert.ok((await widest(page)) >= 2, 'Enter zooms');
        await page.keyboard.press('Escape');
        await page.waitForTimeout(600);
      });

      if (colorScheme === 'light') await t.test('axe finds nothing to object to', () => expectAccessible(page));

      await t.test('at 400 pixels nothing sticks out', async () => {
        await page.setViewportSize({ width: 400, height: 800 });
        await page.waitForTimeout(600);
        assert.strictEqual(await page.evaluate(() => document.documentElement.scrollWidth), 400);
        if (colorScheme === 'dark') await expectAccessible(page);
      });

      assert.deepStrictEqual(heard, [], 'no message, no error, no request');
    });
});

test('two traces and their difference, whose rows add up', async (t) => {
  const { folder, trace } = record(t, [process.execPath, worker, '40', 'leaky']);
  const fixed = record(t, [process.execPath, worker, '40', 'fixed']).trace;
  const { page, heard } = await open(t, write(t, folder, trace, fixed));
  assert.match(await page.textContent('#verdict'), /A against B/);
  assert.match(await page.textContent('#sites tbody tr:first-child'), /-\d+\.\d MiB.*gone.*webpsave_buffer/);
  const change = (row) => page.textContent(`#sites ${row} td:nth-child(2)`);
  assert.match(await change('tfoot tr'), /^-\d+\.\d MiB$/);
  // Of what changed; labels are drawn a moment after the frames.
  await page.locator('#flame', { hasText: 'vips::VImage::webpsave_buffer' }).waitFor({ timeout: 10000 });
  await page.locator('#flame .d3-flame-graph-label:text-is("vips::VImage::webpsave_buffer")').first().click({ force: true });
  assert.match(await page.textContent('#flame-detail'), /^vips::VImage::webpsave_buffer .*: A \d+\.\d MiB, B .*, -\d+\.\d MiB$/);
  await page.waitForTimeout(600);
  await expectAccessible(page);
  await page.click('#traces button:nth-child(1)');
  assert.match(await page.textContent('#sites tbody tr:first-child'), /\+(9|10)\.\d MiB/);
  assert.deepStrictEqual(heard, []);
});

test('marks stand on the curve', async (t) => {
  const { folder, trace } = record(t, [process.execPath, '-e', `
    const { execFileSync } = require('node:child_process');
    const env = { ...process.env, LD_PRELOAD: '' };
    setTimeout(() => execFileSync(${JSON.stringify(command)}, ['mark', process.env.RESIDUE_OUT.replace('%p', process.pid), 'warm'], { env }), 300);
    setTimeout(() => {}, 1500);
  `]);
  const { page, heard } = await open(t, write(t, folder, trace));
  assert.match(await page.getAttribute('#timeline', 'aria-label'), /marks: warm at \d+\.\d s/);
  assert.deepStrictEqual(heard, []);
});

test('names that are markup, turn the direction of text, or have 10 MB are shown as text', async (t) => {
  const { folder, trace } = record(t, [process.execPath, path.join(tests, 'hostile.js')]);
  const file = write(t, folder, trace);
  assert.ok(fs.statSync(file).size < 50 << 20, 'a name of 10 MB is cut');
  const { page, heard, ms } = await open(t, file);
  t.diagnostic(`ready after ${ms} ms`);
  await page.fill('#search', 'onclick=alert');
  await page.waitForTimeout(600);
  let text = '';
  for (const row of (await page.$$('#sites tbody tr')).slice(0, 5)) {
    await row.click({ position: { x: 3, y: 3 } });
    text += await page.textContent('#frames');
  }
  assert.ok(text.includes('<b onclick=alert(1)>0.js'), 'the name of the file stands there as it is');
  assert.ok(text.includes('<script>document.title = "broken"</script>'), 'and that of the function');
  assert.ok(text.includes('\\u{202e}gnp.exe\\u{2069}'), 'marks that turn text are shown by their number');
  const whole = await page.evaluate(() => document.body.innerText + [...document.querySelectorAll('[aria-label]')].map((e) => e.ariaLabel));
  assert.doesNotMatch(whole, /[\u200b-\u200f\u202a-\u202e\u2066-\u2069]/, 'no mark is left to turn what stands around it');
  assert.ok(Math.max(...whole.split(/\s/).map((word) => word.length)) < 1000, 'no name is longer than it can be read');
  assert.strictEqual(await page.$$eval('b, img', (all) => all.length), 0, 'an element that a name made');
  assert.notStrictEqual(await page.title(), 'broken');
  assert.strictEqual(await page.evaluate(() => document.documentElement.scrollWidth), 1280);
  assert.deepStrictEqual(heard, []);
});
