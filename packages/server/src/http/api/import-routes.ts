import { type Credentials, InvalidReferenceError, parseReference, type RegistryReference } from "@sluice/oci";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { Imports, RunningImport } from "../../import/imports.js";
import { parseTag } from "../../registry/manifest-reference.js";
import { RegistryError } from "../../registry/registry-error.js";
import { parseRepositoryName } from "../../registry/repository-name.js";
import type { Upstreams } from "../../upstream/upstreams.js";
import { errorAnswer } from "../error-answer.js";
import { type Authorize, addApiRoute } from "./api-route.js";

/** How often whoever waits is told how far it is: an idle connection would be taken for a dead one. Milliseconds. */
const tellMs = 1000;

const count = z.number().int().nonnegative();
const secret = z.string().max(64 * 1024);
const credentials = z.union([
  z.strictObject({ username: z.string().min(1).max(1024), password: secret }),
  z.strictObject({ identityToken: secret }),
]);
const importRequest = z.strictObject({
  source: z.string().max(4096).describe("HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]"),
  repository: z.string().max(255),
  tag: z.string().max(128).optional().describe("None: the image gets no tag here."),
  credentials: credentials.optional().describe("Of the source. Used for this import alone, and not kept."),
  plainHttp: z.boolean().default(false).describe("Ask the source over plain HTTP."),
  force: z.boolean().default(false).describe("Move the tag from another image."),
});
const line = z.object({
  state: z.enum(["running", "done", "failed"]),
  digest: z.string(),
  manifests: count,
  referrers: count,
  fetchedBlobs: count,
  reusedBlobs: count,
  fetchedBytes: count,
  expectedBytes: count.describe("Of the blobs to fetch that are known so far."),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
type Line = z.input<typeof line>;

/** Copies from other registries. */
export function addImportRoutes(
  api: FastifyInstance,
  { imports, upstreams }: { readonly imports: Imports; readonly upstreams: Upstreams },
  authorize: Authorize,
): void {
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/imports",
      summary:
        "Copies an image, with the children of an index and its referrers, from another registry. Answers lines of JSON that say how far it is; the " +
        "last one says done or failed. Who goes away stops it; asked again, it goes on with what is there.",
      body: importRequest,
      answer: line,
      run: async ({ body, caller, signal }) => {
        const repository = parseRepositoryName(body.repository);
        caller.demand(repository, "content/write");
        upstreams.demandOwn(repository);
        const running = await imports.begin(
          {
            source: sourceOf(body.source),
            repository,
            tag: body.tag === undefined ? undefined : parseTag(body.tag),
            caller: caller.principal.name,
            credentials: body.credentials && credentialsOf(body.credentials),
            plainHttp: body.plainHttp,
            force: body.force,
          },
          signal,
        );
        return linesOf(running);
      },
    },
    authorize,
  );
}

async function* linesOf({ done, manifest: { digest }, progress }: RunningImport): AsyncGenerator<Line> {
  const end = done.then(
    (): Ending => ({ state: "done" }),
    (error: unknown): Ending => ({ state: "failed", error: firstErrorOf(error) }),
  );
  for (let ending: Ending | undefined; ending === undefined; ) {
    yield { digest, ...progress, state: "running" };
    ending = await Promise.race([end, pause()]);
  }
  yield { digest, ...progress, ...(await end) };
}

type Ending = Pick<Line, "state" | "error">;

const pause = (): Promise<undefined> =>
  new Promise((resolve) => {
    setTimeout(resolve, tellMs, undefined).unref();
  });

/** As an answer of its own would word it. */
function firstErrorOf(error: unknown): NonNullable<Line["error"]> {
  const { errors } = JSON.parse(String(errorAnswer(error).body)) as { errors: { code: string; message: string }[] };
  return errors[0] ?? { code: "UNKNOWN", message: "" };
}

function sourceOf(text: string): RegistryReference {
  try {
    const reference = parseReference(text);
    if (reference.kind === "registry") return reference;
  } catch (error) {
    if (!(error instanceof InvalidReferenceError)) throw error;
    throw badSource(error.message);
  }
  throw badSource("expected HOST/REPOSITORY[:TAG], of a registry");
}

const badSource = (problem: string): RegistryError =>
  new RegistryError("UNSUPPORTED", `body.source: ${problem}`, undefined, { status: 400 });

const credentialsOf = (given: z.output<typeof credentials>): Credentials =>
  "identityToken" in given ? { kind: "identity-token", token: given.identityToken } : { kind: "password", ...given };
