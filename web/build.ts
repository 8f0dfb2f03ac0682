/**
 * Builds every front end into the Python package that serves it: one script per entry, no shared chunks, no hashes in names.
 * The same sources give the same bytes; a folder without its entry yet is passed over.
 * It never downloads anything and never leaves a file behind that the current sources do not produce.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { build, type InlineConfig, type Plugin, type Rolldown } from "vite";

const WEB = import.meta.dirname;
const PACKAGE = join(dirname(WEB), "src", "sealgate");

/** What the browsers that we name can run: popover, light-dark(), X25519 in WebCrypto. */
const BROWSER_FLOOR = ["chrome133", "firefox130", "safari18"];

type Bytes = string | Uint8Array;
type Assets = ReadonlyMap<string, Bytes>;

/** The whole build: folder in the package → its files. */
const PLAN: Readonly<Record<string, () => Promise<Assets>>> = {
  "proxy/assets": () => collect([script("assistant/index.ts", "sealgate-assistant.js")]),
  "vault/assets": () =>
    collect([
      ...["sealing", "enrol", "approve"].flatMap((page) => [
        script(`sealing/${page}.ts`, `${page}.js`),
        copy(`sealing/${page}.html`, `${page}.html`),
      ]),
      copy("sealing/brand.html", "brand.html"),
      style("sealing/sealing.css", "sealing.css"),
      style("status/status.css", "status.css"),
      copy("shared/seal.svg", "seal.svg"),
    ]),
  "console/assets": async () =>
    collect([
      ...(await islands("console")),
      style("console/console.css", "console.css"),
      copy("shared/seal.svg", "seal.svg"),
    ]),
};

type Step = Promise<readonly [name: string, content: Bytes] | null>;

async function script(source: string, name: string): Step {
  const entry = join(WEB, source);
  if (!existsSync(entry)) return null;
  const output = await bundle({
    build: {
      lib: { entry, formats: ["es"], fileName: () => name },
      // Vite keeps the white space of libraries, for those who bundle them on; nobody bundles these on.
      rolldownOptions: { output: { codeSplitting: false, comments: false, minify: true } },
    },
  });
  return [name, sole(output, source)];
}

async function style(source: string, name: string): Step {
  const entry = join(WEB, source);
  if (!existsSync(entry)) return null;
  const output = await bundle({ build: { rolldownOptions: { input: entry } } });
  return [name, sole(output, source)];
}

async function copy(source: string, name: string): Step {
  const path = join(WEB, source);
  return existsSync(path) ? [name, await readFile(path)] : null;
}

/** One script per TypeScript file that stands directly in the folder; folders inside it are for shared parts. */
async function islands(folder: string): Promise<Step[]> {
  const path = join(WEB, folder);
  if (!existsSync(path)) return [];
  const sources = (await readdir(path)).filter((file) => /^[^.]+\.ts$/.test(file)).sort();
  return sources.map((file) => script(join(folder, file), `${basename(file, ".ts")}.js`));
}

/** Takes out what only the reader of a template needs: comments and indentation of style sheets, indentation of markup. */
function tightTemplates(): Plugin {
  return {
    name: "tight-templates",
    enforce: "pre",
    transform(code, id) {
      if (!id.startsWith(WEB) || id.includes("node_modules") || !id.endsWith(".ts")) return null;
      const tight = code.replace(/(?<=\bcss`)[^`]*(?=`)/g, (sheet) =>
        sheet
          .replace(/\/\*.*?\*\//gs, "")
          .replace(/\s+/g, " ")
          .replace(/ ?([{};]) ?/g, "$1")
          .replaceAll(";}", "}"),
      );
      // Line breaks stay: between inline elements they are the space between words.
      return { code: tight.replace(/\n[ \t]+/g, "\n"), map: null };
    },
  };
}

async function bundle(config: InlineConfig): Promise<readonly Bytes[]> {
  const result = await build({
    ...config,
    root: WEB,
    configFile: false,
    envDir: false,
    publicDir: false,
    logLevel: "warn",
    plugins: [tightTemplates()],
    build: {
      ...config.build,
      write: false,
      target: BROWSER_FLOOR,
      cssTarget: BROWSER_FLOOR,
      minify: "oxc",
      modulePreload: false,
      assetsInlineLimit: 0,
      reportCompressedSize: false,
    },
  });
  const outputs = Array.isArray(result) ? result : [result as Rolldown.RolldownOutput];
  return outputs.flatMap(({ output }) =>
    output.map((file) => (file.type === "chunk" ? file.code : file.source)),
  );
}

function sole(files: readonly Bytes[], source: string): Bytes {
  const [only] = files;
  if (files.length !== 1 || only === undefined) {
    throw new Error(`${source} must build to one file, not ${files.length}`);
  }
  return only;
}

async function collect(steps: readonly Step[]): Promise<Assets> {
  const done = await Promise.all(steps);
  return new Map(done.filter((asset) => asset !== null));
}

/** Files are renamed into place, so that a server reading them meanwhile sees the old one or the new one. */
async function place(folder: string, assets: Assets): Promise<void> {
  const target = join(PACKAGE, folder);
  await mkdir(target, { recursive: true });
  for (const [name, content] of assets) {
    const draft = join(target, `.${name}.${process.pid}`);
    await writeFile(draft, content);
    await rename(draft, join(target, name));
    report(join(folder, name), content);
  }
  for (const stale of await readdir(target)) {
    if (!assets.has(stale) && !stale.startsWith("."))
      await rm(join(target, stale), { recursive: true });
  }
}

function report(name: string, content: Bytes): void {
  const size = Buffer.byteLength(content);
  const zipped = gzipSync(content, { level: 9 }).byteLength;
  process.stdout.write(`${name}  ${size} bytes, ${zipped} gzipped\n`);
}

/** Everything, or the folders named on the command line: `node build.ts proxy/assets`. */
const wanted = process.argv.slice(2);
for (const unknown of wanted.filter((folder) => !(folder in PLAN))) {
  throw new Error(`nothing is built into ${unknown}; hint: one of ${Object.keys(PLAN).join(", ")}`);
}
for (const [folder, assets] of Object.entries(PLAN)) {
  if (wanted.length === 0 || wanted.includes(folder)) await place(folder, await assets());
}
