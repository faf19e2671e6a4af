import type { Route } from "../http/route.js";
import type { Action } from "./grants.js";

/** What a request on a route of a repository does, by its method. Methods that a route has not are refused behind this. */
export function actionOf(route: Exclude<Route, { kind: "base" | "catalog" }>, method: string): Action {
  if (route.kind === "tags" || route.kind === "referrers") return "metadata/read";
  if (route.kind === "uploads" || route.kind === "upload") return "content/write";
  if (method === "GET" || method === "HEAD") return "content/read";
  return method === "DELETE" ? "content/delete" : "content/write";
}
