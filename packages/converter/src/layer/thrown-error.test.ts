import { InvalidFormatError } from "@sluice/disk";
import { DigestMismatchError, sha256Of } from "@sluice/oci";
import { describe, expect, it } from "vitest";
import { LayerInvalidError, TarFieldError, TarInvalidError } from "../tar/errors.js";
import { DiskFullError } from "./disk-full.js";
import { rethrown, thrownError } from "./thrown-error.js";
import { DecompressionError } from "./unpacked.js";

const digest = sha256Of("a");
const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", errno: -28 });
const tar = new TarInvalidError("bad", 512, '"a"', { cause: new TarFieldError("size is odd") });

const errors: readonly Error[] = [
  new LayerInvalidError(digest, "bad", { cause: tar }),
  new LayerInvalidError(digest, "bad", { cause: new DecompressionError("gzip", new Error("unexpected end of file")) }),
  new DigestMismatchError("tar", digest, sha256Of("b")),
  new DiskFullError("/data/tmp", { cause: full }),
  new InvalidFormatError("layer index", "size", "at most 5", 6),
  new RangeError("the files of the layer are larger than 16 TiB together"),
  full,
];

const sent = (error: unknown): Error => rethrown(structuredClone(thrownError(error)));

describe("an error from another thread", () => {
  it.each(errors)("is what was thrown there: %s", (error) => {
    const received = sent(error);
    expect(received).toBeInstanceOf(error.constructor);
    expect(received.constructor).toBe(error.constructor);
    expect(Object.entries(received)).toEqual(Object.entries(error));
    expect([received.message, received.name, received.stack]).toEqual([error.message, error.name, error.stack]);
    expect(String(received.cause)).toBe(String(error.cause));
    if (error.cause instanceof Error) expect(received.cause).toBeInstanceOf(error.cause.constructor);
  });

  it("keeps its words when its class is not one we throw, or when it is none", () => {
    class OddError extends Error {}
    expect(sent(new OddError("odd")).message).toBe("odd");
    expect(sent("only text").message).toBe("only text");
  });

  it("ends when its causes do not", () => {
    const circle = new Error("circle");
    circle.cause = circle;
    expect(sent(circle).message).toBe("circle");
  });
});
