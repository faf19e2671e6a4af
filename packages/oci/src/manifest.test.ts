import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyDescriptor } from "./descriptor.js";
import { sha256Of } from "./digest/digest.js";
import { parseImageConfig } from "./image-config.js";
import {
  artifactTypeOf,
  createImageIndex,
  createImageManifest,
  descriptorOfManifest,
  type Manifest,
  maxManifestBytes,
  parseManifest,
} from "./manifest.js";
import { compressionOfLayer, dockerMediaTypes, ociMediaTypes, sluiceMediaTypes } from "./media-types.js";

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const layer = { mediaType: ociMediaTypes.layerGzip, digest: sha256Of("layer"), size: 5 };

describe("parseManifest", () => {
  it("gives back what createImageManifest made, with the same digest", () => {
    const subject = { mediaType: ociMediaTypes.manifest, digest: sha256Of("s"), size: 1 };
    const made = createImageManifest({
      artifactType: sluiceMediaTypes.artifact,
      config: emptyDescriptor,
      layers: [layer],
      subject,
      annotations: { a: "b" },
    });
    expect(parseManifest(made.bytes, "test")).toEqual(made);
    expect(made.digest).toBe(sha256Of(made.bytes));
  });

  it("keeps the bytes as they came, odd spaces and unknown fields included", () => {
    const bytes = Buffer.from('{ "schemaVersion":2,"x":{"y":1}, "layers":[], "config":null }\n');
    const parsed = parseManifest(bytes, "test");
    expect(parsed.bytes).toBe(bytes);
    expect(parsed.digest).toBe(sha256Of(bytes));
  });

  it.each([
    [dockerMediaTypes.manifest, { layers: [] }, "image"],
    [dockerMediaTypes.manifestList, { manifests: [] }, "index"],
    [ociMediaTypes.index, { manifests: null }, "index"],
  ])("reads %s", (mediaType, fields, kind) => {
    expect(parseManifest(json({ schemaVersion: 2, mediaType, ...fields }), "test").kind).toBe(kind);
    expect(parseManifest(json({ schemaVersion: 2, ...fields }), "test", `${mediaType}; charset=utf-8`).kind).toBe(kind);
  });

  it("takes the config's media type for the artifact type of an old artifact", () => {
    const old = { schemaVersion: 2, config: { ...emptyDescriptor, mediaType: "application/x" }, layers: [] };
    expect(artifactTypeOf(parseManifest(json(old), "test"))).toBe("application/x");
  });

  it.each([
    ["both kinds at once", { schemaVersion: 2, layers: [], manifests: [] }, "INVALID_DOCUMENT"],
    [
      "an index that says it is a manifest",
      { schemaVersion: 2, mediaType: ociMediaTypes.manifest, manifests: [] },
      "INVALID_DOCUMENT",
    ],
    [
      "a manifest that says it is an index",
      { schemaVersion: 2, mediaType: ociMediaTypes.index, layers: [] },
      "INVALID_DOCUMENT",
    ],
    ["schema 1", { schemaVersion: 1, fsLayers: [] }, "UNSUPPORTED_MEDIATYPE"],
    ["another type", { schemaVersion: 2, mediaType: "application/vnd.other+json" }, "UNSUPPORTED_MEDIATYPE"],
    ["a size that is not whole", { schemaVersion: 2, layers: [{ ...layer, size: 1.5 }] }, "INVALID_DOCUMENT"],
    [
      "a size beyond the safe integers",
      { schemaVersion: 2, layers: [{ ...layer, size: 2 ** 53 }] },
      "INVALID_DOCUMENT",
    ],
    [
      "a digest that is a path",
      { schemaVersion: 2, layers: [{ ...layer, digest: "sha256:../x" }] },
      "INVALID_DOCUMENT",
    ],
    ["too many layers", { schemaVersion: 2, layers: Array(10_001).fill(layer) }, "INVALID_DOCUMENT"],
    ["no object", [1], "INVALID_DOCUMENT"],
    ["null", null, "INVALID_DOCUMENT"],
  ])("refuses %s, naming the place", (_name, document, code) => {
    const parse = (): unknown => parseManifest(json(document), "manifest of host/app");
    expect(parse).toThrow(expect.objectContaining({ code }));
    expect(parse).toThrow(/^manifest of host\/app: /);
  });

  it("refuses more than 4 MiB, and bytes that are not UTF-8", () => {
    expect(() => parseManifest(new Uint8Array(maxManifestBytes + 1), "test")).toThrow(/larger than/);
    expect(() => parseManifest(Uint8Array.of(0x22, 0xff, 0x22), "test")).toThrow(/not JSON/);
  });

  it("throws only its own errors, whatever the JSON", () => {
    const codes = ["INVALID_DOCUMENT", "UNSUPPORTED_MEDIATYPE"];
    const field = fc.oneof(fc.jsonValue(), fc.constant([layer]));
    fc.assert(
      fc.property(
        fc.record({ schemaVersion: fc.constant(2), layers: field, config: field, subject: field }),
        (document) => {
          try {
            parseManifest(json(document), "test");
          } catch (error) {
            expect(codes).toContain((error as { code?: string }).code);
          }
        },
      ),
    );
  });
});

describe("createImageIndex", () => {
  it("keeps platforms and artifact types", () => {
    const entry = {
      ...descriptorOfManifest(createImageIndex([])),
      platform: { os: "linux", architecture: "arm64", variant: "v8" },
      artifactType: "a/b",
    };
    const parsed = parseManifest(createImageIndex([entry]).bytes, "test");
    expect(parsed.kind === "index" && parsed.manifests).toEqual([entry]);
  });
});

describe("parseImageConfig", () => {
  it("reads what a container needs, null fields as absent", () => {
    const config = parseImageConfig(
      json({
        os: "linux",
        architecture: "amd64",
        config: {
          Entrypoint: null,
          Cmd: ["/bin/sh"],
          Env: ["A=1"],
          ExposedPorts: { "80/tcp": {} },
          Volumes: null,
          StopSignal: "SIGQUIT",
          WorkingDir: "/srv",
          User: "1000:1000",
          Labels: { a: "b" },
        },
        rootfs: { type: "layers", diff_ids: [sha256Of("d")] },
        history: [{ created_by: "RUN x" }, { empty_layer: true }],
      }),
      "test",
    );
    expect(config).toEqual({
      os: "linux",
      architecture: "amd64",
      container: {
        entrypoint: [],
        command: ["/bin/sh"],
        environment: ["A=1"],
        exposedPorts: ["80/tcp"],
        volumes: [],
        stopSignal: "SIGQUIT",
        workingDirectory: "/srv",
        user: "1000:1000",
        labels: { a: "b" },
      },
      diffIds: [sha256Of("d")],
      history: [
        { createdBy: "RUN x", emptyLayer: false },
        { createdBy: "", emptyLayer: true },
      ],
    });
  });

  it("refuses a config without layers, and a DiffID that is none", () => {
    expect(() => parseImageConfig(json({ os: "linux" }), "config of app")).toThrow(/^config of app: rootfs/);
    expect(() => parseImageConfig(json({ rootfs: { diff_ids: ["x"] } }), "test")).toThrow(/rootfs\.diff_ids\.0/);
  });
});

describe("compressionOfLayer", () => {
  it.each([
    [ociMediaTypes.layer, "none"],
    [ociMediaTypes.layerGzip, "gzip"],
    [ociMediaTypes.layerZstd, "zstd"],
    [dockerMediaTypes.layerGzip, "gzip"],
  ])("of %s is %s", (mediaType, compression) => {
    expect(compressionOfLayer(mediaType, "layer 1")).toBe(compression);
  });

  it.each([dockerMediaTypes.foreignLayer, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "image/png"])(
    "refuses %s",
    (mediaType) => {
      expect(() => compressionOfLayer(mediaType, "layer 1")).toThrow(/^layer 1: media type .* is not supported/);
    },
  );
});

describe("data in a descriptor", () => {
  const content = Buffer.from("hello");
  const carrying = (data: string, size = 5): Manifest => {
    const layer = { mediaType: "text/plain", digest: sha256Of(content), size, data };
    return parseManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, config: layer, layers: [layer] })), "test");
  };
  const dataOf = (manifest: Manifest) => (manifest.kind === "image" ? manifest.layers[0]?.data : undefined);

  it("comes back as it was written", () => {
    const layer = { mediaType: "text/plain", digest: sha256Of(content), size: 5, data: content };
    expect(dataOf(createImageManifest({ config: emptyDescriptor, layers: [layer] }))).toEqual(content);
    expect(dataOf(carrying(content.toString("base64")))).toEqual(content);
  });

  it.each([
    ["of another size", Buffer.from("hell").toString("base64")],
    ["that is no base64", "????????"],
    ["that is far too long", "A".repeat(100_000)],
  ])("%s is as good as none", (_, data) => {
    expect(dataOf(carrying(data))).toBeUndefined();
  });
});
