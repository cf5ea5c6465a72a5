// Makes files.cc of the console's built files: their bytes, plain and compressed, stand between
// symbols of the binary; a table tells their paths and types.
//
// usage: node embed.mjs DIST OUT
//   DIST  what `npm run build` has made
//   OUT   where files.cc goes, and beside it the compressed files that it includes
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};
const COMPRESSED_ALREADY = new Set([".ico", ".png", ".woff2"]);
const HASHED_NAME = /^\/assets\/.+[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

function fail(message) {
  console.error(`embed: ${message}`);
  process.exit(1);
}

// A compressed form is kept where it saves a tenth.
function smaller(bytes, compressed) {
  return compressed.length < bytes.length * 0.9 ? compressed : null;
}

function embed(dist, out, name, index) {
  const source = path.resolve(dist, name);
  const bytes = readFileSync(source);
  const extension = path.extname(name);
  const type = TYPES[extension] ?? fail(`the type of ${name} is not known here`);
  const sitePath = "/" + name.split(path.sep).join("/");
  if (!/^[A-Za-z0-9/._-]+$/.test(sitePath)) fail(`the name ${name} has characters of another kind`);
  const file = {
    type,
    sitePath,
    symbol: `tenantseal_console_${index}`,
    hash: createHash("sha256").update(bytes).digest("base64url").slice(0, 22),
    immutable: HASHED_NAME.test(sitePath),
    forms: [{ kind: "plain", source, size: bytes.length }],
  };
  if (!COMPRESSED_ALREADY.has(extension)) {
    const forms = {
      gzip: smaller(bytes, gzipSync(bytes, { level: 9 })),
      brotli: smaller(bytes, brotliCompressSync(bytes, { params: {
        [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } })),
    };
    for (const [kind, compressed] of Object.entries(forms)) {
      if (compressed === null) continue;
      const target = path.resolve(out, `${index}.${kind}`);
      writeFileSync(target, compressed);
      file.forms.push({ kind, source: target, size: compressed.length });
    }
  }
  return file;
}

function assembly(file) {
  return file.forms.map(({ kind, source }) =>
    `.global ${file.symbol}_${kind}\n${file.symbol}_${kind}:\n.incbin "${source}"\n`).join("");
}

function declarations(file) {
  return file.forms.map(({ kind }) =>
    `extern const unsigned char ${file.symbol}_${kind}[];\n`).join("");
}

function row(file) {
  const forms = file.forms.map(({ kind, size }) =>
    `\n         .${kind} = {${file.symbol}_${kind}, ${size}}`).join(",");
  return `    File{.path = "${file.sitePath}", .content_type = "${file.type}",
         .hash = "${file.hash}", .immutable = ${file.immutable},${forms}},\n`;
}

const [dist, out] = process.argv.slice(2);
if (!out) fail("usage: node embed.mjs DIST OUT");
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const names = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.name.endsWith(".map"))
  .map((entry) => path.relative(dist, path.join(entry.parentPath ?? entry.path, entry.name)))
  .sort();
if (!names.includes("index.html")) fail(`${dist} has no index.html`);
const files = names.map((name, index) => embed(dist, out, name, index));

writeFileSync(path.join(out, "files.cc"), `// Made by src/console/embed.mjs of the console's built files.
#include <array>

#include "console/file.h"

asm(R"asm(
.section .rodata
${files.map(assembly).join("")}.text
)asm");
extern "C" {
${files.map(declarations).join("")}}

namespace tenantseal::console {

std::span<const File> EmbeddedFiles() {
  static const std::array<File, ${files.length}> kFiles = {
${files.map(row).join("")}  };
  return kFiles;
}

}  // namespace tenantseal::console
`);
