import { describe, expect, it } from "vitest";
import { notifiedRepositories } from "./notifications.js";

describe("a notification", () => {
  it("of distribution names the repositories of its pushes, each once", () => {
    const event = (action: string, repository?: string) => ({
      ...{ id: "1", timestamp: "2006-01-02T15:04:05Z", action, request: {}, actor: {}, source: {} },
      target: { mediaType: "m", size: 1, digest: "sha256:00", ...(repository !== undefined && { repository }) },
    });
    const events = [event("push", "a/b"), event("pull", "c"), event("push", "a/b"), event("push"), event("push", "d")];
    expect(notifiedRepositories({ events })).toEqual(["a/b", "d"]);
  });

  it("of Harbor names its repository", () => {
    const repository = { name: "app", namespace: "team", repo_full_name: "team/app", repo_type: "private" };
    const body = { type: "PUSH_ARTIFACT", occur_at: 1, operator: "x", event_data: { resources: [], repository } };
    expect(notifiedRepositories(body)).toEqual(["team/app"]);
  });

  it("of zot names its repository, as a CloudEvent of either form", () => {
    const data = { name: "team/app", reference: "1", digest: "sha256:00" };
    expect(notifiedRepositories(data)).toEqual(["team/app"]);
    expect(notifiedRepositories({ specversion: "1.0", type: "zotregistry.image.updated", data })).toEqual(["team/app"]);
  });

  it.each([{}, { events: 1 }, { events: [{ action: "push" }] }, { name: 7 }, { data: {} }])("is none: %j", (body) => {
    expect(notifiedRepositories(body)).toBeUndefined();
  });
});
