import { missingPrograms } from "@sluice/oci/testing";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ShownSite, showSite } from "../support/shown-page.js";

const missing = missingPrograms({ chromium: "chromium" });

describe.skipIf(missing !== "")(`streaming artifacts in a browser ${missing}`, () => {
  let site: ShownSite;
  beforeAll(async () => {
    site = await showSite();
    await site.pushImage("team/app", "v1");
  });
  afterAll(() => site[Symbol.asyncDispose]());
  afterEach(async () => expect(await site.closePages()).toEqual([]));

  const openImage = (options?: object): Promise<Page> => site.open("#image?repository=team/app&reference=v1", options);
  const statusOf = async (reference: string): Promise<number> =>
    (await site.registry.send("HEAD", `/v2/team/app/manifests/${reference}`)).status;

  it.each([
    ["wide", { width: 1100 }],
    ["on a telephone, in the dark", { width: 390, dark: true }],
  ])("AS46: are deleted once that is confirmed, and only they: %s", async (_where, options) => {
    const artifact = await site.convert("team/app", "v1");
    const page = await openImage(options);
    const remove = page.getByRole("button", { name: `Delete streaming artifact ${artifact}` });
    const dialog = page.getByRole("dialog", { name: "Delete the streaming artifact?" });
    await remove.click();
    await dialog.getByRole("button", { name: "Keep it" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(await statusOf(artifact)).toBe(200);
    await remove.click();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(await statusOf(artifact)).toBe(200);
    await remove.click();
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("There is no streaming artifact").waitFor();
    expect([await statusOf(artifact), await statusOf("v1")]).toEqual([404, 200]);
  });
});
