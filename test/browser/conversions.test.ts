import { missingPrograms } from "@sluice/oci/testing";
import type { Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ShownSite, showSite } from "../support/shown-page.js";
import { sluiceJson } from "../support/sluice.js";

const missing = missingPrograms({ chromium: "chromium" });

describe.skipIf(missing !== "")(`conversions on the web page ${missing}`, () => {
  /** One registry converts; what is asked of the other one waits for good. */
  let site: ShownSite;
  let waiting: ShownSite;
  beforeAll(async () => {
    [site, waiting] = await Promise.all([showSite(), showSite({ conversions: { concurrency: 0 } })]);
    await site.pushImage("team/app", "v1");
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await waiting[Symbol.asyncDispose]();
  });
  afterEach(async () => expect([...(await site.closePages()), ...(await waiting.closePages())]).toEqual([]));

  const imageAt = (tag: string): string => `#image?repository=team/app&reference=${tag}`;
  const creating = (page: Page): Locator => page.getByRole("button", { name: "Create streaming artifact…" });
  const answer = async (page: Page, title: string, name: string): Promise<void> => {
    const dialog = page.getByRole("dialog", { name: title });
    await dialog.getByRole("button", { name, exact: true }).click();
    await dialog.waitFor({ state: "detached" });
  };
  const operationsOf = async (at: ShownSite, repository: string): Promise<{ id: string; status: string }[]> => {
    const response = await at.registry.send("GET", `/api/v1/operations?repository=${repository}`);
    return ((await response.json()) as { operations: { id: string; status: string }[] }).operations;
  };
  /** What the page is told of a running conversion: no real one is so slow that each of its steps is seen. */
  const tellProgress = async (page: Page): Promise<{ progressPercent: number; isBroken: boolean }> => {
    const told = { progressPercent: 10, isBroken: false };
    await page.route(/\/api\/v1\/operations\/[^/]+$/, async (route) => {
      if (told.isBroken) return await route.abort();
      const real = (await (await route.fetch()).json()) as object;
      await route.fulfill({ json: { ...real, status: "Running", progressPercent: told.progressPercent } });
    });
    return told;
  };

  it("AS44, AS48: make a streaming artifact once that is confirmed, and show it and when it was made", async () => {
    const page = await site.open(imageAt("v1"));
    await creating(page).click();
    await answer(page, "Create a streaming artifact?", "Not now");
    expect(await operationsOf(site, "team/app")).toEqual([]);
    await creating(page).click();
    await answer(page, "Create a streaming artifact?", "Create");
    await page.getByRole("status").getByText("Conversion: Succeeded").waitFor();
    await page.getByRole("row", { name: /^application\/vnd\.sluice\.image\.v1 .* KiB \d+ \w+ 20\d\d, / }).waitFor();
    expect(await creating(page).count()).toBe(0);
    await page.getByRole("link", { name: "Conversions" }).click();
    await page.getByRole("row", { name: /^team\/app:v1 sha256:.* request Succeeded$/ }).waitFor();
    const [{ id } = { id: "" }] = await operationsOf(site, "team/app");
    const registry = site.registry.server.url.replace("http://", "");
    expect(await sluiceJson(["operation", "show", "--image", "team/app:v1", "--registry", registry])).toMatchObject({
      id,
    });
  });

  it("show their progress as it goes, and go on with it after the network was away", async () => {
    await waiting.pushImage("team/app", "slow");
    const page = await waiting.open(imageAt("slow"), { width: 390, dark: true });
    const told = await tellProgress(page);
    await creating(page).click();
    await answer(page, "Create a streaming artifact?", "Create");
    const bar = page.getByRole("progressbar", { name: "Progress of the conversion of team/app:slow" });
    await page.getByText("Running, 10 %").waitFor();
    told.progressPercent = 70;
    await page.getByText("Running, 70 %").waitFor();
    expect(await bar.evaluate((element) => (element as unknown as { value: number }).value)).toBe(70);
    told.isBroken = true;
    await page.getByRole("status").getByText("Progress is not known: the registry does not answer").waitFor();
    Object.assign(told, { isBroken: false, progressPercent: 80 });
    await page.getByText("Running, 80 %").waitFor();
    expect(await page.getByRole("status").textContent()).toBe("");
  });

  it("are cancelled once that is confirmed, in the list and at the image", async () => {
    await waiting.pushImage("many", "one");
    for (const address of ["#operations", "#image?repository=many&reference=one"]) {
      const body = JSON.stringify({ repository: "many", reference: "one" });
      const headers = { "content-type": "application/json" };
      expect((await waiting.registry.send("POST", "/api/v1/operations", { headers, body })).status).toBe(202);
      const page = await waiting.open(address);
      const cancel = page.getByRole("button", { name: "Cancel the conversion of many:one" });
      await cancel.click();
      await answer(page, "Cancel the conversion?", "Let it go on");
      expect((await operationsOf(waiting, "many"))[0]?.status).toBe("NotStarted");
      await cancel.click();
      await answer(page, "Cancel the conversion?", "Cancel it");
      await cancel.waitFor({ state: "hidden" });
      expect((await operationsOf(waiting, "many"))[0]?.status).toBe("Canceled");
    }
  });

  it("AS47: begin by themselves where somebody switches that on, and no longer where it is switched off", async () => {
    await waiting.pushImage("auto", "before");
    const page = await waiting.open("#repository?name=auto");
    const toggle = page.getByRole("switch", { name: "Auto-conversion" });
    await page.getByText("No conversion is known.").waitFor();
    expect([await toggle.textContent(), await toggle.getAttribute("aria-checked")]).toEqual(["Inactive", "false"]);
    await toggle.press("Space");
    await page.getByRole("status").getByText("Auto-conversion of auto is Active.").waitFor();
    expect([await toggle.textContent(), await toggle.getAttribute("aria-checked")]).toEqual(["Active", "true"]);
    await waiting.pushImage("auto", "after");
    await page.getByRole("button", { name: "Look again" }).click();
    await page.getByRole("row", { name: /^auto:after sha256:.* push Waiting/ }).waitFor();
    expect(await toggle.textContent()).toBe("Active");
    await toggle.click();
    await page.getByRole("status").getByText("Auto-conversion of auto is Inactive.").waitFor();
    await waiting.pushImage("auto", "later");
    expect(await operationsOf(waiting, "auto")).toHaveLength(1);
  });

  it("say why an image cannot be converted, or a conversion failed", async () => {
    const { digest } = await waiting.registry.pushImage("foreign", "v1", "no tar at all");
    const page = await waiting.open("#image?repository=foreign&reference=v1");
    await page.route("**/api/v1/operations", async (route) => {
      const errors = [{ code: "UNSUPPORTED", message: "UNSUPPORTED_PLATFORM: <b>windows</b>" }];
      await route.fulfill({ status: 400, json: { errors } });
    });
    await creating(page).click();
    await answer(page, "Create a streaming artifact?", "Create");
    await page.getByRole("alert").getByText("UNSUPPORTED_PLATFORM: <b>windows</b>").waitFor();
    await page.route("**/api/v1/operations?*", async (route) => {
      const operation = { id: "0", repository: "foreign", digest, status: "Failed", progressPercent: 0, cause: "push" };
      const error = { code: "TAR_INVALID", message: "<b>bad</b>" };
      await route.fulfill({ json: { operations: [{ ...operation, createdAt: "now", error }] } });
    });
    await page.reload();
    await page.getByText("Failed: TAR_INVALID: <b>bad</b>").waitFor();
    await creating(page).waitFor();
    expect(await page.locator("main b").count()).toBe(0);
  });
});
