import { missingPrograms } from "@sluice/oci/testing";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ShownSite, showSite } from "../support/shown-page.js";

const missing = missingPrograms({ chromium: "chromium" });

describe.skipIf(missing !== "")(`what somebody else does, on the web page ${missing}`, () => {
  /** One registry converts; what is asked of the other one waits for good. */
  let site: ShownSite;
  let waiting: ShownSite;
  beforeAll(async () => {
    [site, waiting] = await Promise.all([showSite(), showSite({ conversions: { concurrency: 0 } })]);
    for (const tag of ["v1", "v2"]) await site.pushImage("team/app", tag, Buffer.from(`program ${tag}`));
    for (const tag of ["one", "two", "three"]) await waiting.pushImage("many", tag, Buffer.from(`program ${tag}`));
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await waiting[Symbol.asyncDispose]();
  });
  afterEach(async () => expect([...(await site.closePages()), ...(await waiting.closePages())]).toEqual([]));

  const ask = async (at: ShownSite, repository: string, reference: string): Promise<void> => {
    const [headers, body] = [{ "content-type": "application/json" }, JSON.stringify({ repository, reference })];
    expect((await at.registry.send("POST", "/api/v1/operations", { headers, body })).status).toBe(202);
  };
  /** As when another window lies over the page, or no longer. */
  const hide = (page: Page, hidden: boolean): Promise<void> =>
    page.evaluate(`Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"))`);
  const conversion = (page: Page, name: RegExp) => page.getByRole("row", { name });

  it("comes into the list of conversions by itself, the newest first", async () => {
    const page = await waiting.open("#operations");
    await page.getByText("No conversion is known.").waitFor();
    await ask(waiting, "many", "one");
    await conversion(page, /^many:one sha256:.* Waiting/).waitFor();
    expect(await page.getByText("No conversion is known.").isVisible()).toBe(false);
    await ask(waiting, "many", "two");
    await conversion(page, /^many:two sha256:.* Waiting/).waitFor();
    expect(await page.locator("tbody th a").allTextContents()).toEqual(["many:two", "many:one"]);
  });

  it("is not asked for while nobody sees the page, and is there as soon as somebody does", async () => {
    const page = await waiting.open("#repository?name=many");
    await conversion(page, /^many:two sha256:.* Waiting/).waitFor();
    await page.clock.install();
    await hide(page, true);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await ask(waiting, "many", "three");
    for (let minute = 0; minute < 20; minute++) await page.clock.fastForward(60_000);
    expect(asked.filter((url) => url.includes("?"))).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(2); // those of the two conversions whose turn had come
    await hide(page, false);
    await conversion(page, /^many:three sha256:.* Waiting/).waitFor();
  });

  it("changes whether a tag is streamed, and what is shown of an image, without a reload", async () => {
    const [list, image] = await Promise.all([
      site.open("#repository?name=team/app"),
      site.open("#image?repository=team/app&reference=v1"),
    ]);
    await conversion(list, /^v1 sha256:.* No$/).waitFor();
    await image.getByText("There is no streaming artifact").waitFor();
    await site.convert("team/app", "v1");
    await image.getByRole("button", { name: /^Delete streaming artifact/ }).waitFor();
    // What the registry would say had it converted the image itself: how long that takes is nothing of the page's.
    const ended = { repository: "team/app", tag: "v1", status: "Succeeded", progressPercent: 100, cause: "push" };
    const operation = { ...ended, id: "1", digest: "sha256:0", createdAt: new Date().toISOString() };
    await list.route("**/api/v1/operations?*", (route) => route.fulfill({ json: { operations: [operation] } }));
    await conversion(list, /^team\/app:v1 sha256:.* push Succeeded$/).waitFor();
    await conversion(list, /^v1 sha256:.* Yes$/).waitFor();
    await conversion(list, /^v2 sha256:.* No$/).waitFor();
  });

  it("does not take an image away from under a question", async () => {
    const page = await site.open("#image?repository=team/app&reference=v2");
    await page.getByRole("button", { name: "Create streaming artifact…" }).click();
    const dialog = page.getByRole("dialog", { name: "Create a streaming artifact?" });
    await page.clock.install();
    await site.convert("team/app", "v2");
    for (let look = 0; look < 3; look++) await page.clock.fastForward(10_000);
    expect(await page.getByText("There is no streaming artifact").count()).toBe(1);
    await dialog.getByRole("button", { name: "Not now" }).click();
    await page.getByRole("button", { name: /^Delete streaming artifact/ }).waitFor();
  });
});

describe.skipIf(missing !== "")(
  `a registry that takes requests and does not answer, on the web page ${missing}`,
  () => {
    let site: ShownSite;
    beforeAll(async () => {
      site = await showSite({ conversions: { concurrency: 0 } });
      await site.pushImage("team/app", "v1");
    });
    afterAll(() => site[Symbol.asyncDispose]());
    afterEach(async () => expect(await site.closePages()).toEqual([]));

    const late = "the registry has not answered within 30 seconds";
    /** Answers nothing that the pattern names, until that is taken back. */
    const holdBack = async (page: Page, what: RegExp): Promise<void> => {
      await page.route(what, () => undefined);
    };

    it("is given up after a while, with what to look at, and asked again by a button", async () => {
      const page = await site.open("#operations");
      await page.getByText("No conversion is known.").waitFor();
      await page.clock.install();
      await page.clock.pauseAt(Date.now() + 60_000);
      await holdBack(page, /\/v2\/_catalog/);
      const asked = page.waitForRequest(/\/v2\/_catalog/);
      await page.getByRole("link", { name: "Repositories" }).click();
      await asked;
      await page.clock.fastForward(29_000);
      expect(await page.getByRole("alert").count()).toBe(0);
      await page.clock.fastForward(2_000);
      await page.getByRole("alert").getByText(late).waitFor();
      await page.getByRole("alert").getByText("look at /readyz and the log of the registry").waitFor();
      await page.unroute(/\/v2\/_catalog/);
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByRole("link", { name: "team/app" }).waitFor();
    });

    it("leaves open whether it did what was asked, and the page says so", async () => {
      const page = await site.open("#image?repository=team/app&reference=v1");
      const create = page.getByRole("button", { name: "Create streaming artifact…" });
      await create.waitFor();
      await page.clock.install();
      await holdBack(page, /\/api\/v1\/operations$/);
      await create.click();
      const asked = page.waitForRequest(/\/api\/v1\/operations$/);
      await page.getByRole("dialog").getByRole("button", { name: "Create", exact: true }).click();
      await asked;
      await page.clock.fastForward(31_000);
      await page.getByRole("alert").getByText(`${late}`).waitFor();
      await page.getByRole("alert").getByText("Whether it did what you asked for is not known").waitFor();
    });
  },
);
