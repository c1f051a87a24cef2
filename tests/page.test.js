// The page of `residue html` in a headless browser: fast, quiet, and deaf to what a trace says in its names.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');
const { record, residue, root } = require('./lib/residue');

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(fs.existsSync);
const READY_MS = 2000;
const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');
const tests = path.join(root, 'tests', 'node');

async function open(t, file, options = {}) {
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
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

test('the page of a sharp trace: loads at once, zooms, searches, and takes its window from the curve', async (t) => {
  const { folder, trace } = record(t, [process.execPath, worker, '120', 'leaky']);
  const file = write(t, folder, trace);
  for (const colorScheme of ['light', 'dark']) {
    const { page, heard, ms } = await open(t, file, { colorScheme });
    const sites = Number((await page.getAttribute('body', 'data-ready')).replaceAll(',', ''));
    t.diagnostic(`${colorScheme}: ${sites} call sites, ready after ${ms} ms`);
    assert.ok(sites > 10_000);
    assert.ok(ms < READY_MS, `ready after ${ms} ms`);

    assert.match(await page.textContent('#sites tbody tr:first-child'), /vips::VImage::webpsave_buffer/);
    await page.click('#sites tbody tr:first-child');
    assert.match(await page.textContent('#frames'), /queued by[^]*main/);
    await page.keyboard.press('Escape');
    assert.ok(await page.isHidden('#stack'));
    await page.focus('#sites tbody tr:nth-child(2)');
    await page.keyboard.press('Enter');
    assert.ok(await page.isVisible('#stack'), 'a row opens by the keyboard');
    await page.keyboard.press('Escape');

    const widest = () => page.$$eval('#flame rect', (all) => all.filter((rect) => rect.getBoundingClientRect().width > 1200).length);
    const before = await widest();
    await page.locator('#flame .d3-flame-graph-label:text-is("toBuffer")').first().click({ force: true });
    await page.waitForTimeout(600);
    assert.match(await page.textContent('#flame-detail'), /^toBuffer/);
    assert.ok((await widest()) >= before, 'a click zooms');
    await page.click('#zoom-out');

    await page.fill('#search', 'webpsave');
    await page.waitForTimeout(300);
    const found = await page.$$eval('#sites td.text', (all) => all.map((cell) => cell.textContent));
    assert.ok(found.length > 3 && found.every((name) => !/BackingStore/.test(name)), 'the table has what was searched for');
    const colors = await page.$$eval('#flame rect', (all) => new Set(all.map((rect) => rect.getAttribute('fill'))).size);
    assert.ok(colors > 3, 'what is found has a color of its own');
    await page.fill('#search', '');

    const growth = () => page.textContent('#sites tbody tr:first-child td:nth-child(2)');
    const whole = await growth();
    await page.locator('#timeline').scrollIntoViewIfNeeded();
    const box = await page.locator('#timeline .u-over').boundingBox();
    await page.mouse.move(box.x + box.width * 0.1, box.y + 50);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
    await page.mouse.up();
    assert.match(await page.textContent('#window'), /Growth from/);
    assert.notStrictEqual(await growth(), whole, 'the brush changes the table');
    await page.click('#reset-window');
    assert.strictEqual(await growth(), whole);

    await page.selectOption('#metric', 'calls');
    await page.selectOption('#package', '@img/sharp-linux-x64@0.33.5');
    assert.deepStrictEqual(heard, []);
  }
});

test('two traces and their difference', async (t) => {
  const { folder, trace } = record(t, [process.execPath, worker, '40', 'leaky']);
  const fixed = record(t, [process.execPath, worker, '40', 'fixed']).trace;
  const { page, heard } = await open(t, write(t, folder, trace, fixed));
  assert.match(await page.textContent('#verdict'), /A against B/);
  assert.match(await page.textContent('#sites tbody tr:first-child'), /^-\d+\.\d MiB.*gone/);
  await page.click('#traces button:nth-child(1)');
  assert.match(await page.textContent('#sites tbody tr:first-child'), /\+(9|10)\.\d MiB/);
  assert.deepStrictEqual(heard, []);
});

test('names that are markup are shown as text', async (t) => {
  const { folder, trace } = record(t, [process.execPath, path.join(tests, 'hostile.js')]);
  const file = write(t, folder, trace);
  assert.ok(fs.statSync(file).size < 50 << 20, 'a name of 10 MB is cut');
  const { page, heard } = await open(t, file);
  await page.fill('#search', 'onclick=alert');
  await page.waitForTimeout(300);
  const text = await page.textContent('#sites');
  assert.ok(text.includes('<b onclick=alert(1)>0.js'), 'the name of the file stands there as it is');
  for (const row of await page.$$('#sites tbody tr')) await row.click();
  assert.strictEqual(await page.$$eval('b, img', (all) => all.length), 0, 'an element that a name made');
  assert.notStrictEqual(await page.title(), 'broken');
  assert.deepStrictEqual(heard, []);
});
