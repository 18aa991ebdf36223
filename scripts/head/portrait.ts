/**
 * Portraits of drawn heads for the landmark network: MakeHuman's skin pictures on the mesh, brows over it, painted eyes.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { multiply3, rigidTransform, rotationFromAxisAngle } from '../../src/engine/geometry/camera.js'
import { interpolate, type Raster, rasterize, rasterNormals } from '../../src/engine/geometry/rasterize.js'
import type { Camera, Photo } from '../../src/engine/stages.js'
import type { CutHead } from './cut.js'
import { DECIMETRE } from './frame.js'
import { PART } from './parts.js'
import type { Source } from './source.js'

export const PORTRAIT = 640

interface Texture {
  width: number
  height: number
  channels: number
  data: Uint8Array
}

export interface Wardrobe {
  skins: Texture[]
  brows: {
    rows: [number, number][][]
    offsets: number[][]
    triangles: Uint32Array
    uv: Float32Array
    uvTriangles: Uint32Array
    picture: Texture
  }[]
}

async function readTexture(path: string): Promise<Texture> {
  const { data, info } = await sharp(path).ensureAlpha().raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, channels: info.channels, data }
}

/** MakeHuman's brows lie this much lower over the eyes than the brows of measured faces (22 mm between centres), metres. */
const BROW_LIFT = 0.005

/** Reads skins of both sexes, young and old, of all ethnic variants, and brows. */
export async function openWardrobe(source: Source): Promise<Wardrobe> {
  const skinFolder = join(source.folder, 'public/data/skins')
  const skins: Texture[] = []
  for (const name of readdirSync(skinFolder)
    .filter((n) => /^(young|middleage|old)_/.test(n))
    .sort()) {
    const folder = join(skinFolder, name, 'textures')
    const file =
      readdirSync(folder)
        .filter((f) => /diffuse\.png$/.test(f))
        .sort()[0] ?? readdirSync(folder).sort()[0]
    skins.push(await readTexture(join(folder, file)))
  }
  const brows: Wardrobe['brows'] = []
  for (const name of ['eyebrow001', 'eyebrow002', 'eyebrow006', 'eyebrow010']) {
    const folder = join(source.folder, 'public/data/proxies/eyebrows', name)
    const json = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as {
      ref_vIdxs: number[][]
      weights: number[][]
      offsets: number[][]
      faces: number[]
      uvs: number[][]
    }
    const triangles: number[] = []
    const uvTriangles: number[] = []
    for (let i = 0; i < json.faces.length; i += 10)
      for (const c of [0, 1, 2, 0, 2, 3]) {
        triangles.push(json.faces[i + 1 + c])
        uvTriangles.push(json.faces[i + 6 + c])
      }
    brows.push({
      rows: json.ref_vIdxs.map((refs, i) => refs.map((v, k): [number, number] => [v, json.weights[i][k]])),
      offsets: json.offsets,
      triangles: Uint32Array.from(triangles),
      uv: Float32Array.from(json.uvs[0]),
      uvTriangles: Uint32Array.from(uvTriangles),
      picture: await readTexture(join(folder, 'textures', `${name}.png`)),
    })
  }
  return { skins, brows }
}

/** A camera 0.9 m away that looks at the middle of the face; degrees. */
export function portraitCamera(yaw: number, pitch: number): Camera {
  const d = Math.PI / 180
  const flip = Float64Array.of(1, 0, 0, 0, -1, 0, 0, 0, -1)
  const turn = multiply3(rotationFromAxisAngle(pitch * d, 0, 0), rotationFromAxisAngle(0, yaw * d, 0))
  const rotation = multiply3(flip, turn)
  const target = [0, -0.03, 0.04]
  const t = [0, 1, 2].map((r) => -[0, 1, 2].reduce((s, k) => s + rotation[3 * r + k] * target[k], 0))
  t[2] += 0.9
  const f = (PORTRAIT * 0.9) / 0.34
  return {
    width: PORTRAIT,
    height: PORTRAIT,
    fx: f,
    fy: f,
    cx: PORTRAIT / 2,
    cy: PORTRAIT / 2,
    headToCamera: rigidTransform(rotation, t),
  }
}

/**
 * @param cage posed positions of base vertices and helpers [n, 3], for the brows
 * @param positions posed positions of the model's vertices
 */
export function portrait(
  cut: CutHead,
  wardrobe: Wardrobe,
  look: { skin: number; brow: number; light: number[] },
  cage: Float64Array,
  positions: Float32Array,
  camera: Camera,
): { photo: Photo; raster: Raster } {
  const indices = Uint32Array.from(cut.triangles.flat())
  const mesh = { positions, indices }
  const raster = rasterize(mesh, camera)
  const uvIndices = Uint32Array.from(cut.uvTriangles.flat())
  const uv = interpolate(raster, uvIndices, Float32Array.from(cut.uv.flat()), 2)
  const normals = rasterNormals(raster, mesh, camera)
  const place = interpolate(raster, indices, positions, 3)
  const skin = wardrobe.skins[look.skin % wardrobe.skins.length]
  const data = new Uint8Array(PORTRAIT * PORTRAIT * 3).fill(120)
  const brow = browLayer(wardrobe.brows[look.brow % wardrobe.brows.length], cage, camera)
  const length = Math.hypot(...look.light)
  const eyes = [cut.irises.left, cut.irises.right].map((v) => [...positions.subarray(3 * v, 3 * v + 3)])
  for (let i = 0; i < raster.triangle.length; i++) {
    const t = raster.triangle[i]
    if (t < 0) continue
    const part = Math.max(
      ...cut.triangles[t].map((v) => (cut.parts[v] === PART.eyeball ? 1 : cut.parts[v] === PART.mouth ? 2 : 0)),
    )
    let colour = sample(skin, uv[2 * i], uv[2 * i + 1])
    if (part === 2) colour = [40, 15, 15, 255]
    if (part === 1) {
      const r = Math.min(
        ...eyes.map((e) => Math.hypot(place[3 * i] - e[0], place[3 * i + 1] - e[1], 0.7 * (place[3 * i + 2] - e[2]))),
      )
      colour = r < 0.0021 ? [8, 8, 8, 255] : r < 0.0058 ? [70, 50, 35, 255] : [215, 208, 205, 255]
    }
    const b = brow(i, raster.depth[i])
    if (b) colour = colour.map((c, k) => c * (1 - b[3] / 255) + b[k] * (b[3] / 255))
    const cosine = -[0, 1, 2].reduce((s, k) => s + (normals[3 * i + k] * look.light[k]) / length, 0)
    const lit = 0.5 + 0.6 * Math.max(0, cosine)
    for (let k = 0; k < 3; k++) data[3 * i + k] = Math.min(255, 255 * ((colour[k] / 255) ** 2.2 * lit) ** (1 / 2.2))
  }
  const photo: Photo = {
    width: PORTRAIT,
    height: PORTRAIT,
    data,
    exifFocalPx: undefined,
    format: 'png',
    sha256: '',
    warnings: [],
  }
  return { photo, raster }
}

function sample(t: Texture, u: number, v: number): number[] {
  const x = Math.max(0, Math.min(t.width - 1.001, u * t.width - 0.5))
  const y = Math.max(0, Math.min(t.height - 1.001, (1 - v) * t.height - 0.5))
  const [x0, y0] = [Math.floor(x), Math.floor(y)]
  const out = [0, 0, 0, 0]
  for (const [dx, dy] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ]) {
    const w = (dx ? x - x0 : 1 - x + x0) * (dy ? y - y0 : 1 - y + y0)
    for (let k = 0; k < 4; k++) out[k] += w * t.data[((y0 + dy) * t.width + x0 + dx) * t.channels + k]
  }
  return out
}

/** The brows are sheets just over the skin with transparent pictures. */
function browLayer(
  brow: Wardrobe['brows'][number],
  cage: Float64Array,
  camera: Camera,
): (pixel: number, depth: number) => number[] | undefined {
  const positions = new Float32Array(brow.rows.length * 3)
  brow.rows.forEach((row, i) => {
    for (let k = 0; k < 3; k++)
      positions[3 * i + k] =
        row.reduce((s, [v, w]) => s + w * cage[3 * v + k], 0) +
        DECIMETRE * brow.offsets[i][k] +
        (k === 1 ? BROW_LIFT : 0)
  })
  const raster = rasterize({ positions, indices: brow.triangles }, camera, { cull: 'none' })
  const uv = interpolate(raster, brow.uvTriangles, brow.uv, 2)
  return (i, depth) => {
    if (raster.triangle[i] < 0 || raster.depth[i] > depth + 0.004) return undefined
    return sample(brow.picture, uv[2 * i], uv[2 * i + 1])
  }
}
