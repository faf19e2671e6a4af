import type { EventListener } from "../events/registry-event.js";
import type { RepositoryName } from "../registry/repository-name.js";
import { type AutoConvertPlaces, convertNew } from "./convert-new.js";

/** Converts what repositories with active streaming did not hold before. Tags put on what is there convert nothing. */
export function autoConvert(places: AutoConvertPlaces): EventListener {
  return async (event) => {
    if (event.action !== "push" || !event.isNew) return undefined;
    if ((await places.streamings.of(event.repository)).streaming !== "Active") return undefined;
    return await convertNew(places, { ...event, repository: event.repository as RepositoryName }); // of the path that the push came by
  };
}
