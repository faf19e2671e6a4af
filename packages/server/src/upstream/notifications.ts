import { z } from "zod";

const name = z.string().max(255);

/** distribution (`notifications.endpoints`): an envelope of events. */
const envelope = z.object({
  events: z.array(z.object({ action: z.string(), target: z.object({ repository: name.optional() }) })).max(10_000),
});
/** Harbor (webhook policies, HTTP, default format): one event. */
const harbor = z.object({ type: z.string(), event_data: z.object({ repository: z.object({ repo_full_name: name }) }) });
/** zot (events, sink of type http): a CloudEvent in its binary form has `name` in the body, in its structured form in `data`. */
const zotBody = z.object({ name });
const zot = z.union([z.object({ data: zotBody }), zotBody]);

/**
 * The repositories in which something was pushed, by their names there. Only hints: what is there is looked up, so that a notification that is
 * false, forged or forgotten does no harm.
 * @returns undefined when it is of no kind that is known
 */
export function notifiedRepositories(body: unknown): readonly string[] | undefined {
  const events = envelope.safeParse(body);
  if (events.success) {
    const pushes = events.data.events.filter(({ action }) => action === "push");
    return [...new Set(pushes.flatMap(({ target }) => target.repository ?? []))];
  }
  const event = harbor.safeParse(body);
  if (event.success) return [event.data.event_data.repository.repo_full_name];
  const cloudEvent = zot.safeParse(body);
  if (!cloudEvent.success) return undefined;
  return ["data" in cloudEvent.data ? cloudEvent.data.data.name : cloudEvent.data.name];
}
