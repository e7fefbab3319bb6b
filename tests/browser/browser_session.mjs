// Chromium for the tests, and the runner that prints one line per case.
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(new URL('../../web/ui/package.json', import.meta.url));
const { chromium } = require('playwright-core');

export function launchChromium() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export class Skip extends Error {}

/** Throws unless true; the text says what was expected. */
export function check(condition, text) {
  if (!condition) throw new Error(text);
}

/** Asks until the answer is true or the time is over. Returns the last answer. */
export async function until(ask, seconds, everyMs = 250) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer || Date.now() > end) return answer;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Runs the cases one after the other in one page. Returns whether none failed. */
export async function runCases(page, cases) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [number, [name, run]] of cases.entries()) {
    const outcome = await runCase(page, run);
    counts[outcome.kind]++;
    console.log(`${outcome.kind.padEnd(7)} ${name}${outcome.text ? `: ${outcome.text}` : ''}`);
    await screenshot(page, `${String(number + 1).padStart(2, '0')}-${name.replaceAll(/[^a-z0-9]+/gi, '-')}`);
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0;
}

async function runCase(page, run) {
  try {
    await run(page);
    return { kind: 'passed' };
  } catch (problem) {
    const text = problem.message.split('\n')[0];
    return { kind: problem instanceof Skip ? 'skipped' : 'failed', text };
  }
}

async function screenshot(page, name) {
  const folder = process.env.SCREENSHOT_DIR;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true }).catch(() => undefined);
}
