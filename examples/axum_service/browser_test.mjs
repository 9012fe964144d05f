// The page of the example axum_service in headless Chromium, against the emulator as a program:
// a question, text that grows, the numbers, and a page that is left in the middle of an answer.
//
// Run by .ci/browser, which sets SERVICE, SLOW_SERVICE and EMULATOR, the addresses of the programs.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const { SERVICE, SLOW_SERVICE, EMULATOR, CHROMIUM = "/usr/bin/chromium" } = process.env;
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

const ask = async (address, question) => {
  const page = await browser.newPage();
  await page.goto(address);
  await page.fill("#question", question);
  await page.fill("#price-completion", "1000000");
  await page.click("#send");
  return page;
};
const answer = page => page.locator("#answer").textContent();
const until = async (what, holds) => {
  for (let left = 200; left > 0; left--) {
    if (await holds()) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  assert.fail(`${what} did not happen within 10 s`);
};

try {
  const page = await ask(SERVICE, "What steps should I think about when writing my first Python API?");
  await until("the numbers", async () => (await page.locator("#details").textContent()).includes("Finish reasonstop"));
  const details = await page.locator("#details").textContent();
  assert.match(details, /Tokens\d+ prompt \(\d+ cached\), \d+ completion/);
  assert.match(details, /Content filterclean/);
  // one unit of money a completion token
  assert.match(details, /Cost[1-9]\d*\.000000/);
  assert.ok((await answer(page)).length > 10);

  await page.fill("#model", "");
  await page.fill("#question", "Hello");
  await page.click("#send");
  await until("the refusal", async () => (await page.locator("#answer.failed").count()) === 1);

  const left = await ask(SLOW_SERVICE, "Tell me a long story about a lighthouse.");
  await until("the first text", async () => (await answer(left)).length > 0);
  const early = (await answer(left)).length;
  await until("more text", async () => (await answer(left)).length > early);
  await left.goto("about:blank");
  const journal = async () => (await (await fetch(`${EMULATOR}/__emulator/journal`)).text());
  await until("the stop upstream", async () => (await journal()).includes("disconnected"));
  console.log("the page works: text grows, the numbers are there, and leaving stops the call upstream");
} finally {
  await browser.close();
}
