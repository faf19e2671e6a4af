import { createImageIndex, createImageManifest, emptyDescriptor, ociMediaTypes, sha256Of } from "@sluice/oci";
import { missingPrograms } from "@sluice/oci/testing";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ShownSite, showSite } from "../support/shown-page.js";

const missing = missingPrograms({ chromium: "chromium" });

describe.skipIf(missing !== "")(`looking at the registry in a browser ${missing}`, () => {
  let site: ShownSite;
  let image: string;
  beforeAll(async () => {
    site = await showSite();
    image = await site.pushImage("team/app", "v1");
    await site.convert("team/app", "v1");
    await site.pushImage("team/app", "plain");
    await site.pushImage("team/tools", "latest");
  });
  afterAll(() => site[Symbol.asyncDispose]());
  afterEach(async () => expect(await site.closePages()).toEqual([]));

  const heading = (page: Page, name: string) => page.getByRole("heading", { name, level: 1, exact: true });
  const fact = (page: Page, name: string) => page.locator(`dt:text-is("${name}") + dd`);

  it("leads from the repositories to their tags, and from there to an image, and back", async () => {
    const page = await site.open();
    await heading(page, "Repositories").waitFor();
    await page.getByRole("link", { name: "team/app" }).click();
    await heading(page, "team/app").waitFor();
    await page.getByRole("row", { name: /^v1 sha256:.* KiB Yes$/ }).waitFor();
    await page.getByRole("row", { name: /^plain sha256:.* KiB No$/ }).waitFor();
    await page.getByRole("link", { name: "v1" }).click();
    await heading(page, "team/app:v1").waitFor();
    expect(await fact(page, "Digest").textContent()).toBe(image);
    expect(await fact(page, "Platform").textContent()).toBe("linux/amd64");
    expect(await page.title()).toBe("team/app:v1 · sluice");
    await page.goBack();
    await heading(page, "team/app").waitFor();
  });

  it("measures how many bytes originals and streaming artifacts take", async () => {
    const page = await site.open();
    await page.getByRole("button", { name: "Measure sizes" }).click();
    await page.getByRole("status").getByText("Sizes are measured.").waitFor();
    await page.getByRole("row", { name: /^team\/app \d+\.\d KiB \d+\.\d KiB$/ }).waitFor();
    await page.getByRole("row", { name: /^team\/tools \d+\.\d KiB 0 B$/ }).waitFor();
  });

  it("AS45: shows what streaming saves, and what an image without an artifact does", async () => {
    const page = await site.open("#image?repository=team/app&reference=v1");
    expect(await fact(page, "Streaming").textContent()).toMatch(
      /^\d+\.\d KiB, \d+\.\d KiB \(\d+ %\) less than the original$/,
    );
    await page.getByRole("row", { name: /^application\/vnd\.sluice\.image\.v1 sha256:/ }).waitFor();
    await page.goto(page.url().replace("v1", "plain"));
    await page.getByText("There is no streaming artifact: nodes pull this image in full.").waitFor();
  });

  it("shows what a start takes, predicted or recorded", async () => {
    const push = async (mediaType: string, text: string) => {
      const digest = await site.registry.pushBlob("recorded", text);
      return { mediaType, digest, size: Buffer.byteLength(text) };
    };
    const subject = await site.registry.pushImage("recorded", "v1", "content".repeat(1000));
    await site.registry.pushBlob("recorded", "{}");
    const recording = {
      version: 1,
      seconds: 2.5,
      runs: [
        [0, 3, 10],
        [9, 5, 20],
      ],
    };
    const artifact = createImageManifest({
      artifactType: "application/vnd.sluice.image.v1",
      config: emptyDescriptor,
      subject,
      layers: [
        await push("application/vnd.sluice.toc.v1+zstd", "T".repeat(10)),
        await push("application/vnd.sluice.metadata.v1+zstd", "M".repeat(100)),
        await push("application/vnd.sluice.startup.v1+zstd", "S".repeat(1014)),
        await push("application/vnd.sluice.recording.v1+json", JSON.stringify(recording)),
      ],
      annotations: { "dev.sluice.startup.recordings": "3" },
    });
    expect((await site.registry.pushManifest("recorded", artifact.digest, artifact.bytes)).status).toBe(201);
    // As a registry does that sends readers of blobs to a bucket: the page may ask nobody but the registry.
    const page = await site.open("#nowhere");
    await page.route("**/blobs/*", async (route) => {
      if (route.request().headers()["sluice-redirect"] === "never") return await route.continue();
      await route.fulfill({ status: 307, headers: { location: "http://bucket.invalid/" } });
    });
    await page.goto(page.url().replace("#nowhere", "#image?repository=recorded&reference=v1"));
    expect(await fact(page, "A start fetches first").textContent()).toMatch(/^1\.0 KiB, \d\.\d % of the original$/);
    expect(await fact(page, "Its startup set").textContent()).toBe("learned from 3 recorded starts");
    expect(await fact(page, "Recorded starts").textContent()).toBe("2.5 s, read 32.0 KiB");
  });

  it("leads from an index to the image of each platform, and streams its linux/amd64", async () => {
    const repository = site.repository("team/app");
    const v1 = await repository.getManifest("v1");
    const descriptor = { mediaType: v1.mediaType, digest: v1.digest, size: v1.bytes.byteLength };
    const index = createImageIndex([{ ...descriptor, platform: { os: "linux", architecture: "amd64" } }]);
    await site.registry.pushManifest("team/app", "all", index.bytes, ociMediaTypes.index);
    const page = await site.open("#image?repository=team/app&reference=all");
    expect(await fact(page, "Streaming").textContent()).toMatch(/less than the original$/);
    await page.getByRole("link", { name: "linux/amd64" }).click();
    await heading(page, `team/app@${image}`).waitFor();
  });

  it("shows long lists page by page", async () => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [] }));
    for (let at = 0; at < 60; at++) await site.registry.pushManifest("many", `t${at + 10}`, bytes, ociMediaTypes.index);
    const page = await site.open("#repository?name=many");
    const more = page.getByRole("button", { name: "Show more" });
    await more.waitFor();
    expect(await page.getByRole("row").count()).toBe(51);
    await more.click();
    await page.getByRole("row", { name: "t69" }).waitFor();
    expect([await page.getByRole("row").count(), await more.isHidden()]).toEqual([61, true]);
  });

  it("says what is loading, and does not show late what was left meanwhile", async () => {
    const page = await site.open();
    await heading(page, "Repositories").waitFor();
    let answer = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/v2/team/app/tags/list*", async (route) => {
      await slow;
      await route.continue().catch(() => undefined); // the page asks no longer
    });
    await page.getByRole("link", { name: "team/app" }).click();
    await page.getByRole("status").getByText("Loading…").waitFor();
    await page.getByRole("link", { name: "team/tools" }).click();
    await heading(page, "team/tools").waitFor();
    answer();
    await page.getByRole("row", { name: /^latest sha256:.* No$/ }).waitFor();
    expect(await heading(page, "team/tools").count()).toBe(1);
  });

  it("says that the registry is asked too often, and asks again when somebody wants it", async () => {
    const errors = [{ code: "TOOMANYREQUESTS", message: "too many requests; wait a minute" }];
    const page = await site.open("#nowhere");
    await page.route("**/tags/list*", (route) => route.fulfill({ status: 429, json: { errors } }), { times: 1 });
    await page.getByRole("link", { name: "team/app" }).click();
    await page.getByRole("alert").getByText("too many requests; wait a minute").waitFor();
    await page.getByRole("button", { name: "Try again" }).click();
    await heading(page, "team/app").waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  it("shows what is there when a tag has gone since it was listed, and says so in its row", async () => {
    const page = await site.open();
    await page.route("**/manifests/plain", (route) =>
      route.continue({ url: `${site.registry.server.url}/v2/team/app/manifests/gone` }),
    );
    await page.getByRole("link", { name: "team/app" }).click();
    await page.getByRole("row", { name: /^plain team\/app has no manifest gone/ }).waitFor();
    await page.getByRole("row", { name: /^v1 sha256:.* Yes$/ }).waitFor();
    expect(await page.getByRole("alert").count()).toBe(0);
  });

  it("says so where nothing is there", async () => {
    const page = await site.open("#nowhere");
    await heading(page, "Repositories").waitFor();
    await page.route("**/_catalog*", (route) => route.fulfill({ json: { repositories: null } }));
    await page.goto(page.url().replace("#nowhere", "#repositories"));
    await page.getByText("There is no repository yet, or none that you may list.").waitFor();
    await page.getByRole("link", { name: "Conversions" }).click();
    await page.getByText("No conversion is known.").waitFor();
  });

  it("puts what others wrote into the page as text, wherever it stands", async () => {
    const evil = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
    const config = JSON.stringify({ os: evil, architecture: evil, created: evil });
    const digest = await site.registry.pushBlob("hostile", config);
    const document = {
      schemaVersion: 2,
      mediaType: ociMediaTypes.manifest,
      config: { mediaType: ociMediaTypes.config, digest, size: config.length },
      layers: [{ mediaType: evil, digest, size: config.length }],
    };
    expect((await site.registry.pushManifest("hostile", "image", document)).status).toBe(201);
    const text = JSON.stringify(document);
    const subject = { mediaType: ociMediaTypes.manifest, digest: sha256Of(text), size: text.length };
    const referrer = {
      ...document,
      subject,
      artifactType: evil,
      annotations: { "org.opencontainers.image.created": evil },
    };
    expect((await site.registry.pushManifest("hostile", "referrer", referrer)).status).toBe(201);
    const platform = { os: evil, architecture: evil };
    const index = { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [{ ...subject, platform }] };
    expect((await site.registry.pushManifest("hostile", "index", index, ociMediaTypes.index)).status).toBe(201);
    for (const reference of ["image", "referrer", "index"]) {
      const page = await site.open(`#image?repository=hostile&reference=${reference}`);
      await page.getByText(evil).first().waitFor();
      expect([await page.locator("img").count(), await page.title()]).toEqual([0, `hostile:${reference} · sluice`]);
    }
  });

  it.each([
    "#repository?name=../api/v1/accounts%23",
    "#image?repository=team/app&reference=..%2f..%2f..%2fapi%2fv1",
    `#repository?name=${encodeURIComponent("<img src=x onerror=alert(1)>")}`,
    `#image?repository=team/app&reference=${encodeURIComponent("<b>x</b>")}`,
  ])("asks for nothing that an address makes up: %s", async (address) => {
    const page = await site.open("#nowhere");
    await heading(page, "Repositories").waitFor();
    const asked: string[] = [];
    page.on("request", (request) => {
      if (!request.url().endsWith("/icon.svg")) asked.push(request.url());
    });
    await page.goto(`${site.registry.server.url}/ui/${address}`);
    await page
      .getByRole("alert")
      .getByText(/is no (repository name|tag and no digest)/)
      .waitFor();
    expect([asked, await page.locator("main b, main img").count()]).toEqual([[], 0]);
  });
});
