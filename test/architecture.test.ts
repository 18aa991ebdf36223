/** Which part of the program may import which: the arrows of docs/architecture.md. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { functionsWithParameters } from './support/parameters.js'

const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** Each does one step of the pipeline and knows nothing of the others. */
const STAGES = ['photo', 'landmarks', 'head', 'coarse', 'methods', 'surface', 'asset']
/** What stages may share. */
const SHARED = ['geometry', 'image', 'formats', 'system', 'compute', 'optimise', 'evidence', 'threads']
/** Files of the engine's root that stages and shared folders may import. */
const COMMON = ['stages', 'errors', 'inspect', 'config', 'generated', 'nearest-name']

/** Functions that may have many parameters: called for every ray, texel or row of a matrix, where objects would take the time. */
const MANY_PARAMETERS = {
  'for every ray or triangle': [
    'geometry/triangle-tree.ts blocks',
    'geometry/triangle-tree.ts #meets',
    'geometry/triangle-hierarchy.ts partition',
    'geometry/rasterize.ts isHidden',
    'surface/unfold.ts turnOf',
    'asset/untangle.ts pierced',
    'asset/untangle.ts a function without a name',
  ],
  'for every pixel or texel': [
    'image/filter.ts sampleBilinear',
    'asset/sight.ts at',
    'surface/bake.ts inTangentSpace',
    'geometry/noise.ts octaves',
    'generate/paint.ts hair',
  ],
  'for every row of the normal equations': [
    'head/fit-state.ts axpy3',
    'head/fit-residuals.ts residualRow',
    'head/fit-residuals.ts depthRow',
  ],
  'an image is an array, width, height and channels wherever it is handed on': ['image/filter.ts gaussianBlur'],
}

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
    const low = SHARED.filter((part) => ['geometry', 'image', 'formats', 'system'].includes(part))
    const allowed = [...low, ...COMMON]
    const readers = /^src\/engine\/(photo\/(crop|decode)|head\/(contours|load|fit-mesh))\.js$/
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
    const low = SHARED.filter((part) => ['geometry', 'image', 'formats', 'system', 'evidence'].includes(part))
    const allowed = [...low, ...COMMON]
    const parts = /^src\/engine\/head\/(builtin|contours|embedding|fit-mesh|interior)\.js$/
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

  test('what is lowest knows nothing of evidence, optimisers or devices', () => {
    const low = ['geometry', 'image', 'formats', 'system']
    const high = ['evidence', 'optimise', 'compute']
    expect(
      offenders(({ from, to }) => low.includes(enginePart(from) ?? '') && high.includes(enginePart(to) ?? '')),
    ).toEqual([])
  })

  test('a method is asked for by its name in one place', () => {
    const inside = /^src\/engine\/methods\/[^/]+\//
    const asking = ['src/engine/methods/index.ts']
    expect(offenders(({ from, to }) => inside.test(to) && !inside.test(from) && !asking.includes(from))).toEqual([])
    const sources = [...new Set(IMPORTS.map(({ from }) => from))].filter((file) => !file.startsWith('src/generated/'))
    const naming = sources.filter((file) =>
      /\b(method|kind)\s*===?\s*'(relief|networks?|neural)'/.test(readFileSync(join(ROOT, file), 'utf8')),
    )
    expect(naming).toEqual([])
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

  test('nothing imports upwards: engine, then jobs, then the server and its clients, then the command line', () => {
    const floors = ['generated', 'engine', 'jobs', 'rpc', 'cli', 'cli.ts']
    const floor = (path: string): number => floors.indexOf(path.split('/')[1].replace(/\.js$/, '.ts'))
    expect(IMPORTS.every(({ from }) => floor(from) >= 0)).toBe(true)
    expect(offenders(({ from, to }) => to.startsWith('src/') && floor(to) > floor(from))).toEqual([])
  })

  test('nothing imports itself, over however many others', () => {
    const to = new Map<string, string[]>()
    for (const one of IMPORTS) to.set(one.from, [...(to.get(one.from) ?? []), one.to.replace(/\.js$/, '.ts')])
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      else if (!done.has(file)) for (const one of to.get(file) ?? []) visit(one, [...path, file])
      done.add(file)
    }
    for (const file of to.keys()) visit(file, [])
    expect(circles).toEqual([])
  })

  test('jobs and the server import the public API and nothing inside', () => {
    expect(
      offenders(({ from, to }) => {
        return /^src\/(jobs|rpc)\//.test(from) && to.startsWith('src/engine/') && to !== 'src/engine/index.js'
      }),
    ).toEqual([])
  })

  test('jobs know no socket', () => {
    const socket = /^(ws|json-rpc-2\.0|node:(http|https|net|tls|dgram))$/
    expect(offenders(({ from, to }) => from.startsWith('src/jobs/') && socket.test(to))).toEqual([])
    expect(IMPORTS.some(({ from, to }) => from.startsWith('src/rpc/') && socket.test(to))).toBe(true)
  })

  test('what several machines need is loaded by their folder alone, and only when asked for', () => {
    const needed = /^(bullmq|ioredis|@aws-sdk\/.*)$/
    expect(IMPORTS.some(({ to }) => needed.test(to))).toBe(true)
    expect(offenders(({ from, to }) => needed.test(to) && !from.startsWith('src/jobs/shared/'))).toEqual([])
    const known = IMPORTS.filter(({ from }) => from.startsWith('src/jobs/shared/')).map(({ from }) => from)
    const early = [...new Set(IMPORTS.map(({ from }) => from))].flatMap((from) => {
      const text = readFileSync(join(ROOT, from), 'utf8')
      const names = known.includes(from) ? "bullmq|ioredis|@aws-sdk/[^']*" : "[^']*jobs/shared/[^']*|\\./shared/[^']*"
      return [...text.matchAll(new RegExp(`^import (?!type ).*from '(?:${names})'`, 'gm'))].map(
        ([line]) => `${from}: ${line}`,
      )
    })
    expect(early).toEqual([])
  })

  test('there is one class of errors, but for the client library’s own', () => {
    const own = /class \w+ extends (\w*Error)\b/g
    const classes = IMPORTS.map(({ from }) => from)
      .filter((file, i, all) => all.indexOf(file) === i && !file.startsWith('src/rpc/client/'))
      .flatMap((file) =>
        [...readFileSync(join(ROOT, file), 'utf8').matchAll(own)].map(([words]) => `${file}: ${words}`),
      )
    expect(classes).toEqual(['src/engine/errors.ts: class SiderError extends Error'])
  })

  test('the client library runs in browsers: neither the engine nor Node nor the server', () => {
    const own = /^src\/(rpc\/client\/|rpc\/frames\.|generated\/)/
    expect(
      offenders(
        ({ from, to }) => from.startsWith('src/rpc/client/') && !own.test(to) && to !== 'json-rpc-2.0' && to !== 'ws',
      ),
    ).toEqual([])
  })

  test('the command line loads the engine late, so that help answers at once', () => {
    const heavy = [...STAGES, 'compute', 'evaluate', 'generate', 'reconstruct', 'run', 'pipeline', 'outputs']
    const light = /^src\/engine\/(head\/store|outputs\/identity-sentence)\.js$/ // neither imports more than files and errors
    expect(
      offenders(
        ({ from, to }) => from.startsWith('src/cli/') && heavy.includes(enginePart(to) ?? '') && !light.test(to),
      ),
    ).toEqual([])
  })

  test('functions have at most five parameters, or take an object; but for these', () => {
    const found = functionsWithParameters(ROOT, 6).map(
      ({ file, name }) => `${file.replace(/^src\/(engine\/)?/, '')} ${name}`,
    )
    expect(found.sort()).toEqual(Object.values(MANY_PARAMETERS).flat().sort())
  }, 30_000)

  test('every folder of the engine is a stage, shared, or above both', () => {
    const above = ['evaluate', 'generate', 'outputs', 'pipeline', 'run']
    const inFolders = IMPORTS.map(({ from }) => from).filter((from) => /^src\/engine\/[^/]+\//.test(from))
    const folders = [...new Set(inFolders.map((from) => enginePart(from)))]
    expect(folders.sort()).toEqual([...STAGES, ...SHARED, ...above].sort())
  })

  test('the engine has at most eight files beside its folders', () => {
    const loose = readdirSync(join(ROOT, 'src/engine')).filter((name) => name.endsWith('.ts'))
    expect(loose.length, loose.join(', ')).toBeLessThanOrEqual(8)
  })
})
