/** `npm run generate`: what follows from schemas/. A test compares, so the committed files are never behind the schemas. */
import { readFile, writeFile } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { compile, type JSONSchema } from 'json-schema-to-typescript'
import { settingsMarkdown } from '../src/cli/settings.js'
import { PROFILES } from '../src/engine/presets.js'
import { commandLine } from './command-line.js'
import { metricsMarkdown } from './generate-metrics.js'
import { protocolMarkdown, protocolTypes } from './generate-protocol.js'
import {
  errorsMarkdown,
  errorsTypeScript,
  protocolDocument,
  statesTypeScript,
  tablesPython,
} from './generate-tables.js'

const HELP = `Generates what follows from schemas/: types and pages in the docs of the settings and of the wire protocol, and the tables of errors
and of job states wherever they are needed.

Usage: npm run generate

Example: after a change of schemas/settings.schema.json
  npm run generate && git diff --stat
`

const SCHEMA = new URL('../schemas/settings.schema.json', import.meta.url)

/** Generated files, by path from the project's folder, and how to make them; those that others follow from come first. */
export const GENERATED: Record<string, () => string | Promise<string>> = {
  'schemas/rpc.openrpc.json': protocolDocument,
  'src/engine/generated/settings.ts': settingsTypes,
  'docs/settings.md': settingsMarkdown,
  'docs/asset.md': assetPage,
  'src/generated/protocol.ts': protocolTypes,
  'docs/protocol.md': protocolMarkdown,
  'src/generated/errors.ts': errorsTypeScript,
  'docs/errors.md': errorsMarkdown,
  'docs/metrics.md': metricsMarkdown,
  'src/generated/job-states.ts': statesTypeScript,
  'plugins/blender-bridge/sider/core/generated.py': tablesPython,
}

/** The profiles as a table of the docs. */
function profilesMarkdown(): string {
  const rows = Object.entries(PROFILES).map(
    ([name, { settings, parts, metresPerUnit, description, meets, source }]) => {
      const changed = Object.entries(settings).flatMap(([group, values]) =>
        Object.entries(values as object).map(([key, value]) => `\`${group}.${key}=${value}\``),
      )
      const unit = metresPerUnit === 1 ? 'm' : 'cm'
      const listed = parts?.map((part) => `\`${part}\``).join(', ') ?? 'all'
      return `| [\`${name}\`](profiles/${name}.md) | ${description} | ${changed.join(', ') || '-'} | ${listed}; ${unit} | ${meets} ([source](${source})) |`
    },
  )
  return [
    '| profile | for | sets | OBJ, USDZ | what is asked for, and met |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

/** The page of the asset with the table of profiles; the rest of it is written by hand. */
async function assetPage(): Promise<string> {
  const page = await readFile(new URL('../docs/asset.md', import.meta.url), 'utf8')
  const marked = /(<!-- profiles: src\/engine\/presets\.ts -->\n\n)[\s\S]*?(\n\n<!-- end of profiles -->)/
  return page.replace(marked, (_, before, after) => `${before}${profilesMarkdown()}${after}`)
}

async function settingsTypes(): Promise<string> {
  const schema = JSON.parse(await readFile(SCHEMA, 'utf8')) as JSONSchema
  return compile({ ...forTypes(schema), title: 'Settings' }, 'Settings', {
    bannerComment: '/* Generated from schemas/settings.schema.json by `npm run generate`. Do not edit. */',
    style: { semi: false, singleQuote: true, printWidth: 120 },
  })
}

/**
 * After defaults are applied every setting is present, so all are required. A leaf's title is a label for menus: left in, it
 * would make a type alias of every number.
 */
function forTypes(node: JSONSchema): JSONSchema {
  if (node.type !== 'object') {
    const { title: _, ...leaf } = node
    const unit = node['unit'] ? ` (${node['unit']})` : ''
    return { ...leaf, description: `${node.description}${unit} Default: ${JSON.stringify(node.default)}.` }
  }
  const properties = Object.fromEntries(Object.entries(node.properties!).map(([key, child]) => [key, forTypes(child)]))
  return { ...node, title: `${node.title}Settings`, properties, required: Object.keys(properties) }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  commandLine(HELP, {})
  for (const [path, make] of Object.entries(GENERATED)) {
    await writeFile(new URL(`../${path}`, import.meta.url), await make())
  }
}
