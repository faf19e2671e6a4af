import { type ByteRange, type Repository, sha256Of } from "@sluice/oci";
import { describe, expect, it } from "vitest";
import { BlobPlaces, NoPlaceError } from "./blob-places.js";

const content = Buffer.from("0123456789");
const blob = sha256Of(content);
const other = sha256Of("other");

/** A place that gives `pieces` pieces of three bytes, then breaks off; and the ranges it was asked for. */
function place(pieces: number): { repository: Repository; asked: ByteRange[] } {
  const asked: ByteRange[] = [];
  async function* readBlobRange(_digest: string, range: ByteRange) {
    asked.push(range);
    let given = 0;
    for (let at = range.start; at < range.end; at += 3) {
      if (given++ === pieces) throw new Error(`broke off at ${at}`);
      yield content.subarray(at, Math.min(at + 3, range.end));
    }
  }
  return { repository: { readBlobRange } as unknown as Repository, asked }; // the only method that is used
}

const all = async (places: BlobPlaces, range: ByteRange, signal?: AbortSignal): Promise<string> => {
  let text = "";
  for await (const piece of places.read(blob, range, { signal })) text += Buffer.from(piece).toString();
  return text;
};

describe("the places of a blob", () => {
  it("are asked in the order they came, the second only when the first fails", async () => {
    const places = new BlobPlaces();
    const [first, second] = [place(9), place(9)];
    places.add([blob], first.repository);
    places.add([blob], second.repository);
    expect(await all(places, { start: 2, end: 9 })).toBe("2345678");
    expect(second.asked).toEqual([]);
  });

  it("go on where an earlier one broke off", async () => {
    const places = new BlobPlaces();
    const [first, second] = [place(2), place(9)];
    places.add([blob], first.repository);
    places.add([blob], second.repository);
    expect(await all(places, { start: 0, end: 10 })).toBe("0123456789");
    expect(second.asked).toEqual([{ start: 6, end: 10 }]);
  });

  it("fail with the error of the only place, or with those of all", async () => {
    const places = new BlobPlaces();
    places.add([blob], place(0).repository);
    await expect(all(places, { start: 0, end: 3 })).rejects.toThrow(/^broke off at 0$/);
    places.add([blob], place(0).repository);
    await expect(all(places, { start: 0, end: 3 })).rejects.toThrow(/none of 2 places.*broke off.*broke off/);
  });

  it("do not ask the next one for a caller who left", async () => {
    const places = new BlobPlaces();
    const second = place(9);
    places.add([blob], place(0).repository);
    places.add([blob], second.repository);
    const signal = AbortSignal.abort(new Error("left"));
    await expect(all(places, { start: 0, end: 3 }, signal)).rejects.toThrow("left");
    expect(second.asked).toEqual([]);
  });

  it("are forgotten with the disk that brought them, once, and leave those of other disks", async () => {
    const places = new BlobPlaces();
    const { repository } = place(9);
    const forgetFirst = places.add([blob, blob, other], repository);
    const forgetSecond = places.add([blob], repository);
    forgetFirst();
    forgetFirst();
    expect(await all(places, { start: 0, end: 1 })).toBe("0");
    forgetSecond();
    await expect(all(places, { start: 0, end: 1 })).rejects.toThrow(NoPlaceError);
  });
});
