import { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Action } from "../../access/grants.js";
import type { Principal } from "../../access/principal.js";
import { RegistryError } from "../../registry/registry-error.js";

/** Who asks for an operation, and was let in. */
export interface ApiCaller {
  readonly principal: Principal;
  /** @throws {RegistryError} UNAUTHORIZED or DENIED when they may not do this in a repository */
  demand(repository: string, action: Action): void;
}

/** Lets those in who may ask for an operation at all. @throws {RegistryError} UNAUTHORIZED or DENIED */
export type Authorize = (request: FastifyRequest) => Promise<ApiCaller>;

type Schema = z.ZodObject;

/** One operation of the management API. Its schemas check what comes in, cut what goes out, and become the OpenAPI document. */
export interface ApiRoute<Params extends Schema, Query extends Schema, Body extends Schema, Answer extends z.ZodType> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/api/v1`, with `:name` for parameters. */
  readonly path: string;
  /** A sentence for people. */
  readonly summary: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly answer: Answer;
  /** A function where it depends on the answer. */
  readonly status?: number | ((answer: z.input<Answer>) => number);
  /** What it answers; a stream of it is sent as lines of JSON, each an answer. */
  readonly run: (input: {
    readonly params: z.output<Params>;
    readonly query: z.output<Query>;
    readonly body: z.output<Body>;
    readonly caller: ApiCaller;
    /** Fires when the client goes away. */
    readonly signal: AbortSignal;
  }) => Promise<z.input<Answer> | AsyncGenerator<z.input<Answer>>>;
}

/** Registers an operation. `authorize` is asked before anything else is looked at. */
export function addApiRoute<P extends Schema, Q extends Schema, B extends Schema, A extends z.ZodType>(
  api: FastifyInstance,
  route: ApiRoute<P, Q, B, A>,
  authorize: Authorize,
): void {
  const { method, path, summary, params, query, body, answer, status = 200, run } = route;
  const callers = new WeakMap<FastifyRequest, ApiCaller>();
  api.route({
    method,
    url: path,
    schema: {
      summary,
      ...(params && { params: jsonSchemaOf(params) }),
      ...(query && { querystring: jsonSchemaOf(query) }),
      ...(body && { body: jsonSchemaOf(body) }),
      response: { [typeof status === "number" ? status : "2xx"]: jsonSchemaOf(answer) },
    },
    // The schemas are for the document; zod checks, with words that name the field.
    validatorCompiler: () => () => true,
    onRequest: async (request) => {
      callers.set(request, await authorize(request));
    },
    handler: async (request, reply) => {
      const caller = callers.get(request);
      if (caller === undefined) throw new Error(`${method} ${path} was let in by nobody`);
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const result = await run({
        params: checked(params, request.params, "path") as z.output<P>,
        query: checked(query, request.query, "query") as z.output<Q>,
        body: checked(body, request.body ?? {}, "body") as z.output<B>,
        caller,
        signal: gone.signal,
      });
      const statusOf = typeof status === "number" ? () => status : status;
      if (!isStream(result)) return await reply.code(statusOf(result)).send(result);
      const lines = Readable.from(linesOf(answer, result), { objectMode: false });
      return await reply.code(200).type("application/x-ndjson").send(lines);
    },
  });
}

const isStream = <T>(result: T | AsyncGenerator<T>): result is AsyncGenerator<T> =>
  typeof result === "object" && result !== null && Symbol.asyncIterator in result;

async function* linesOf(answer: z.ZodType, documents: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const document of documents) yield `${JSON.stringify(answer.parse(document))}\n`;
}

function checked(schema: z.ZodObject | undefined, value: unknown, where: string): unknown {
  if (schema === undefined) return {};
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.map(String).join(".");
  throw new RegistryError(
    "UNSUPPORTED",
    `${where}${field ? `.${field}` : ""}: ${issue?.message ?? "invalid"}`,
    undefined,
    {
      status: 400,
    },
  );
}

const jsonSchemaOf = (schema: z.ZodType): object => {
  const { $schema: _dialect, ...document } = z.toJSONSchema(schema, { target: "draft-7", io: "input" });
  return document;
};
