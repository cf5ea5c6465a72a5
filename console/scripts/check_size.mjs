// Fails when what a first visit loads is more than 250 KiB compressed: index.html and all that it
// names, the entry's static imports, and the fonts of its style sheets.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const LIMIT_KIB = 250
const dist = join(import.meta.dirname, '..', 'dist')
const wanted = new Set(['index.html'])

function addNamed (text, pattern, folder = '') {
  for (const [, name] of text.matchAll(pattern)) wanted.add(join(folder, name.replace(/^\//, '')))
}
for (const name of wanted) {
  const text = readFileSync(join(dist, name), 'utf8')
  if (name.endsWith('.html')) addNamed(text, /(?:src|href)="(\/[^"]+)"/g)
  if (name.endsWith('.css')) addNamed(text, /url\(["']?(\/[^"')]+)/g)
  if (name.endsWith('.js')) addNamed(text, /(?:from|import)\s*["']\.\/([^"']+)["']/g, 'assets')
}

let total = 0
for (const name of wanted) {
  const bytes = readFileSync(join(dist, name))
  const size = name.endsWith('.woff2') ? bytes.length : gzipSync(bytes, { level: 9 }).length
  total += size
  console.log(`${(size / 1024).toFixed(1).padStart(8)} KiB  ${name}`)
}
console.log(`${(total / 1024).toFixed(1).padStart(8)} KiB  first load, compressed; at most ${LIMIT_KIB}`)
if (total > LIMIT_KIB * 1024) process.exit(1)
