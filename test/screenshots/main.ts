import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { type ShownSite, showSite } from "../support/shown-page.js";

const folder = fileURLToPath(new URL("../../docs/images/", import.meta.url));
/** Stands for every time, so that pictures of an unchanged page are the same. */
const time = "2026-01-05T09:30:00.000Z";

/** Writes the pictures: wide and light, wide and dark, on a telephone. */
export async function main(): Promise<void> {
  await mkdir(folder, { recursive: true });
  await using site = await showSite({ conversions: { concurrency: 0 } });
  await fill(site);
  const image = await shown(site, "#image?repository=shop/web&reference=1.1", { width: 1000 });
  await image.screenshot({ path: `${folder}page-image.png`, fullPage: true });
  const repository = await shown(site, "#repository?name=shop/web", { width: 1000, dark: true });
  await repository.screenshot({ path: `${folder}page-repository-dark.png`, fullPage: true });
  const phone = await shown(site, "#image?repository=shop/web&reference=1.3", { width: 390 });
  await phone.getByRole("button", { name: "Create streaming artifact…" }).click();
  await phone.getByRole("dialog").waitFor();
  await phone.screenshot({ path: `${folder}page-phone.png` });
  const complaints = await site.closePages();
  if (complaints.length > 0) throw new Error(`the browser complained: ${complaints.join("; ")}`);
}

/** Half of it compresses, as in programs; the same each time. */
const content = Buffer.concat(
  Array.from({ length: 20_000 }, (_, at) =>
    createHash("sha256")
      .update(`${at % 10_000}`)
      .digest()
      .fill(0, 16),
  ),
);

/** A repository that is converted by itself, with an image that is streamed, one that is being converted, and one that is not. */
async function fill(site: ShownSite): Promise<void> {
  const headers = { "content-type": "application/json" };
  const set = async (streaming: string): Promise<void> => {
    const body = JSON.stringify({ streaming });
    await site.registry.send("PATCH", "/api/v1/repository?name=shop/web", { headers, body });
  };
  for (const tag of ["1.0", "1.1"]) {
    await site.pushImage("shop/web", tag, content);
    await site.convert("shop/web", tag);
  }
  await site.pushImage("shop/web", "1.3", content);
  await set("Active");
  await site.pushImage("shop/web", "1.2", content);
}

async function shown(site: ShownSite, address: string, options: Parameters<ShownSite["open"]>[1]): Promise<Page> {
  const page = await site.open("#nowhere", options);
  await page.route(/\/api\/v1\/operations/, async (route) => {
    const answer = await (await route.fetch()).text();
    const body = answer
      .replace(/"createdAt":"[^"]*"/g, `"createdAt":"${time}"`)
      .replace(/"status":"NotStarted","progressPercent":0/g, `"status":"Running","progressPercent":40`);
    await route.fulfill({ contentType: "application/json", body });
  });
  await page.goto(`${site.registry.server.url}/ui/${address}`);
  await page.getByRole("heading", { level: 2 }).first().waitFor();
  await page.waitForFunction("![...document.querySelectorAll('main span')].some((span) => span.textContent === '…')");
  await page.evaluate("document.activeElement.blur()");
  return page;
}
