import type { ImageFlags } from "../images/opened-image.js";
import type { ApiFlags } from "../registry-api/registry-api.js";

/** Of `convert`, one image or all of a repository. */
export interface ConvertFlags extends ImageFlags, ApiFlags {
  readonly to?: string;
  readonly platform?: string;
  readonly force?: boolean;
  readonly allTags?: boolean;
  readonly onServer?: boolean;
  /** From `--wait` and `--no-wait`; undefined when neither was given. */
  readonly wait?: boolean;
}
