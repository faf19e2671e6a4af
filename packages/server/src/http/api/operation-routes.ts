import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { may } from "../../access/principal.js";
import { isOngoing, type Operation, operationCauses, operationStatuses } from "../../operations/operation.js";
import type { Operations } from "../../operations/operations.js";
import type { RepositoryStreamings } from "../../operations/repository-streaming.js";
import { requestConversion } from "../../operations/request-conversion.js";
import type { StoredImages } from "../../operations/stored-images.js";
import { parseManifestReference } from "../../registry/manifest-reference.js";
import { RegistryError } from "../../registry/registry-error.js";
import { parseRepositoryName } from "../../registry/repository-name.js";
import { type ApiCaller, type Authorize, addApiRoute } from "./api-route.js";
import { last, n, reference, repositoryName } from "./query-schemas.js";

export interface OperationPlaces {
  readonly operations: Operations;
  readonly images: StoredImages;
  readonly streamings: RepositoryStreamings;
}

const time = z.iso.datetime();
const digest = z.string();

const operation = z.object({
  id: z.uuid(),
  repository: z.string(),
  digest: digest.describe("Of the image that is converted; of an index, its linux/amd64 image."),
  tag: z.string().optional(),
  status: z.enum(operationStatuses),
  progressPercent: z.number().int().min(0).max(100),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  artifactDigest: digest.optional().describe("Of the streaming artifact, once it can be listed."),
  createdAt: time,
  startedAt: time.optional(),
  finishedAt: time.optional(),
  cause: z.enum(operationCauses),
  isCancelRequested: z.boolean().optional().describe("It runs, and will end as soon as its worker sees this."),
});

/** What a request for a conversion comes to: an operation, or the artifact that is there. */
const requested = z.object({
  ...operation.partial().shape,
  repository: z.string(),
  digest,
  status: z.enum(operationStatuses),
  progressPercent: z.number().int().min(0).max(100),
  alreadyConverted: z.boolean().describe("The artifact was there; there is no operation, and no id."),
});

const named = z.object({ id: z.string().max(100) });

/** Conversions: asked for, listed, looked at and cancelled by who may read or write the repository. */
export function addOperationRoutes(api: FastifyInstance, places: OperationPlaces, authorize: Authorize): void {
  const { operations, images } = places;
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/operations",
      summary:
        "Asks for the conversion of an image. 202 with its operation, or with the one that goes on already; 200 when the artifact is there.",
      body: z.object({
        repository: repositoryName,
        reference: reference,
        force: z.boolean().default(false),
      }),
      answer: requested,
      status: ({ alreadyConverted }) => (alreadyConverted ? 200 : 202),
      run: async ({ body, caller, signal }) => {
        caller.demand(body.repository, "content/write");
        places.streamings.demandEnabled();
        const wanted = {
          repository: parseRepositoryName(body.repository),
          reference: parseManifestReference(body.reference),
          isForced: body.force,
          caller: caller.principal.name,
        };
        return await requestConversion(places, wanted, { signal });
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/operations",
      summary: "Operations in the repositories that the caller may list, the newest first.",
      query: z.object({
        n,
        last,
        repository: repositoryName.optional(),
        status: z.enum(operationStatuses).optional(),
        reference: reference
          .optional()
          .describe("Only those of the image that this tag or digest names; goes with repository."),
      }),
      answer: z.object({ operations: z.array(operation) }),
      run: async ({ query, caller, signal }) => {
        const digest = await digestOf(images, query, caller, signal);
        const isWanted = (operation: Operation): boolean =>
          (query.repository === undefined || operation.repository === query.repository) &&
          (query.status === undefined || operation.status === query.status) &&
          (digest === undefined || operation.digest === digest) &&
          may(caller.principal, operation.repository, "metadata/read");
        const page = { after: query.last, limit: query.n };
        return { operations: [...(await operations.list(isWanted, page))] };
      },
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "GET",
      path: "/operations/:id",
      summary: "One operation.",
      params: named,
      answer: operation,
      run: async ({ params, caller }) => await allowed(operations, params.id, caller, "metadata/read"),
    },
    authorize,
  );
  addApiRoute(
    api,
    {
      method: "POST",
      path: "/operations/:id/cancel",
      summary: "Ends an operation that goes on. One that runs ends a moment later, with status Canceled.",
      params: named,
      answer: operation,
      status: 202,
      run: async ({ params, caller }) => {
        const found = await allowed(operations, params.id, caller, "content/write");
        if (!isOngoing(found)) throw finished(found);
        const cancelled = await operations.cancel(params.id);
        if (cancelled === undefined) throw unknown(params.id);
        if (!isOngoing(cancelled) && cancelled.status !== "Canceled") throw finished(cancelled);
        return cancelled;
      },
    },
    authorize,
  );
}

/** Who names an image by tag means what the tag points at now. */
async function digestOf(
  images: StoredImages,
  query: { readonly repository?: string | undefined; readonly reference?: string | undefined },
  caller: ApiCaller,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (query.repository !== undefined) caller.demand(query.repository, "metadata/read");
  if (query.reference === undefined) return undefined;
  if (query.repository === undefined) {
    throw new RegistryError("UNSUPPORTED", "query.reference: goes with repository", undefined, { status: 400 });
  }
  const repository = parseRepositoryName(query.repository);
  const found = await images.digestOf(repository, parseManifestReference(query.reference), { signal });
  if (found !== undefined) return found;
  throw new RegistryError("MANIFEST_UNKNOWN", `${repository} has no image ${query.reference}`);
}

async function allowed(
  operations: Operations,
  id: string,
  caller: ApiCaller,
  action: "metadata/read" | "content/write",
): Promise<Operation> {
  const found = (await operations.get(id))?.document;
  if (found === undefined) throw unknown(id);
  caller.demand(found.repository, action);
  return found;
}

const unknown = (id: string): RegistryError =>
  new RegistryError("NAME_UNKNOWN", `there is no operation ${id.slice(0, 100)}`);

/** AS28: what is finished cannot be cancelled. */
const finished = ({ id, status }: Operation): RegistryError =>
  new RegistryError(
    "UNSUPPORTED",
    `operation ${id} is finished (${status}); there is nothing to cancel`,
    { status },
    {
      status: 409,
    },
  );
