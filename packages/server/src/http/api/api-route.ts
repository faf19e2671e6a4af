import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { RegistryError } from "../../registry/registry-error.js";

/** One operation of the management API. Its schemas check what comes in, cut what goes out, and become the OpenAPI document. */
export interface ApiRoute<Params extends z.ZodObject, Body extends z.ZodObject, Answer extends z.ZodType> {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below `/api/v1`, with `:name` for parameters. */
  readonly path: string;
  /** A sentence for people. */
  readonly summary: string;
  readonly params?: Params;
  readonly body?: Body;
  readonly answer: Answer;
  readonly status?: number;
  readonly run: (input: {
    readonly params: z.output<Params>;
    readonly body: z.output<Body>;
    readonly signal: AbortSignal;
  }) => Promise<z.input<Answer>>;
}

/** Registers an operation. `authorize` is asked before anything else is looked at. */
export function addApiRoute<P extends z.ZodObject, B extends z.ZodObject, A extends z.ZodType>(
  api: FastifyInstance,
  route: ApiRoute<P, B, A>,
  authorize: (request: FastifyRequest, reply: FastifyReply) => Promise<void>,
): void {
  const { method, path, summary, params, body, answer, status = 200, run } = route;
  api.route({
    method,
    url: path,
    schema: {
      summary,
      ...(params && { params: jsonSchemaOf(params) }),
      ...(body && { body: jsonSchemaOf(body) }),
      response: { [status]: jsonSchemaOf(answer) },
    },
    // The schemas are for the document; zod checks, with words that name the field.
    validatorCompiler: () => () => true,
    onRequest: authorize,
    handler: async (request, reply) => {
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const result = await run({
        params: checked(params, request.params, "path") as z.output<P>,
        body: checked(body, request.body ?? {}, "body") as z.output<B>,
        signal: gone.signal,
      });
      return await reply.code(status).send(result);
    },
  });
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
