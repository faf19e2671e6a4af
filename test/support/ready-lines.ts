import type { RealImage } from "./fixture-images.js";

/** What each image writes when it is ready to serve. */
export const readyLines: Readonly<Record<RealImage, string>> = {
  nginx: "start worker process",
  node: "ready with",
  postgres: "database system is ready to accept connections",
  tomcat: "Server startup in",
  python: "ready slope",
};
