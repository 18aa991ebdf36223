/** What `npm run same` takes for a difference, and what not. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compareFolders } from '../../scripts/same/compare.js'
import { encodeNpy, encodeNpz } from '../../src/engine/formats/npy.js'
import { encodeTensors } from '../../src/engine/formats/tensor-file.js'
import { writeGlb } from '../../src/engine/formats/write-glb.js'
import { encodeGreyPng16, encodePng, newPicture } from '../../src/engine/image/picture.js'

let root: string
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'sider-same-test-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

let count = 0
/** The differences of two folders that have one file of the name, or none. */
async function differences(
  name: string,
  before: Uint8Array | string | undefined,
  now: Uint8Array | string | undefined,
): Promise<string[]> {
  const folders = [join(root, `${++count}-before`), join(root, `${count}-now`)]
  for (const [i, bytes] of [before, now].entries()) {
    await mkdir(join(folders[i], 'maps'), { recursive: true })
    if (bytes !== undefined) await writeFile(join(folders[i], 'maps', name), bytes)
  }
  const found = await compareFolders(folders[0], folders[1])
  expect(found.every(({ file }) => file === `maps/${name}`)).toBe(true)
  return found.map(({ what }) => what)
}

const floats = Float32Array.of(1, Number.NaN, 3, 4)

test('one number of an array, and NaN only where it is not NaN on both sides', async () => {
  const moved = Float32Array.of(1, Number.NaN, 3, 4.5)
  expect(await differences('depth.npy', encodeNpy(floats, [4]), encodeNpy(floats, [4]))).toEqual([])
  expect(await differences('depth.npy', encodeNpy(floats, [4]), encodeNpy(moved, [4]))).toEqual([
    'array: 1 of 4 numbers, by 0.500 at most',
  ])
  const lost = Float32Array.of(1, 2, Number.NaN, 4)
  expect(await differences('depth.npy', encodeNpy(floats, [4]), encodeNpy(lost, [4]))).toEqual([
    'array: 2 of 4 numbers, by 0.00 at most, 2 of them not finite on one side',
  ])
  expect(await differences('depth.npy', encodeNpy(floats, [4]), encodeNpy(floats, [2, 2]))).toEqual([
    'shapes.array: "4" became "2 x 2"',
  ])
})

test('arrays of packed files by their names', async () => {
  const npz = (data: Float32Array) => encodeNpz({ sdf: { data, shape: [data.length] } })
  expect(await differences('sdf.npz', npz(floats), npz(floats.subarray(0, 3)))).toEqual([
    'sdf: 4 numbers became 3',
    'shapes.sdf: "4" became "3"',
  ])
  const tensors = (value: number, settings: string) =>
    encodeTensors({
      tensors: { light: { shape: [1], data: Float32Array.of(value) } },
      metadata: { settings, frame: '{}' },
    })
  expect(await differences('sdf.safetensors', tensors(1, 'a'), tensors(1, 'b'))).toEqual([])
  expect(await differences('sdf.safetensors', tensors(1, 'a'), tensors(1.25, 'a'))).toEqual([
    'light: 1 of 1 numbers, by 0.250 at most',
  ])
})

test('pixels, however they are packed, to the last of 16 bits', async () => {
  const picture = newPicture(5, 4, [10, 20, 30])
  const raw = { raw: { width: 5, height: 4, channels: 3 as const } }
  const tight = await sharp(picture.data, raw).png({ compressionLevel: 9 }).toBuffer()
  const loose = await sharp(picture.data, raw).png({ compressionLevel: 0 }).toBuffer()
  expect(Buffer.compare(tight, loose)).not.toBe(0)
  expect(await differences('a.png', tight, loose)).toEqual([])
  const other = newPicture(5, 4, [10, 20, 30])
  other.data[7] += 2
  expect(await differences('a.png', await encodePng(picture), await encodePng(other))).toEqual([
    'pixels: 1 of 60 numbers, by 2.00 at most',
  ])
  const deep = (value: number) => encodeGreyPng16(Float32Array.of(0, value, 65534, 1), 2, 2, 0, 65534)
  expect(await differences('d.png', await deep(700), await deep(701))).toEqual([
    'pixels: 1 of 4 numbers, by 1.00 at most',
  ])
})

test('values of a report, but for times, versions, paths and what was asked for', async () => {
  const report = (psnr: number, seconds: number) =>
    JSON.stringify({
      version: `${seconds}`,
      seconds: { head: seconds },
      quality: { psnr },
      settings: { seed: seconds },
    })
  expect(await differences('report.json', report(30, 1), report(30, 2))).toEqual([])
  expect(await differences('report.json', report(30, 1), report(30.5, 1))).toEqual([
    'quality.psnr: 30 became 30.5 (by 0.500)',
  ])
  expect(await differences('report.json', '{"warnings":["a"]}', '{"warnings":[]}')).toEqual([
    'warnings.0: "a" became nothing',
  ])
})

test('vertices, indices, keys and textures of a scene', async () => {
  const glb = async (x: number, blue: number) => {
    const texture = { bytes: await encodePng(newPicture(2, 2, [0, 0, blue])), mimeType: 'image/png' as const }
    const positions = Float32Array.of(0, 0, 0, x, 0, 0, 0, 1, 0)
    const mesh = { positions, indices: Uint32Array.of(0, 1, 2) }
    return writeGlb([{ name: 'face', mesh, uv: new Float32Array(6), texture }], { generator: `${x}` })
  }
  expect(await differences('face.glb', await glb(1, 9), await glb(1, 9))).toEqual([])
  const found = await differences('face.glb', await glb(1, 9), await glb(1.5, 19))
  expect(found).toContain('face/0/POSITION: 1 of 9 numbers, by 0.500 at most')
  expect(found.some((what) => /^texture .*: 4 of 12 numbers, by 10\.0 at most$/.test(what))).toBe(true)
})

test('files that are there once, and bytes of any other kind', async () => {
  expect(await differences('face.ply', 'a', undefined)).toEqual(['is not written any more'])
  expect(await differences('face.ply', undefined, 'a')).toEqual(['was not written before'])
  expect(await differences('face.ply', 'abc', 'abd')).toEqual(['1 of 3 bytes, by 1.00 at most'])
})
