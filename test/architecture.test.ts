/** Which part of the program may import which: the arrows of docs/architecture.md. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Each does one step of the pipeline and knows nothing of the others. */
const STAGES = ['photo', 'landmarks', 'head', 'coarse', 'detail', 'surface', 'asset', 'gltf', 'export']
/** What stages may share. */
const SHARED = ['geometry', 'image', 'field', 'compute', 'evidence', 'threads']
/** Files of the engine's root that stages and shared folders may import. */
const COMMON = ['stages', 'errors', 'inspect', 'tensor-file', 'config', 'generated', 'run', 'memory', 'data-folder']

interface Import {
  from: string
  /** Path from the project's folder for own files, else the name of the package. */
  to: string
}

/** All imports of the sources, `import type` and `import()` included. */
function readImports(): Import[] {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true })
    .map((name) => `src/${String(name).replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.ts'))
  return files.flatMap((from) => {
    const text = readFileSync(join(ROOT, from), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    const names = [...text.matchAll(/(?:\bfrom|\bimport|\brequire\(|\bimport\()\s*['"]([^'"]+)['"]/g)].map(
      (match) => match[1],
    )
    return names.map((name) => ({ from, to: name.startsWith('.') ? normalize(join(dirname(from), name)) : name }))
  })
}

const IMPORTS = readImports()

/** 'head' of 'src/engine/head/fit.ts', 'stages' of 'src/engine/stages.ts'; undefined outside the engine. */
function enginePart(path: string): string | undefined {
  return /^src\/engine\/([^/.]+)/.exec(path)?.[1]
}

function offenders(forbidden: (one: Import) => boolean): string[] {
  return IMPORTS.filter(forbidden).map(({ from, to }) => `${from} imports ${to}`)
}

describe('imports', () => {
  test('the scan sees them', () => {
    expect(IMPORTS).toContainEqual({ from: 'src/engine/config.ts', to: 'src/engine/errors.js' })
    expect(IMPORTS).toContainEqual({ from: 'src/cli/process.ts', to: 'src/engine/index.js' })
    expect(IMPORTS.length).toBeGreaterThan(100)
  })

  test('stages import shared folders and common files, never each other', () => {
    const allowed = [...SHARED, ...COMMON]
    expect(
      offenders(({ from, to }) => {
        const [a, b] = [enginePart(from), enginePart(to)]
        return STAGES.includes(a ?? '') && to.startsWith('src/') && b !== a && !allowed.includes(b ?? '')
      }),
    ).toEqual([])
  })

  test('shared folders know no stage', () => {
    const allowed = [...SHARED, ...COMMON]
    expect(
      offenders(({ from, to }) => {
        return (
          SHARED.includes(enginePart(from) ?? '') && to.startsWith('src/') && !allowed.includes(enginePart(to) ?? '')
        )
      }),
    ).toEqual([])
  })

  test('evaluation reads finished results: no stage but readers of photos, mesh files and head models, and no compute', () => {
    const low = SHARED.filter((part) => part === 'geometry' || part === 'image')
    const allowed = [...low, ...COMMON, 'files', 'version', 'contours']
    const readers = /^src\/engine\/(photo\/(crop|decode)|head\/(obj|load|fit-mesh))\.js$/
    expect(
      offenders(({ from, to }) => {
        const part = enginePart(to) ?? ''
        return (
          enginePart(from) === 'evaluate' &&
          to.startsWith('src/') &&
          part !== 'evaluate' &&
          !allowed.includes(part) &&
          !readers.test(to)
        )
      }),
    ).toEqual([])
  })

  test('the generator of ground truth knows the head, not what reconstructs it', () => {
    const low = SHARED.filter((part) => ['geometry', 'image', 'evidence'].includes(part))
    const allowed = [...low, ...COMMON, 'files', 'version', 'contours']
    const parts = /^src\/engine\/head\/(builtin|embedding|fit-mesh|interior)\.js$/
    expect(
      offenders(({ from, to }) => {
        const part = enginePart(to) ?? ''
        return (
          enginePart(from) === 'generate' &&
          to.startsWith('src/') &&
          part !== 'generate' &&
          !allowed.includes(part) &&
          !parts.test(to)
        )
      }),
    ).toEqual([])
  })

  test('compute and geometry know nothing of fields', () => {
    const low = ['compute', 'geometry', 'image']
    expect(offenders(({ from, to }) => low.includes(enginePart(from) ?? '') && enginePart(to) === 'field')).toEqual([])
  })

  test('only compute/ imports a backend of TensorFlow.js or ONNX Runtime', () => {
    const backend = /^(onnxruntime-|onnx-proto|webgpu$|@tensorflow\/tfjs($|-backend-|-node))/
    expect(offenders(({ from, to }) => backend.test(to) && enginePart(from) !== 'compute')).toEqual([])
    expect(IMPORTS.some(({ to }) => backend.test(to))).toBe(true)
  })

  test('one file loads ONNX Runtime, so that its telemetry is off wherever it runs', () => {
    expect(offenders(({ to }) => to === 'onnxruntime-node')).toEqual([
      'src/engine/compute/onnxruntime.ts imports onnxruntime-node',
    ])
  })

  test('the engine imports neither the server nor the command line', () => {
    expect(offenders(({ from, to }) => from.startsWith('src/engine/') && /^src\/(rpc|cli)/.test(to))).toEqual([])
  })

  test('the server imports the public API and nothing inside', () => {
    expect(
      offenders(({ from, to }) => {
        return from.startsWith('src/rpc/') && to.startsWith('src/engine/') && to !== 'src/engine/index.js'
      }),
    ).toEqual([])
  })

  test('the client library runs in browsers: neither the engine nor Node nor the server', () => {
    const own = /^src\/rpc\/(client\/|generated\/|frames\.)/
    expect(
      offenders(
        ({ from, to }) => from.startsWith('src/rpc/client/') && !own.test(to) && to !== 'json-rpc-2.0' && to !== 'ws',
      ),
    ).toEqual([])
  })

  test('the command line loads the engine late, so that help answers at once', () => {
    const heavy = [...STAGES, 'field', 'compute', 'evaluate', 'generate', 'reconstruct']
    expect(offenders(({ from, to }) => from.startsWith('src/cli/') && heavy.includes(enginePart(to) ?? ''))).toEqual([])
  })
})
