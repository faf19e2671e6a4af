const order = ["oci", "disk", "store", "converter", "snapshotter", "server", "cli"];
// docs/architecture.md: data flows one way. Each package may import those it names here.
const allowed = {
  oci: [],
  disk: ["oci"],
  store: ["disk", "oci"],
  converter: ["store", "disk", "oci"],
  snapshotter: ["store", "disk", "oci"],
  server: ["converter", "store", "disk", "oci"],
  cli: ["server", "snapshotter", "converter", "store", "disk", "oci"],
};

// What a package shows, besides its index: the faces that its package.json declares.
const faces = order
  .flatMap((name) =>
    Object.values(require(`./packages/${name}/package.json`).exports).map((face) => [name, face.default]),
  )
  .map(([name, path]) => `${name}/(src|dist)/${path.replace(/^\.\/dist\//, "").replace(/\.js$/, "\\.")}`);

const arrows = order.map((name) => ({
  name: `${name}-imports-only-below`,
  severity: "error",
  from: { path: `^packages/${name}/` },
  to: {
    path: `^packages/(${order.filter((other) => other !== name && !allowed[name].includes(other)).join("|") || "none"})/`,
  },
}));

module.exports = {
  forbidden: [
    ...arrows,
    {
      name: "no-deep-import",
      severity: "error",
      from: { path: "^packages/([^/]+)/" },
      to: { path: "^packages/[^/]+/(src|dist)/", pathNot: ["^packages/$1/", `^packages/(${faces.join("|")})`] },
    },
    {
      name: "tests-use-the-public-face",
      severity: "error",
      from: { path: "^test/" },
      to: { path: "^packages/[^/]+/(src|dist)/", pathNot: `^packages/(${faces.join("|")})` },
    },
    {
      name: "one-door-to-the-kernel",
      severity: "error",
      from: { path: "^packages/", pathNot: "^packages/(snapshotter/src/fuse|server/src/kernel)/" },
      to: { path: "node_modules/(fuse-native|koffi)" },
    },
    {
      name: "one-door-to-the-network",
      severity: "error",
      from: { path: "^packages/", pathNot: "^packages/oci/src/registry/" },
      to: { path: "node_modules/undici" },
    },
    {
      name: "the-page-is-a-client",
      comment: "It runs in browsers, which get its own files alone.",
      severity: "error",
      from: { path: "^packages/server/page/src/" },
      to: { pathNot: "^packages/server/page/src/" },
    },
    {
      name: "leaves-of-oci",
      severity: "error",
      from: { path: "^packages/oci/src/(digest|bytes)/", pathNot: "\\.test\\.ts$" },
      to: { path: "^packages/oci/src/", pathNot: "^packages/oci/src/(digest|bytes|abort-options)" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "not-to-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    // The applications of test/fixtures run inside images, with dependencies of their own.
    exclude: { path: "(^|/)(dist|coverage)/|^test/fixtures/apps/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["types", "import", "node", "default"] },
  },
};
