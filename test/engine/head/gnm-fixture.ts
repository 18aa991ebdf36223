/** GNM Head's fixtures, as they are and changed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unzipSync, zipSync } from 'fflate'
import { afterAll, expect } from 'vitest'
import { SiderError } from '../../../src/engine/errors.js'
import { encodeNpy, type Npz, readNpz } from '../../../src/engine/formats/npy.js'
import { loadHead } from '../../../src/engine/head/load.js'

export const FIXTURES = fileURLToPath(new URL('../../fixtures/gnm/', import.meta.url))
export const NPZ = join(FIXTURES, 'gnm_head.npz')
export const bytesOf = (name: string): Buffer => readFileSync(join(FIXTURES, name))
export const ENTRIES = unzipSync(bytesOf('gnm_head.npz'))

export const LANDMARKS = bytesOf('head_sparse_68.txt').toString()

const folder = mkdtempSync(join(tmpdir(), 'sider-gnm-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = readNpz(bytesOf('gnm_head.npz'))
/** Arrays of the fixture, or of another file. */
export const numbers = (name: string, of: Npz = file): ArrayLike<number> =>
  (of.get(name) as { data: Float32Array }).data
export const texts = (name: string): string[] => (file.get(name) as { texts: string[] }).texts

let written = 0
/** A file of these bytes, alone in a folder. */
export function write(name: string, content: Uint8Array | string): string {
  const place = join(folder, String(written++))
  mkdirSync(place)
  writeFileSync(join(place, name), content)
  return join(place, name)
}

/** The fixture with some of its arrays replaced, or left out, and with landmarks beside it or none. */
export function variant(changes: Record<string, Uint8Array | undefined>, landmarks = LANDMARKS): string {
  const entries = {
    ...ENTRIES,
    ...Object.fromEntries(Object.entries(changes).map(([name, npy]) => [`${name}.npy`, npy])),
  }
  const kept = Object.entries(entries).filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined)
  const path = write('gnm_head.npz', zipSync(Object.fromEntries(kept), { level: 1 }))
  if (landmarks !== '') writeFileSync(join(dirname(path), 'head_sparse_68.txt'), landmarks)
  return path
}

/** A `.npy` file of texts. */
export function encodeTexts(list: string[], shape = [list.length]): Uint8Array {
  const width = Math.max(...list.map((text) => text.length))
  const codes = new Uint32Array(list.length * width)
  list.forEach((text, i) => {
    for (let c = 0; c < text.length; c++) codes[i * width + c] = text.charCodeAt(c)
  })
  const npy = encodeNpy(codes, [codes.length])
  const header = `{'descr': '<U${width}', 'fortran_order': False, 'shape': (${shape.map((n) => `${n},`).join('')}), }`
  npy.set(Buffer.from(header.padEnd(npy[8] + 256 * npy[9] - 1)), 10)
  return npy
}

/** What keeps a file from being loaded. */
export async function failure(spec: string): Promise<SiderError> {
  const error = await loadHead(spec).then(
    () => new Error(`${spec} was loaded`),
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(SiderError)
  const failed = error as SiderError
  expect(failed).toMatchObject({ code: 'HEAD_INVALID', stage: 'head' })
  expect(failed.hint!.length).toBeGreaterThan(20)
  return failed
}
