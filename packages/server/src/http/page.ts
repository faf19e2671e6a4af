import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";
import type { FastifyInstance, FastifyReply } from "fastify";

/** What `packages/server/page` is made of: files as written, and modules as compiled. The same from `src/http` and `dist/http`. */
const folders = [new URL("../../page/static/", import.meta.url), new URL("../../dist/page/", import.meta.url)];

const mediaTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
};

/**
 * Nothing but the page's own files runs, loads or is asked; strings never become markup or code (Trusted Types, CSP level 3), and no
 * other page shows this one in a frame.
 */
const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

interface PageFile {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly etag: string;
}

/**
 * The web page, at `/ui/`. It is public, as it holds nothing: what it shows comes from `/v2/` and `/api/v1`, with the rights of whoever
 * signs in. Its files are read once, so that those of one version stay together; a path is looked up among their names and nowhere else.
 */
export async function addPage(app: FastifyInstance): Promise<void> {
  const files = new Map((await Promise.all(folders.map(filesIn))).flat());
  app.get("/", async (_request, reply) => await reply.redirect("ui/", 302));
  app.get("/ui", async (_request, reply) => await reply.redirect("ui/", 302));
  app.get<{ Params: { "*": string } }>("/ui/*", async (request, reply) => {
    const file = files.get(request.params["*"] || "index.html");
    if (file === undefined) reply.callNotFound();
    else await sendFile(reply, file, request.headers["if-none-match"]);
    return reply;
  });
}

async function sendFile(
  reply: FastifyReply,
  { bytes, mediaType, etag }: PageFile,
  known: string | undefined,
): Promise<void> {
  // Asked about each time, so that a newer registry is not shown through an older page.
  reply.headers({ ...securityHeaders, "cache-control": "no-cache", "content-type": mediaType, etag });
  await (known?.includes(etag) ? reply.code(304).send() : reply.send(bytes));
}

async function filesIn(folder: URL): Promise<(readonly [string, PageFile])[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => extname(name) in mediaTypes);
  return await Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(new URL(name, folder));
      const etag = `"${createHash("sha256").update(bytes).digest("hex").slice(0, 32)}"`;
      return [name, { bytes, mediaType: mediaTypes[extname(name)] ?? "", etag }] as const;
    }),
  );
}
