/** What a photo does not show although it has pixels there is seen, said, and no skin; and good photos raise no alarm. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resolveSettings } from '../../../src/engine/config.js'
import { viewCoarse } from '../../../src/engine/evidence/coarse-view.js'
import { CONTOURS, LEFT_EYE, LIPS_OUTER, RIGHT_EYE } from '../../../src/engine/evidence/layouts.js'
import { trustedSkin } from '../../../src/engine/evidence/trust.js'
import { drawPlan } from '../../../src/engine/generate/draw.js'
import { portraitFiles } from '../../../src/engine/generate/index.js'
import { renderPortrait } from '../../../src/engine/generate/render.js'
import { Rng } from '../../../src/engine/geometry/rng.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { fitHead } from '../../../src/engine/head/fit.js'
import { LandmarkDetector } from '../../../src/engine/landmarks/detect.js'
import { cropImage } from '../../../src/engine/photo/crop.js'
import { decodePhoto } from '../../../src/engine/photo/decode.js'
import { findFlaws } from '../../../src/engine/photo/flaws.js'
import { isJpegDamaged } from '../../../src/engine/photo/jpeg-damage.js'
import type { CoarseMaps, Face, HeadFit, HeadModel, Photo } from '../../../src/engine/stages.js'

const sample = (n: number): string =>
  fileURLToPath(new URL(`../../../node_modules/@vladmandic/face-api/demo/sample${n}.jpg`, import.meta.url))
const SHARED = fileURLToPath(new URL('../../../../shared/data', import.meta.url))
const settings = resolveSettings({})

interface Fitted {
  photo: Photo
  face: Face
  fit: HeadFit
  view: CoarseMaps
}

let detector: LandmarkDetector
let head: HeadModel
beforeAll(async () => {
  detector = await LandmarkDetector.create()
  head = await loadBuiltInHead()
})
afterAll(() => detector.dispose())

const fitted = (photo: Photo, face: Face): Fitted => {
  const fit = fitHead(head, face, photo, settings)
  return { photo, face, fit, view: viewCoarse(fit) }
}
const facesOf = async (photo: Photo): Promise<Fitted[]> =>
  (await detector.detect(photo)).filter(({ box }) => box.width > 80).map((face) => fitted(photo, face))

/** Flaws of the face, and the share of it that is spoilt, and trusted. */
function look({ photo, face, fit, view }: Fitted) {
  const flaws = findFlaws(photo, fit.crop, view.mask)
  const image = cropImage(photo, fit.crop)
  const trusted = trustedSkin({
    image,
    coarse: view,
    crop: fit.crop,
    landmarks: face.landmarks,
    contours: CONTOURS[478],
    flaws,
  })
  const share = (of: ArrayLike<number>): number => {
    let [sum, area] = [0, 0]
    for (let i = 0; i < view.mask.length; i++) {
      sum += view.mask[i] * of[i]
      area += view.mask[i]
    }
    return sum / area
  }
  return { ...flaws, trusted, shares: { spoilt: share(flaws.spoilt), trusted: share(trusted) } }
}

type Change = (photo: Photo, face: Face) => Photo | Promise<Photo>
const raw = ({ data, width, height }: Photo) => sharp(data, { raw: { width, height, channels: 3 } })
const changed =
  (value: (old: number, channel: number) => number, where?: Corners): Change =>
  (photo, face) => {
    const [x0, y0, x1, y1] = where ? where(face) : [0, 0, photo.width, photo.height]
    const data = photo.data.slice()
    for (let y = Math.max(0, y0); y < Math.min(photo.height, y1); y++)
      for (let x = Math.max(0, x0); x < Math.min(photo.width, x1); x++)
        for (let c = 0; c < 3; c++) {
          const i = 3 * (y * photo.width + x) + c
          data[i] = Math.min(255, Math.max(0, Math.round(value(photo.data[i], c))))
        }
    return { ...photo, data }
  }
const asJpeg =
  (quality: number): Change =>
  async (photo) => ({
    ...photo,
    data: new Uint8Array(
      await sharp(await raw(photo).jpeg({ quality }).toBuffer())
        .raw()
        .toBuffer(),
    ),
  })
const both =
  (first: Change, second: Change): Change =>
  async (photo, face) =>
    second(await first(photo, face), face)

type Corners = (face: Face) => [x0: number, y0: number, x1: number, y1: number]
/** A box about landmarks, larger by a share of the face's width. */
const about =
  (indices: readonly number[], margin: number): Corners =>
  ({ box, landmarks: { points } }) => {
    const more = margin * box.width
    const [xs, ys] = [0, 1].map((k) => indices.map((i) => points[2 * i + k]))
    return [Math.min(...xs) - more, Math.min(...ys) - more, Math.max(...xs) + more, Math.max(...ys) + more].map(
      Math.round,
    ) as ReturnType<Corners>
  }
const eyes = about([...RIGHT_EYE, ...LEFT_EYE], 0.08)
const mouth = about(LIPS_OUTER, 0.06)
const whole: Corners = ({ box: { x, y, width, height } }) =>
  [x, y, x + width, y + height].map(Math.round) as ReturnType<Corners>

const mosaic =
  (cell: number, where: Corners): Change =>
  (photo, face) => {
    const [x0, y0, x1, y1] = where(face)
    const data = photo.data.slice()
    for (let y = y0; y < y1; y++)
      for (let x = x0; x < x1; x++) {
        const from = [y - ((y - y0) % cell) + (cell >> 1), x - ((x - x0) % cell) + (cell >> 1)]
        const at = 3 * (from[0] * photo.width + from[1])
        data.set(photo.data.subarray(at, at + 3), 3 * (y * photo.width + x))
      }
    return { ...photo, data }
  }
const noisy =
  (sigma: number): Change =>
  (photo) => {
    const rng = new Rng(1)
    return { ...photo, data: photo.data.map((v) => Math.min(255, Math.max(0, Math.round(v + sigma * rng.normal())))) }
  }
/** Stripes of another colour, as a damaged JPEG has them from one block on. */
const stripes: Change = (photo, face) => {
  const { box } = face
  const from = 16 * Math.round((box.y + 0.45 * box.height) / 16)
  return changed(
    (v, c) => v + [70, -50, 60][c],
    () => [0, from, photo.width, from + 48],
  )(photo, face)
}

describe('flaws of a face', () => {
  let good: Fitted
  beforeAll(async () => {
    good = (await facesOf(await decodePhoto(sample(3))))[0]
    expect(good.face.box.width).toBeGreaterThan(200)
  })

  it.each<[string, Change, RegExp, Corners, number]>([
    ['burnt out', changed((v) => 2.2 * v), /Burnt-out skin/, whole, 0.3],
    [
      'burnt out, then a JPEG',
      both(
        changed((v) => 2.5 * v),
        asJpeg(80),
      ),
      /Burnt-out skin/,
      whole,
      0.3,
    ],
    ['a black bar over the eyes', changed(() => 0, eyes), /one colour/, eyes, 0.95],
    [
      'a black bar over the eyes, then a JPEG',
      both(
        changed(() => 0, eyes),
        asJpeg(75),
      ),
      /one colour/,
      eyes,
      0.95,
    ],
    ['a white bar over the eyes', changed(() => 255, eyes), /Burnt-out|one colour/, eyes, 0.95],
    ['a grey block over the mouth', changed(() => 128, mouth), /one colour/, mouth, 0.95],
    [
      'a skin-coloured block over the mouth',
      both(
        changed((_, c) => [190, 140, 120][c], mouth),
        asJpeg(85),
      ),
      /one colour/,
      mouth,
      0.9,
    ],
    ['a mosaic over the eyes', mosaic(12, eyes), /mosaic/, eyes, 0.9],
    ['a mosaic over the face, then a JPEG', both(mosaic(16, whole), asJpeg(80)), /mosaic/, whole, 0.4],
    ['stripes', stripes, /seams/, whole, 0.02],
  ])('%s', async (_, change, message, where, least) => {
    const spoilt = { ...good, photo: await change(good.photo, good.face) }
    const { warnings, trusted, shares } = look(spoilt)
    expect(warnings.join()).toMatch(message)
    // of what was changed on the face, so much is no skin
    const { crop } = good.fit
    const [x0, y0, x1, y1] = where(good.face)
    let [gone, all] = [0, 0]
    for (let i = 0; i < trusted.length; i++) {
      const x = crop.x + ((i % crop.size) + 0.5) * (crop.width / crop.size)
      const y = crop.y + (Math.floor(i / crop.size) + 0.5) * (crop.height / crop.size)
      if (!good.view.mask[i] || x < x0 || x > x1 || y < y0 || y > y1) continue
      all++
      gone += 1 - trusted[i]
    }
    expect(gone / all).toBeGreaterThan(least)
    expect(shares.trusted).toBeLessThan(look(good).shares.trusted - 0.03)
  })

  it('one flaw is spoken of once', async () => {
    for (const change of [
      changed(() => 0, eyes),
      both(
        changed(() => 128, mouth),
        asJpeg(75),
      ),
      mosaic(16, whole),
      changed((v) => 3 * v),
    ]) {
      const { warnings } = look({ ...good, photo: await change(good.photo, good.face) })
      expect(warnings.length, warnings.join('\n')).toBe(1)
    }
  })

  it('noise is told with its strength, and skin stays skin', async () => {
    const { warnings, shares } = look({ ...good, photo: await noisy(30)(good.photo, good.face) })
    const [, level] = /noisy at the face \(about ±(\d+) of 255/.exec(warnings.join()) ?? []
    expect(Number(level)).toBeGreaterThan(8)
    expect(shares.spoilt).toBe(0)
    expect(warnings.length).toBe(1)
  })

  it('what lies beyond the photo’s border is spoilt, and is not spoken of as a bar', async () => {
    const { box } = good.face
    const left = Math.round(box.x + 0.1 * box.width)
    const part = raw(good.photo).extract({ left, top: 0, width: good.photo.width - left, height: good.photo.height })
    const photo = await decodePhoto(await part.png().toBuffer())
    const [cut] = (await facesOf(photo)).sort((a, b) => a.face.box.x - b.face.box.x)
    const { spoilt, trusted, warnings } = look(cut)
    const { crop } = cut.fit
    expect(crop.x).toBeLessThan(-5)
    for (let i = 0; i < spoilt.length; i++) {
      const outside = crop.x + ((i % crop.size) + 0.5) * (crop.width / crop.size) < 0
      if (outside) expect([spoilt[i], trusted[i]]).toEqual([1, 0])
    }
    expect(warnings).toEqual([])
  })
})

describe('no alarm', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'on the people of sample%i.jpg, also as strong JPEG, half and double the size',
    async (n) => {
      const photo = await decodePhoto(sample(n))
      const faces = await facesOf(photo)
      expect(faces.length).toBeGreaterThan(1)
      for (const one of faces) {
        expect(look(one).warnings).toEqual([])
        expect(look({ ...one, photo: await asJpeg(50)(photo, one.face) }).warnings).toEqual([])
      }
    },
  )

  // smoothed skin and a straight strand of hair
  it.each([
    [2, 2],
    [4, 0.5],
  ])('on sample%i.jpg at %f times its size', async (n, scale) => {
    const photo = await decodePhoto(sample(n))
    const resized = raw(photo).resize(Math.round(photo.width * scale))
    for (const one of await facesOf(await decodePhoto(await resized.png().toBuffer())))
      expect(look(one).warnings).toEqual([])
  })

  it.each([40, 49])('on the generated portrait %i', async (seed) => {
    const portrait = await renderPortrait(head, drawPlan(head, seed, 512))
    const file = Object.entries(portraitFiles(portrait)).find(([name]) => name.endsWith('.jpg'))!
    for (const one of await facesOf(await decodePhoto(file[1] as Uint8Array))) expect(look(one).warnings).toEqual([])
  })

  const shared = ['photos/official-portrait-a.jpg', 'photos/official-portrait-b.jpg', 'photos/astronaut.png']
  const scans = ['lpsw/L1', 'lpsw/L4', 'lps/L2', 'ict-a/A1', 'ict-a/A2', 'ict-d/D1', 'ict-g/G1', 'ict-g/G3', 'ict-g/G4']
  it.skipIf(!existsSync(SHARED)).each([...shared, ...scans.map((view) => `scans/${view}/image.png`)])(
    'on %s',
    async (name) => {
      const photo = await decodePhoto(join(SHARED, name))
      expect(photo.warnings.join()).not.toMatch(/damaged/)
      for (const one of await facesOf(photo)) expect(look(one).warnings).toEqual([])
    },
  )
})

describe('damaged JPEGs', () => {
  /** The same photo as JPEGs of every kind. */
  const kinds: [string, (photo: Photo) => Promise<Buffer>][] = [
    ['4:2:0', (photo) => raw(photo).jpeg({ quality: 90 }).toBuffer()],
    [
      '4:4:4, standard tables',
      (photo) => raw(photo).jpeg({ quality: 95, chromaSubsampling: '4:4:4', optimiseCoding: false }).toBuffer(),
    ],
    ['grey, odd size', (photo) => raw(photo).resize(333, 217, { fit: 'fill' }).greyscale().jpeg().toBuffer()],
    ['CMYK', (photo) => raw(photo).resize(400).toColourspace('cmyk').jpeg().toBuffer()],
    ['progressive', (photo) => raw(photo).jpeg({ mozjpeg: true }).toBuffer()],
    ['as a camera made it', () => readFile(sample(6))],
  ]
  it.each(kinds)('20 flipped bits are seen; without them there is no word: %s', async (kind, make) => {
    const bytes = await make(await decodePhoto(sample(6)))
    expect((await decodePhoto(bytes)).warnings.join()).not.toMatch(/damaged/)
    const start = bytes.indexOf(Buffer.from([0xff, 0xda])) + 14
    let [decoded, seen] = [0, 0]
    for (let seed = 0; seed < 6; seed++) {
      const rng = new Rng(seed)
      const broken = Buffer.from(bytes)
      for (let k = 0; k < 20; k++) broken[start + rng.integer(broken.length - start - 2)] ^= 1 << rng.integer(8)
      const photo = await decodePhoto(broken).catch(() => undefined) // refused: that is a word, too
      if (!photo) continue
      decoded++
      if (/damaged/.test(photo.warnings.join())) seen++
    }
    expect(decoded).toBeGreaterThan(1)
    // of files of several passes the decoder alone judges, and some damage makes sense to it
    expect(seen).toBeGreaterThanOrEqual(kind === 'progressive' ? decoded - 1 : decoded)
  })

  it('a file that ends early or has bytes too many between its blocks is damaged', async () => {
    const bytes = await raw(await decodePhoto(sample(6)))
      .jpeg()
      .toBuffer()
    const middle = bytes.length >> 1
    expect(isJpegDamaged(bytes)).toBe(false)
    expect(isJpegDamaged(bytes.subarray(0, middle))).toBe(true)
    expect(isJpegDamaged(Buffer.concat([bytes.subarray(0, middle), bytes.subarray(middle + 40)]))).toBe(true)
    // what stands behind the end is nobody's business, nor are zeros before it
    expect(isJpegDamaged(Buffer.concat([bytes, Buffer.from('a video')]))).toBe(false)
    expect(isJpegDamaged(Buffer.concat([bytes.subarray(0, -2), Buffer.alloc(30), bytes.subarray(-2)]))).toBe(false)
  })
})
