import { missingPrograms } from "@sluice/oci/testing";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ShownSite, showSite } from "../support/shown-page.js";

const missing = missingPrograms({ chromium: "chromium" });

describe.skipIf(missing !== "")(`signing in to the web page ${missing}`, () => {
  let site: ShownSite;
  let admin: string;
  let reader: string;
  beforeAll(async () => {
    site = await showSite();
    await site.pushImage("team/app", "v1");
    await site.convert("team/app", "v1");
    admin = await made("POST", "/accounts", { name: "admin", kind: "user", isAdmin: true });
    const grants = [{ repository: "team/*", actions: ["content/read", "metadata/read"] }];
    await made("PUT", "/scope-maps/readers", { grants });
    reader = await made("POST", "/accounts", { name: "reader", kind: "token", scopeMap: "readers" });
  });
  afterAll(() => site[Symbol.asyncDispose]());
  afterEach(async () => expect(await site.closePages()).toEqual([]));

  async function made(method: string, path: string, body: object): Promise<string> {
    const basic = Buffer.from(`admin:${admin}`).toString("base64");
    const headers = {
      "content-type": "application/json",
      ...(admin !== undefined && { authorization: `Basic ${basic}` }),
    };
    const answer = await site.registry.send(method, `/api/v1${path}`, { headers, body: JSON.stringify(body) });
    return ((await answer.json()) as { password: string }).password;
  }

  async function signIn(page: Page, name: string, password: string): Promise<void> {
    await page.getByLabel("Name of a user or token").fill(name);
    await page.getByLabel("Password").fill(password);
    await page.getByLabel("Password").press("Enter");
  }

  it("is asked for where it is needed, says when the password is wrong, and leads to what was asked for", async () => {
    const page = await site.open("#image?repository=team/app&reference=v1");
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await signIn(page, "admin", "wrong");
    await page.getByRole("alert").getByText("wrong name or password").waitFor();
    await signIn(page, "admin", admin);
    await page.getByRole("heading", { name: "team/app:v1" }).waitFor();
    await page.getByRole("banner").getByText("admin").waitFor();
  });

  it("shows what the account may see, and says what it may not do", async () => {
    const page = await site.open();
    await page.getByRole("button", { name: "Sign in" }).click();
    await signIn(page, "reader", reader);
    await page.getByRole("link", { name: "team/app" }).waitFor();
    await page.getByRole("button", { name: "Measure sizes" }).click();
    await page.getByRole("alert").getByText("reader is no administrator").waitFor();
    await page.goto(`${site.registry.server.url}/ui/#image?repository=team/app&reference=v1`);
    await page.getByRole("button", { name: /^Delete streaming artifact/ }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("alert").getByText("reader may not content/delete in team/app").waitFor();
  });

  it("keeps the password in the page's memory alone: no cookie, no storage, and a reload has forgotten it", async () => {
    const page = await site.open("#repository?name=team/app");
    await signIn(page, "admin", admin);
    await page.getByRole("heading", { name: "team/app" }).waitFor();
    const { cookies, origins } = await page.context().storageState();
    expect([cookies, origins, await page.evaluate("Object.keys(sessionStorage)")]).toEqual([[], [], []]);
    await page.reload();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
  });

  it("is asked for again when the password is no longer taken, and leads to where somebody was", async () => {
    const password = await made("POST", "/accounts", { name: "leaver", kind: "token", scopeMap: "readers" });
    const page = await site.open("#repository?name=team/app");
    await signIn(page, "leaver", password);
    await page.getByRole("heading", { name: "team/app" }).waitFor();
    const headers = { authorization: `Basic ${Buffer.from(`admin:${admin}`).toString("base64")}` };
    expect((await site.registry.send("DELETE", "/api/v1/accounts/leaver", { headers })).ok).toBe(true);
    await page.getByRole("link", { name: "v1" }).click();
    await page.getByRole("alert").getByText("no longer takes the password of leaver. Sign in again.").waitFor();
    await signIn(page, "admin", admin);
    await page.getByRole("heading", { name: "team/app:v1" }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  it("ends with signing out", async () => {
    const page = await site.open("#repository?name=team/app");
    await signIn(page, "admin", admin);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    expect(await page.getByText("team/app").count()).toBe(0);
  });
});
