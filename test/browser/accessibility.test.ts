import { missingPrograms } from "@sluice/oci/testing";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ShownSite, showSite } from "../support/shown-page.js";

const missing = missingPrograms({ chromium: "chromium" });

describe.skipIf(missing !== "")(`the web page for everybody ${missing}`, () => {
  let site: ShownSite;
  beforeAll(async () => {
    site = await showSite({ conversions: { concurrency: 0 } });
    await site.pushImage("team/app", "v1");
    await site.convert("team/app", "v1");
    await site.pushImage("team/app", "waiting");
    const headers = { "content-type": "application/json" };
    const ask = (method: string, path: string, body: object): Promise<Response> =>
      site.registry.send(method, `/api/v1/${path}`, { headers, body: JSON.stringify(body) });
    await ask("PATCH", "repository?name=team/app", { streaming: "Active" });
    await ask("POST", "operations", { repository: "team/app", reference: "waiting" });
  });
  afterAll(() => site[Symbol.asyncDispose]());
  afterEach(async () => expect(await site.closePages()).toEqual([]));

  const views = {
    repositories: ["", "Repositories"],
    repository: ["#repository?name=team/app", "team/app"],
    waiting: ["#image?repository=team/app&reference=waiting", "team/app:waiting"],
    image: ["#image?repository=team/app&reference=v1", "team/app:v1"],
    operations: ["#operations", "Conversions"],
    refused: ["#image?repository=team/app&reference=no-such", "Not shown"],
  } as const;

  const shown = async (view: keyof typeof views, width: number, dark: boolean): Promise<Page> => {
    const [address, name] = views[view];
    const page = await site.open(address, { width, dark });
    await page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
    await expect.poll(() => page.getByText("…", { exact: true }).count()).toBe(0);
    return page;
  };

  /** What axe finds against WCAG 2.2 AA and its best practices: contrast, names, order, landmarks. */
  const findings = async (page: Page): Promise<readonly string[]> => {
    await page.evaluate(axe.source);
    const { violations } = (await page.evaluate("axe.run()")) as axe.AxeResults; // its declared answer
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
  };

  describe.each([
    [1100, false],
    [390, true],
  ])("%d pixels wide, dark %s", (width, dark) => {
    it.each(Object.keys(views) as (keyof typeof views)[])("%s has no fault that axe knows, and fits", async (view) => {
      const page = await shown(view, width, dark);
      expect(await findings(page)).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    });

    it("the dialog has none either, and fits", async () => {
      const page = await shown("image", width, dark);
      await page.getByRole("button", { name: /^Delete streaming artifact/ }).click();
      await page.getByRole("dialog").waitFor();
      expect(await findings(page)).toEqual([]);
      const box = await page.getByRole("dialog").boundingBox();
      expect((box?.x ?? -1) >= 0 && (box?.x ?? 0) + (box?.width ?? width) <= width).toBe(true);
    });

    it("the form to sign in has none either", async () => {
      const page = await shown("repositories", width, dark);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByLabel("Password").waitFor();
      expect(await findings(page)).toEqual([]);
    });
  });

  it("is dark where the system is", async () => {
    const page = await shown("repositories", 1100, true);
    expect(await page.evaluate("getComputedStyle(document.body).backgroundColor")).toBe("rgb(20, 24, 29)");
  });

  it("can be used by keyboard alone: skips to the content, follows links, opens and leaves the dialog", async () => {
    const page = await shown("repositories", 1100, false);
    const focused = () => page.evaluate("document.activeElement.textContent");
    const press = async (...keys: readonly string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    expect(await focused()).toBe("Repositories");
    await press("Tab");
    expect(await focused()).toBe("team/app");
    await press("Enter");
    await page.getByRole("heading", { name: "team/app", level: 1 }).waitFor();
    expect(await focused()).toBe("team/app");
    await press("Tab", "Enter");
    await page.getByRole("heading", { name: "team/app:v1", level: 1 }).waitFor();
    const remove = page.getByRole("button", { name: /^Delete streaming artifact/ });
    await remove.focus();
    await press("Enter");
    await page.getByRole("dialog").waitFor();
    expect(await focused()).toBe("Keep it");
    await press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await expect.poll(focused).toBe("Delete…");
  });
});
