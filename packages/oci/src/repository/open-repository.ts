import { ImageLayout } from "../layout/image-layout.js";
import type { Reference } from "../reference.js";
import type { RegistryClient } from "../registry/registry-client.js";
import type { Repository } from "./repository.js";

/** The repository that a reference lies in. The client stays the caller's to close; layouts need none. */
export function openRepository(reference: Reference, client: RegistryClient): Repository {
  return reference.kind === "layout"
    ? new ImageLayout(reference.directory)
    : client.repository(reference.host, reference.repository);
}
