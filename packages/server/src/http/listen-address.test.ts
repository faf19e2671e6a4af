import { describe, expect, it } from "vitest";
import { ListenAddressError, parseListenAddress, urlOf } from "./listen-address.js";

describe("a listen address", () => {
  it.each([
    ["127.0.0.1:5000", { host: "127.0.0.1", port: 5000 }, "http://127.0.0.1:5000"],
    ["localhost:0", { host: "localhost", port: 0 }, "http://localhost:0"],
    ["[::1]:80", { host: "::1", port: 80 }, "http://[::1]:80"],
    [":5000", { host: "::", port: 5000 }, "http://[::]:5000"],
  ])("%s", (text, address, url) => {
    expect(parseListenAddress(text)).toEqual(address);
    expect(urlOf(address)).toBe(url);
  });

  it.each(["", "5000", "host", "host:", "host:65536", "host:-1", "::1:80", "a:b:80"])("is not %j", (text) => {
    expect(() => parseListenAddress(text)).toThrow(ListenAddressError);
  });
});
