/** Compares two folders of results file by file, each as what it holds: numbers, pixels, values. */
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, relative } from 'node:path'
import { NodeIO } from '@gltf-transform/core'
import { ALL_EXTENSIONS } from '@gltf-transform/extensions'
import sharp from 'sharp'
import { numbersIn, readNpy, readNpz } from '../../src/engine/formats/npy.js'
import type { NumericArray } from '../../src/engine/formats/numeric-array.js'
import { decodeTensors } from '../../src/engine/formats/tensor-file.js'

/** One thing in which two folders differ. */
export interface Difference {
  /** Path below both folders. */
  file: string
  /** In words, with figures: 'positions: 12 of 300 numbers, by 1.2e-7 at most'. */
  what: string
}

/** Members of JSON that say how and when something was made, or what was asked for, not what came of it. */
const NOT_RESULTS = ['seconds', 'memoryMiB', 'version', 'generator', 'settings', 'field', 'path']

type Numbers = ArrayLike<number> | ArrayLike<bigint>

/** What a file holds: arrays of numbers by name, and the rest as JSON values by name. */
interface Contents {
  arrays: Record<string, Numbers>
  values: Record<string, unknown>
}

/** Reads a file's contents, by its ending; others are compared as bytes. */
const READERS: Record<string, (bytes: Uint8Array) => Promise<Contents> | Contents> = {
  '.npy': (bytes) => ofArrays({ array: numbersIn(readNpy(bytes)) }),
  '.npz': (bytes) => {
    const { names, get } = readNpz(bytes)
    return ofArrays(Object.fromEntries(names.map((name) => [name, numbersIn(get(name)!)])))
  },
  '.safetensors': (bytes) => {
    const { tensors, metadata } = decodeTensors(bytes)
    const { frame } = metadata
    return {
      arrays: mapped(tensors, ({ data }) => data),
      values: { shapes: mapped(tensors, ({ shape }) => shape.join(' x ')), frame },
    }
  },
  '.png': readPicture,
  '.jpg': readPicture,
  '.json': (bytes) => ({ arrays: {}, values: { '': JSON.parse(new TextDecoder().decode(bytes)) } }),
  '.glb': readGlb,
}

/** All differences between the files of two folders, by name of the file. None: the results are the same. */
export async function compareFolders(base: string, present: string): Promise<Difference[]> {
  const [before, now] = await Promise.all([filesOf(base), filesOf(present)])
  const differences: Difference[] = []
  for (const file of [...new Set([...before, ...now])].sort()) {
    const words = !now.includes(file)
      ? ['is not written any more']
      : !before.includes(file)
        ? ['was not written before']
        : await compareFiles(file, await readFile(join(base, file)), await readFile(join(present, file)))
    differences.push(...words.map((what) => ({ file, what })))
  }
  return differences
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
}

async function compareFiles(file: string, a: Uint8Array, b: Uint8Array): Promise<string[]> {
  if (Buffer.compare(a, b) === 0) return []
  const read = READERS[extname(file)]
  if (!read) return [compareNumbers(a, b, 'bytes')!]
  const [before, now] = [await read(a), await read(b)]
  const arrays = namesOf(before.arrays, now.arrays).flatMap((name) => {
    const what = compareNumbers(before.arrays[name] ?? [], now.arrays[name] ?? [], 'numbers')
    return what === undefined ? [] : [`${name}: ${what}`]
  })
  return [...arrays, ...compareValues(before.values, now.values, '')]
}

/** How two lists of numbers differ, in words; undefined where they do not. NaN equals NaN. */
function compareNumbers(a: Numbers, b: Numbers, unit: string): string | undefined {
  if (a.length !== b.length) return `${a.length} ${unit} became ${b.length}`
  let count = 0
  let largest = 0
  let unlike = 0
  for (let i = 0; i < a.length; i++) {
    if (Object.is(a[i], b[i]) || a[i] === b[i]) continue
    count++
    const distance = Math.abs(Number(a[i]) - Number(b[i]))
    if (Number.isFinite(distance)) largest = Math.max(largest, distance)
    else unlike++
  }
  if (count === 0) return undefined
  const rest = unlike > 0 ? `, ${unlike} of them not finite on one side` : ''
  return `${count} of ${a.length} ${unit}, by ${largest.toPrecision(3)} at most${rest}`
}

/** How two JSON values differ, each place in words. */
function compareValues(a: unknown, b: unknown, place: string): string[] {
  if (isObject(a) && isObject(b))
    return namesOf(a, b)
      .filter((name) => !NOT_RESULTS.includes(name))
      .flatMap((name) => compareValues(a[name], b[name], place === '' ? name : `${place}.${name}`))
  if (JSON.stringify(a) === JSON.stringify(b)) return []
  const by = typeof a === 'number' && typeof b === 'number' ? ` (by ${(b - a).toPrecision(3)})` : ''
  return [`${place}: ${shown(a)} became ${shown(b)}${by}`]
}

/** Arrays are objects, too, with their places as names. */
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 80)

const namesOf = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])]

const mapped = <T, U>(of: Record<string, T>, map: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(of).map(([name, value]) => [name, map(value)]))

const ofArrays = (arrays: Record<string, NumericArray>): Contents => ({
  arrays: mapped(arrays, ({ data }) => data),
  values: { shapes: mapped(arrays, ({ shape }) => shape.join(' x ')) },
})

/** Decoded pixels in their own depth: the same picture can be packed in several ways. */
async function readPicture(bytes: Uint8Array): Promise<Contents> {
  const picture = sharp(bytes)
  const { depth, width, height, channels } = await picture.metadata()
  const wide = depth === 'ushort'
  if (wide) picture.toColourspace(channels < 3 ? 'grey16' : 'rgb16')
  const { data } = await picture.raw({ depth: wide ? 'ushort' : 'uchar' }).toBuffer({ resolveWithObject: true })
  const pixels = wide ? new Uint16Array(new Uint8Array(data).buffer) : data
  return { arrays: { pixels }, values: { size: [width, height, channels] } }
}

/** All numbers of meshes and keys, the textures' pixels, and the description of the scene but for where they lie in the file. */
async function readGlb(bytes: Uint8Array): Promise<Contents> {
  const io = new NodeIO().registerExtensions(ALL_EXTENSIONS)
  const root = (await io.readBinary(bytes)).getRoot()
  const arrays: Record<string, Numbers> = {}
  for (const mesh of root.listMeshes())
    for (const [i, primitive] of mesh.listPrimitives().entries()) {
      const name = `${mesh.getName()}/${i}`
      const keys = primitive.listTargets().map((target, k) => [`${name}/key ${k}`, target] as const)
      for (const [place, part] of [[name, primitive] as const, ...keys])
        for (const semantic of part.listSemantics())
          arrays[`${place}/${semantic}`] = part.getAttribute(semantic)?.getArray() ?? []
      arrays[`${name}/indices`] = primitive.getIndices()?.getArray() ?? []
    }
  for (const [i, texture] of root.listTextures().entries())
    arrays[`texture ${texture.getName() || i}`] = (await readPicture(texture.getImage()!)).arrays['pixels']
  const { bufferViews, buffers, accessors, images, ...scene } = (await io.binaryToJSON(bytes)).json
  return { arrays, values: { scene } }
}
