import { describe, expect, it } from "vitest";
import { elfOf } from "../../testing/elf-of.js";
import { imageOf, type TestFile } from "../../testing/image-of.js";
import { predictStartup } from "../predict-startup.js";

const library = "usr/lib/python3.11";
const installation = {
  "usr/bin/python3": "->python3.11",
  "usr/bin/python3.11": "x",
  [`${library}/encodings/__init__.py`]: "1",
};

async function predicted(files: Readonly<Record<string, TestFile>>, config = {}): Promise<string[]> {
  const image = imageOf({ ...installation, ...files }, { Entrypoint: ["python3"], Cmd: ["/app/main.py"], ...config });
  return image.pathsOf(await predictStartup(image)).filter((path) => !path.includes("/encodings/"));
}

describe("the prediction of a Python program", () => {
  it("holds the script and, depth first, what it imports: packages from the top down, submodules that `from` names", async () => {
    const paths = await predicted({
      "app/main.py": "import beside\nfrom pkg.sub import part, value\n",
      "app/beside.py": "import os",
      [`${library}/os.py`]: "1",
      [`${library}/site-packages/pkg/__init__.py`]: "1",
      [`${library}/site-packages/pkg/sub/__init__.py`]: "from . import other",
      [`${library}/site-packages/pkg/sub/part.py`]: "1",
      [`${library}/site-packages/pkg/sub/other.py`]: "1",
      [`${library}/site-packages/pkg/unused.py`]: "1",
    });
    const site = `/${library}/site-packages`;
    expect(paths).toEqual([
      "/app/main.py",
      "/app/beside.py",
      `/${library}/os.py`,
      `${site}/pkg/__init__.py`,
      `${site}/pkg/sub/__init__.py`,
      `${site}/pkg/sub/part.py`,
      `${site}/pkg/sub/other.py`,
    ]);
  });

  it("holds compiled modules instead of their sources", async () => {
    const paths = await predicted({
      "app/main.py": "import m",
      [`${library}/m.py`]: "import n",
      [`${library}/n.py`]: "1",
      [`${library}/__pycache__/m.cpython-311.pyc`]: "x",
      [`${library}/__pycache__/n.cpython-310.pyc`]: "x",
    });
    expect(paths).toEqual(["/app/main.py", `/${library}/__pycache__/m.cpython-311.pyc`, `/${library}/n.py`]);
  });

  it("holds extension modules with their libraries, and the modules that they import in C", async () => {
    const names = Buffer.from("\0pkg.other\0pkg.text\0nonsense.name\0");
    const site = `${library}/site-packages`;
    const paths = await predicted({
      "app/main.py": "import pkg.fast",
      [`${site}/pkg/__init__.py`]: "1",
      [`${site}/pkg/fast.cpython-311-x86_64-linux-gnu.so`]: elfOf({
        needed: ["libx.so"],
        runPath: "$ORIGIN/../pkg.libs",
        sections: [{ name: ".rodata", bytes: names }],
      }),
      [`${site}/pkg/other.abi3.so`]: elfOf({}),
      [`${site}/pkg/text.py`]: "1",
      [`${site}/pkg.libs/libx.so`]: elfOf({}),
    });
    expect(paths).toEqual([
      "/app/main.py",
      `/${site}/pkg/__init__.py`,
      `/${site}/pkg/fast.cpython-311-x86_64-linux-gnu.so`,
      `/${site}/pkg.libs/libx.so`,
      `/${site}/pkg/other.abi3.so`,
    ]);
  });

  it("holds the data that a package reads as it is imported", async () => {
    const site = `${library}/site-packages/matplotlib`;
    const paths = await predicted({
      "app/main.py": "import matplotlib.font_manager",
      [`${site}/__init__.py`]: "1",
      [`${site}/font_manager.py`]: "1",
      [`${site}/mpl-data/matplotlibrc`]: "x",
      [`${site}/mpl-data/fonts/ttf/A.ttf`]: "x",
      [`${site}/mpl-data/fonts/ttf/B.ttf`]: "x",
      [`${site}/mpl-data/images/home.png`]: "x",
    });
    expect(paths.map((path) => path.replace(`/${site}/`, ""))).toEqual([
      "/app/main.py",
      "__init__.py",
      "mpl-data/matplotlibrc",
      "font_manager.py",
      "mpl-data/fonts/ttf/A.ttf",
      "mpl-data/fonts/ttf/B.ttf",
    ]);
  });

  it("holds what stands in for a module only where that is missing", async () => {
    const files = {
      "app/main.py": "try:\n  import fast\nexcept ImportError:\n  import slow\n",
      [`${library}/slow.py`]: "1",
    };
    expect(await predicted(files)).toEqual(["/app/main.py", `/${library}/slow.py`]);
    expect(await predicted({ ...files, [`${library}/fast.py`]: "1" })).toEqual(["/app/main.py", `/${library}/fast.py`]);
  });

  it("holds the main module of -m, found in PYTHONPATH, and .pth files", async () => {
    const config = { Cmd: ["-u", "-m", "tool"], Env: ["PYTHONPATH=/own"] };
    const paths = await predicted(
      { "own/tool/__init__.py": "1", "own/tool/__main__.py": "1", [`${library}/site-packages/x.pth`]: "x" },
      config,
    );
    expect(paths).toEqual([`/${library}/site-packages/x.pth`, "/own/tool/__init__.py", "/own/tool/__main__.py"]);
  });

  it("looks for packages in the virtual environment that the interpreter is called in", async () => {
    const paths = await predicted(
      {
        "app/main.py": "import pkg",
        "venv/pyvenv.cfg": "home = /usr/bin",
        "venv/bin/python": "->/usr/bin/python3",
        "venv/lib/python3.11/site-packages/pkg.py": "1",
        [`${library}/site-packages/pkg.py`]: "1",
      },
      { Entrypoint: ["/venv/bin/python"] },
    );
    expect(paths).toEqual(["/app/main.py", "/venv/lib/python3.11/site-packages/pkg.py"]);
  });

  it("ends where modules import each other", async () => {
    const files = { "app/main.py": "import a", "app/a.py": "import b", "app/b.py": "import a, b, main" };
    expect(await predicted(files)).toEqual(["/app/main.py", "/app/a.py", "/app/b.py"]);
  });
});
