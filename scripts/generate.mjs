/**
 * Generates the settings' TypeScript types from schemas/settings.schema.json.
 *
 *   node scripts/generate.mjs      writes src/engine/generated/settings.ts
 *
 * A test calls `settingsTypes` and compares, so the committed file is never behind the schema.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { compile } from 'json-schema-to-typescript'

const SCHEMA = new URL('../schemas/settings.schema.json', import.meta.url)
const TYPES = new URL('../src/engine/generated/settings.ts', import.meta.url)

/**
 * After defaults are applied every setting is present, so all are required. A leaf's title is a label for menus: left in, it
 * would make a type alias of every number.
 */
function forTypes(node) {
  if (node.type !== 'object') {
    const { title: _, ...leaf } = node
    const unit = node.unit ? ` (${node.unit})` : ''
    return { ...leaf, description: `${node.description}${unit} Default: ${JSON.stringify(node.default)}.` }
  }
  const properties = Object.fromEntries(Object.entries(node.properties).map(([key, child]) => [key, forTypes(child)]))
  return { ...node, title: `${node.title}Settings`, properties, required: Object.keys(properties) }
}

/** @returns {Promise<string>} the text of src/engine/generated/settings.ts */
export async function settingsTypes() {
  const schema = JSON.parse(await readFile(SCHEMA, 'utf8'))
  return compile({ ...forTypes(schema), title: 'Settings' }, 'Settings', {
    bannerComment: '/* Generated from schemas/settings.schema.json by `npm run generate`. Do not edit. */',
    style: { semi: false, singleQuote: true, printWidth: 120 },
    // Ranges are ajv's business: as types they would be unions of tuples.
    ignoreMinAndMaxItems: true,
  })
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await writeFile(TYPES, await settingsTypes())
}
