import { isRepositoryName, isTag } from "@sluice/oci";

/** What a webhook can be told of; `ping` is sent on demand to any. */
export const webhookActions = ["push", "delete", "convert"] as const;
type WebhookAction = (typeof webhookActions)[number];

/** Where events go, and which. */
export interface Webhook {
  readonly url: string;
  readonly actions: readonly WebhookAction[];
  /** `*`, `repository:*` or `repository:tag`. */
  readonly scope: string;
  readonly isEnabled: boolean;
  /** Sent with each event, such as `Authorization`. Shown to nobody. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the signature of each event. Shown to nobody. */
  readonly secret?: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** What an event is about. */
export interface WebhookSubject {
  readonly action: string;
  readonly repository: string;
  readonly tag?: string | undefined;
}

export const isScope = (text: string): boolean => {
  if (text === "*") return true;
  const colon = text.lastIndexOf(":");
  const tag = text.slice(colon + 1);
  return colon > 0 && isRepositoryName(text.slice(0, colon)) && (tag === "*" || isTag(tag));
};

export function wants({ actions, isEnabled, scope }: Webhook, { action, repository, tag }: WebhookSubject): boolean {
  if (!isEnabled || !actions.some((one) => one === action)) return false;
  return scope === "*" || scope === `${repository}:*` || (tag !== undefined && scope === `${repository}:${tag}`);
}
