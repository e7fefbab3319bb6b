// The browser app against a real server: README.md beside this file says how to run it.
import { Skip, check, launchChromium, runCases, until } from './browser_session.mjs';

const server = process.env.NARTHEX_URL?.replace(/\/?$/, '/');
if (!server) {
  console.error('NARTHEX_URL is not set: give the root of a running server, such as http://127.0.0.1:9090');
  process.exit(2);
}
const query = process.env.QUERY ?? 'rate(node_cpu_seconds_total[1m])';
const complete = process.env.COMPLETE ?? 'node_cp';
const waitSeconds = Number(process.env.WAIT_SECONDS ?? 60);

const address = (path) => new URL(path, server).href;
const editor = (page) => page.getByRole('textbox', { name: 'PromQL expression' }).first();
const execute = (page) => page.getByRole('button', { name: 'Execute' }).first();
const legendRows = (page) => page.getByRole('list', { name: 'Legend' }).getByRole('button');
const tableRows = (page) => page.getByRole('table', { name: 'Query result' }).locator('tbody tr');
const withoutSpace = (text) => text.replaceAll(/\s+/g, '');

async function api(path) {
  const response = await fetch(address(`api/v1/${path}`));
  return (await response.json()).data;
}

/** Pixels of the graph that have a colour: lines, not axes or background. */
function colouredPixels(page) {
  return page.locator('.chart canvas').first().evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4)
      if (data[i + 3] > 100 && Math.max(data[i], data[i + 1], data[i + 2]) - Math.min(data[i], data[i + 1], data[i + 2]) > 50) count++;
    return count;
  });
}

async function type(page, text) {
  await editor(page).click();
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Delete');
  await page.keyboard.type(text, { delay: 20 });
}

/** A server just started has no two samples yet: asks again until the result is there. */
async function executeUntil(page, rows) {
  const found = await until(
    async () => {
      await execute(page).click();
      return until(async () => (await rows(page).count()) > 0, 2);
    },
    waitSeconds,
    1000,
  );
  check(found, `no result of ${query} in ${waitSeconds} s`);
}

const cases = [
  ['the server root leads to the query page', async (page) => {
    await page.goto(address(''));
    check(/\/query$/.test(new URL(page.url()).pathname), `at ${page.url()}`);
    await editor(page).waitFor();
  }],
  ['the editor shows the expression of the address', async (page) => {
    await page.goto(address(`query?g0.expr=${encodeURIComponent(query)}&g0.tab=0&g0.range_input=15m`));
    await editor(page).waitFor();
    const shown = await editor(page).innerText();
    check(withoutSpace(shown) === withoutSpace(query), `it shows ${shown}`);
  }],
  ['executing draws a graph', async (page) => {
    await executeUntil(page, legendRows);
    const coloured = await until(() => colouredPixels(page), 5);
    check(coloured > 100, `only ${coloured} coloured pixels`);
  }],
  ['a click in the legend hides a series, and again shows it', async (page) => {
    const first = legendRows(page).first();
    await first.click();
    check((await first.getAttribute('aria-pressed')) === 'false', 'it is still shown');
    await first.click();
    check((await first.getAttribute('aria-pressed')) === 'true', 'it is still hidden');
  }],
  ['dragging over the graph zooms in, Back undoes it', async (page) => {
    const range = page.getByRole('textbox', { name: 'Range', exact: true });
    const before = await range.inputValue();
    const plot = await page.locator('.chart .u-over').boundingBox();
    await page.mouse.move(plot.x + plot.width * 0.3, plot.y + plot.height / 2);
    await page.mouse.down();
    await page.mouse.move(plot.x + plot.width * 0.7, plot.y + plot.height / 2, { steps: 5 });
    await page.mouse.up();
    check(await until(async () => (await range.inputValue()) !== before, 5), `the range is still ${before}`);
    await page.goBack();
    check(await until(async () => (await range.inputValue()) === before, 5), 'Back did not restore the range');
  }],
  ['the stacked graph is drawn', async (page) => {
    await page.getByText('Stacked', { exact: true }).click();
    await legendRows(page).first().waitFor();
    const coloured = await until(() => colouredPixels(page), 5);
    check(coloured > 100, `only ${coloured} coloured pixels`);
  }],
  ['the table shows rows', async (page) => {
    await page.getByRole('tab', { name: 'Table' }).click();
    await executeUntil(page, tableRows);
    check(/\d/.test(await tableRows(page).first().locator('td').last().innerText()), 'the first row has no value');
  }],
  ['the address keeps the panel', async (page) => {
    const params = new URL(page.url()).searchParams;
    check(params.get('g0.expr') === query && params.get('g0.tab') === 'table', page.url());
  }],
  [`typing ${complete} offers completions`, async (page) => {
    await type(page, complete);
    const options = page.getByRole('option');
    await options.first().waitFor({ timeout: 10_000 });
    const texts = (await options.allInnerTexts()).join(' ');
    check(texts.includes(complete), `offered: ${texts.slice(0, 200)}`);
  }],
  ['Enter picks a completion, Enter again executes', async (page) => {
    await page.waitForTimeout(150); // CodeMirror ignores keys for a moment, so that nobody picks by accident
    await page.keyboard.press('Enter');
    const picked = await editor(page).innerText();
    check(picked.trim().length > complete.length, `the editor has ${picked}`);
    await page.keyboard.press('Enter');
    check(await until(() => new URL(page.url()).searchParams.get('g0.expr') === picked.trim(), 5), 'it was not executed');
  }],
  ['formatting rewrites the expression', async (page) => {
    await type(page, 'sum( up )by(job)');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Format the expression' }).click();
    const formatted = async () => (await editor(page).innerText()).trim() === 'sum by (job) (up)';
    check(await until(formatted, 5), `the editor has ${await editor(page).innerText()}`);
  }],
  ['a wrong expression shows the parser’s error', async (page) => {
    await page.goto(address(`query?g0.expr=${encodeURIComponent('sum((up)')}`));
    await page.getByRole('alert').filter({ hasText: 'parse error' }).first().waitFor({ timeout: 10_000 });
  }],
  ['the targets page lists targets as UP', async (page) => {
    await page.goto(address('targets'));
    const up = page.locator('tr[data-health="up"]').filter({ hasText: 'UP' });
    const found = await until(async () => {
      if ((await up.count()) > 0) return true;
      await page.getByRole('button', { name: 'Refresh' }).click();
      return false;
    }, waitSeconds, 1000);
    check(found, 'none is UP');
    const { activeTargets } = await api('targets?state=active');
    check((await page.locator('tr[data-health]').count()) === activeTargets.length, 'not all targets are listed');
  }],
  ['the targets page filters by text', async (page) => {
    await page.getByRole('searchbox').fill('no such target anywhere');
    await page.getByText('No target matches the filter').waitFor({ timeout: 5000 });
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await page.locator('tr[data-health]').first().waitFor({ timeout: 5000 });
  }],
  ['the alerts page lists the alerting rules', async (page) => {
    await page.goto(address('alerts'));
    await page.getByRole('heading', { name: 'Alerts' }).waitFor();
    const { groups } = await api('rules?type=alert');
    const names = groups.flatMap((group) => group.rules.map((rule) => rule.name));
    if (names.length === 0) {
      await page.getByText('No alerting rules').waitFor({ timeout: 5000 });
      throw new Skip('the server has no alerting rules');
    }
    for (const name of names) await page.locator('.rule').filter({ hasText: name }).first().waitFor({ timeout: 5000 });
  }],
  ['the dark theme stays after a reload', async (page) => {
    await page.goto(address('targets'));
    await page.getByRole('button', { name: /^Theme/ }).click();
    await page.getByRole('menuitem', { name: 'Dark' }).click();
    await page.reload();
    await page.getByRole('heading', { name: 'Targets' }).waitFor();
    const scheme = await page.locator('html').getAttribute('data-mantine-color-scheme');
    check(scheme === 'dark', `the scheme is ${scheme}`);
  }],
];

const browser = await launchChromium();
const page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
page.setDefaultTimeout(15_000);
const faults = [];
page.on('pageerror', (fault) => faults.push(fault.message));
cases.push(['no script failed meanwhile', async () => check(faults.length === 0, faults.join('; '))]);

const allPassed = await runCases(page, cases);
await browser.close();
process.exitCode = allPassed ? 0 : 1;
