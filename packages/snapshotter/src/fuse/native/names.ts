/**
 * fuse-native hands paths over as JavaScript strings, made from UTF-8, in which bytes that are no UTF-8 would be lost. So libfuse's own `iconv` module stands between:
 * towards the kernel names are ISO-8859-1, in which every byte is a character; towards fuse-native they are UTF-8. One character is one byte here.
 */
export const byteNamesModule = "iconv,from_code=UTF-8,to_code=ISO-8859-1";

/** The names of a path such as `/usr/bin`. */
export function namesOfPath(path: string): Uint8Array[] {
  return path
    .split("/")
    .filter((name) => name !== "")
    .map((name) => Buffer.from(name, "latin1"));
}

/** How fuse-native takes a name. */
export const stringOfName = (name: Uint8Array): string => Buffer.from(name).toString("latin1");
