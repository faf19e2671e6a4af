import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertImage } from "@sluice/converter";
import { RegistryClient, type Repository } from "@sluice/oci";
import { startTestServer, type TestServer } from "@sluice/server/testing";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { pushSmallImage } from "./small-image.js";

/** Debian's. */
const program = "/usr/bin/chromium";

interface PageOptions {
  /** Pixels. Default: 1,100. */
  readonly width?: number;
  readonly dark?: boolean;
}

/** A registry with the web page, and a browser that looks at it. */
export interface ShownSite extends AsyncDisposable {
  readonly registry: TestServer;
  /** Opens `/ui/` and what follows it, with nothing kept from pages before. */
  open(address?: string, options?: PageOptions): Promise<Page>;
  /** Closes what was opened. @returns what the browser complained of: exceptions, refused scripts and styles */
  closePages(): Promise<readonly string[]>;
  repository(name: string): Repository;
  /** Pushes an image of a small program. @param content of the program; default: what compresses well @returns its digest */
  pushImage(repository: string, tag: string, content?: Uint8Array): Promise<string>;
  /** Converts it. @returns the digest of the artifact */
  convert(repository: string, tag: string): Promise<string>;
}

export async function showSite(options: Parameters<typeof startTestServer>[0] = {}): Promise<ShownSite> {
  const registry = await startTestServer(options);
  const root = await mkdtemp(join(tmpdir(), "sluice-page-"));
  const client = new RegistryClient();
  const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
  const host = registry.server.url.replace("http://", "");
  const opened: BrowserContext[] = [];
  let complaints: string[] = [];
  return {
    registry,
    open: async (address = "", shown = {}) => {
      const page = await newPage(browser, shown, complaints);
      opened.push(page.context());
      await page.goto(`${registry.server.url}/ui/${address}`);
      return page;
    },
    closePages: async () => {
      for (const context of opened.splice(0)) await context.close();
      const told = complaints;
      complaints = [];
      return told;
    },
    repository: (name) => client.repository(host, name),
    pushImage: async (name, tag, content = compressible) => {
      const layers = [
        [
          { name: "bin/program", mode: 0o755, content },
          { name: "tag", content: tag },
        ],
      ];
      const pushed = await pushSmallImage(client.repository(host, name), tag, {
        layers,
        config: { Cmd: ["/bin/program"] },
      });
      return pushed.digest;
    },
    convert: async (name, tag) => {
      const place = { repository: client.repository(host, name), target: tag, reference: `${host}/${name}:${tag}` };
      return (await convertImage(place, { root, threads: 1 })).artifact.digest;
    },
    [Symbol.asyncDispose]: async () => {
      await browser.close();
      await client.close();
      await registry[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true });
    },
  };
}

const compressible = Buffer.from(Array.from({ length: 40 * 4096 }, (_, i) => (i >> 12) ^ (i * 7)));

async function newPage(
  browser: Browser,
  { width = 1100, dark = false }: PageOptions,
  complaints: string[],
): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width, height: 800 },
    colorScheme: dark ? "dark" : "light",
    locale: "en-GB",
    timezoneId: "UTC",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    // The page itself tells of requests that were refused.
    const isRequest = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isRequest) complaints.push(message.text());
  });
  return page;
}
