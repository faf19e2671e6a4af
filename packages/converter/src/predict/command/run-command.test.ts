import { describe, expect, it } from "vitest";
import { elfOf } from "../../testing/elf-of.js";
import { imageOf, type TestFile } from "../../testing/image-of.js";
import { predictStartup } from "../predict-startup.js";

const program = elfOf({});

async function predicted(
  files: Readonly<Record<string, TestFile>>,
  config: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const image = imageOf(files, config);
  return image.pathsOf(await predictStartup(image));
}

describe("the command of a container", () => {
  it("is looked for in the image's PATH, then behind symlinks", async () => {
    const files = { "own/bin/x": "->../real/y", "own/real/y": { content: program, mode: 0o755 }, "usr/bin/x": program };
    expect(await predicted(files, { Cmd: ["x"], Env: ["PATH=/none:/own/bin:/usr/bin"] })).toEqual(["/own/real/y"]);
    expect(await predicted(files, { Cmd: ["x"] })).toEqual(["/usr/bin/x"]);
  });

  it("is not a file that may not be executed", async () => {
    expect(await predicted({ "bin/x": { content: program, mode: 0o644 } }, { Cmd: ["x"] })).toEqual([]);
  });

  it("goes on behind programs that start others", async () => {
    const files = { "sbin/tini": program, "usr/bin/env": program, "bin/gosu": program, "bin/x": program };
    const config = { Entrypoint: ["tini", "-g", "--"], Cmd: ["env", "A=1", "gosu", "user", "x"] };
    expect(await predicted(files, config)).toEqual(["/sbin/tini", "/usr/bin/env", "/bin/gosu", "/bin/x"]);
  });

  it("of a script is its interpreter, and the commands of the script", async () => {
    const files = {
      "entry.sh": '#!/bin/sh -e\n. /lib.sh\nif [ "$1" = serve ]; then set -- server "$@"; fi\nprepare\nexec "$@"\n',
      "lib.sh": "export TOOL=/opt/bin/tool\n$TOOL --version >/dev/null\n",
      "bin/sh": program,
      "bin/prepare": program,
      "bin/server": program,
      "opt/bin/tool": program,
    };
    expect(await predicted(files, { Entrypoint: ["/entry.sh"], Cmd: ["server", "serve"] })).toEqual([
      "/entry.sh",
      "/bin/sh",
      "/lib.sh",
      "/opt/bin/tool",
      "/bin/prepare",
      "/bin/server",
    ]);
  });

  it("of a shell's -c is what its text names", async () => {
    const files = { "bin/sh": program, "bin/a": program, "bin/b": program };
    expect(await predicted(files, { Cmd: ["/bin/sh", "-ec", "cd /; a && exec b"] })).toEqual([
      "/bin/sh",
      "/bin/a",
      "/bin/b",
    ]);
  });

  it("reads the files that it names and those that scripts copy, unless they are large", async () => {
    const files = {
      "bin/x": program,
      "bin/sh": program,
      "bin/cp": program,
      "etc/x.conf": "x",
      "etc/large": Buffer.alloc(1024 * 1024 + 1),
      "conf/a/b": "x",
      s: "#!/bin/sh\ncp -r /conf/. /tmp\nexec x -c /etc/x.conf --data=/etc/large\n",
    };
    expect(await predicted(files, { Cmd: ["/s"] })).toEqual([
      "/s",
      "/bin/sh",
      "/bin/cp",
      "/conf/a/b",
      "/bin/x",
      "/etc/x.conf",
    ]);
  });

  it("of nginx reads the configuration with what it includes, and the modules that it loads", async () => {
    const files = {
      "usr/sbin/nginx": program,
      "etc/nginx/nginx.conf": "load_module modules/m.so;\nhttp {\n  include mime.types;\n  include conf.d/*.conf;\n}\n",
      "etc/nginx/mime.types": "x",
      "etc/nginx/conf.d/a.conf": "include /etc/nginx/nginx.conf;",
      "etc/nginx/conf.d/a.txt": "x",
      "usr/lib/nginx/modules/m.so": program,
    };
    expect(await predicted(files, { Cmd: ["nginx", "-g", "daemon off;"] })).toEqual([
      "/usr/sbin/nginx",
      "/etc/nginx/nginx.conf",
      "/usr/lib/nginx/modules/m.so",
      "/etc/nginx/mime.types",
      "/etc/nginx/conf.d/a.conf",
    ]);
  });

  it("of PostgreSQL reads what making a database does", async () => {
    const files = {
      "usr/lib/postgresql/15/bin/initdb": program,
      "usr/lib/postgresql/15/bin/postgres": program,
      "usr/lib/postgresql/15/lib/plpgsql.so": program,
      "usr/share/postgresql/15/postgres.bki": "x",
    };
    const paths = await predicted(files, { Cmd: ["/usr/lib/postgresql/15/bin/initdb"] });
    expect(paths.sort()).toEqual(
      Object.keys(files)
        .map((path) => `/${path}`)
        .sort(),
    );
  });
});
