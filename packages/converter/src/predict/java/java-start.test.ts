import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elfOf } from "../../testing/elf-of.js";
import { imageOf, type TestFile } from "../../testing/image-of.js";
import { predictStartup } from "../predict-startup.js";

const home = "opt/java";
const runtime = {
  [`${home}/bin/java`]: elfOf({}),
  [`${home}/lib/server/libjvm.so`]: elfOf({}),
  [`${home}/lib/server/classes.jsa`]: "x",
  [`${home}/lib/libjava.so`]: elfOf({}),
  [`${home}/lib/libawt.so`]: elfOf({}),
};

/** A jar file with nothing but a manifest, behind `fill` bytes. */
function jarOf(manifest: string, fill = 0): Buffer {
  const name = Buffer.from("META-INF/MANIFEST.MF");
  const content = deflateRawSync(manifest);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50);
  local.writeUInt16LE(name.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x02014b50);
  entry.writeUInt16LE(8, 10);
  entry.writeUInt32LE(content.length, 20);
  entry.writeUInt16LE(name.length, 28);
  entry.writeUInt32LE(fill, 42);
  const before = Buffer.concat([Buffer.alloc(fill), local, name, content]);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt32LE(entry.length + name.length, 12);
  end.writeUInt32LE(before.length, 16);
  return Buffer.concat([before, entry, name, end]);
}

async function predicted(files: Readonly<Record<string, TestFile>>, ...args: string[]): Promise<string[]> {
  const image = imageOf({ ...runtime, ...files }, { Cmd: [`/${home}/bin/java`, ...args], WorkingDir: "/app" });
  const paths = image.pathsOf(await predictStartup(image));
  return paths.filter((path) => path.startsWith("/app"));
}

describe("the prediction of a Java program", () => {
  it("holds the virtual machine, its archive and the libraries of every server", async () => {
    const image = imageOf(runtime, { Cmd: [`/${home}/bin/java`] });
    expect(image.pathsOf(await predictStartup(image))).toEqual([
      `/${home}/bin/java`,
      `/${home}/lib/server/libjvm.so`,
      `/${home}/lib/server/classes.jsa`,
      `/${home}/lib/libjava.so`,
    ]);
  });

  it("holds the jars of the class path, folders of them, and those that their manifests name", async () => {
    const files = {
      "app/a.jar": jarOf("Manifest-Version: 1.0\r\nClass-Path: more/b.jar other/mis\r\n sing.jar http://x/y.jar\r\n"),
      "app/more/b.jar": jarOf(""),
      "app/lib/c.jar": jarOf(""),
      "app/lib/d.txt": "x",
      "app/unused.jar": jarOf(""),
    };
    const paths = await predicted(files, "-Xmx1g", "-cp", "a.jar:/app/lib/*", "Main");
    expect(paths.sort()).toEqual(["/app/a.jar", "/app/lib/c.jar", "/app/more/b.jar"]);
  });

  it("holds the directory of a large jar, and not its classes", async () => {
    const image = imageOf(
      { ...runtime, "app/big.jar": jarOf("", 2100 * 4096) },
      { Cmd: [`/${home}/bin/java`, "-jar", "/app/big.jar"] },
    );
    expect(image.pagesOf(await predictStartup(image), "/app/big.jar")).toEqual([0, 2100]);
  });

  it("holds what it can of jars and class libraries that are damaged", async () => {
    const whole = jarOf("Class-Path: b.jar");
    const jimage = Buffer.alloc(400, 1);
    jimage.writeUInt32LE(0xcafedada);
    const damage = fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(damage, async (changes) => {
        const [jar, modules] = [Buffer.from(whole), Buffer.from(jimage)];
        for (const [at, value] of changes) {
          if (at < jar.length) jar[at] = value;
          if (at >= 4 && at < 400) modules[at] = value;
        }
        expect(await predicted({ "app/a.jar": jar, [`${home}/lib/modules`]: modules }, "-jar", "/app/a.jar")).toContain(
          "/app/a.jar",
        );
      }),
    );
  });
});
