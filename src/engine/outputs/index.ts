/** Writes the files of a finished run; docs/outputs.md describes them. */
import { join } from 'node:path'
import { encodeTensors } from '../formats/tensor-file.js'
import { writeGlb } from '../formats/write-glb.js'
import { contoursOn } from '../head/contours.js'
import { embeddedPoints } from '../head/embedding.js'
import { normalPicture } from '../image/colors.js'
import { encodePng, type Picture, pictureFromFloats, renderSvg, resampleBox, squarePicture } from '../image/picture.js'
import { linePlot } from '../image/plot.js'
import { composeSheet } from '../image/sheet.js'
import { DRAW_LOOKS } from '../image/views.js'
import { methodOf } from '../methods/index.js'
import type { WriteOptions } from '../run/service.js'
import type { Reconstruction } from '../run/types.js'
import { mapFiles, type SurfaceMaps } from '../surface/maps.js'
import { GRID_FILES } from '../surface/sdf-grid.js'
import { REPORT_FILE, writeFileAtomic } from '../system/files.js'
import { asMemoryError } from '../system/memory.js'
import { pass } from '../system/pass.js'
import { GENERATOR, VERSION } from '../system/version.js'
import { openThreads, type Threads } from '../threads/index.js'
import { assetFiles, isSolid } from './asset-files.js'
import { identitySentence } from './identity-sentence.js'

/** Pictures of training and sheets are at least this large a cell. */
const CELL = 256
/** The same of the views from several sides. */
const VIEW = 300
/** Share of the time that goes into making the files; the rest is writing them. */
const MAKING = 0.8

/**
 * Writes face.glb, sdf.*, camera.json, maps, pictures and report.json into `folder`. The report comes last, so that its presence
 * means that all others are there.
 * @throws SiderError DISK_FULL, OUTPUT_UNWRITABLE, OUT_OF_MEMORY; the signal's reason if it was aborted
 */
export async function writeOutputs(
  result: Reconstruction,
  folder: string,
  { signal, onPart }: WriteOptions = {},
): Promise<void> {
  const files = await outputFiles(result, signal).catch((error) => {
    throw asMemoryError(error)
  })
  const { [REPORT_FILE]: last, ...others } = files
  const all = Object.entries(others)
  let done = 0
  const written = await Promise.allSettled(
    all.map(async ([name, bytes]) => {
      signal?.throwIfAborted()
      await writeFileAtomic(join(folder, name), bytes)
      onPart?.(MAKING + (1 - MAKING) * (++done / all.length))
    }),
  )
  for (const one of written) if (one.status === 'rejected') throw one.reason
  signal?.throwIfAborted()
  await writeFileAtomic(join(folder, REPORT_FILE), last)
}

/** All output files as bytes by name. */
export async function outputFiles(
  result: Reconstruction,
  signal?: AbortSignal,
): Promise<Record<string, Uint8Array | string>> {
  const { settings, fit } = result
  const { size } = fit.crop
  const pool = openThreads(settings.threads)
  const crop = resampleBox(result.photo, fit.crop, Math.max(size, CELL), Math.max(size, CELL))
  const png = async (name: string, picture: Picture | Promise<Picture>) => ({
    [`${name}.png`]: await encodePng(await picture),
  })
  /** What this thread makes, after others have had their turn. */
  const here = async <T>(make: () => T): Promise<Awaited<T>> => {
    await pass(signal)
    return await make()
  }
  // What threads draw comes first, and this thread goes on meanwhile.
  const parts: Promise<Record<string, Uint8Array | string>>[] = [
    png('views', viewSheet(result, crop, pool, signal)),
    pool.run(GRID_FILES, result.sdf, signal),
    here(() => pictureFiles(result)),
    here(() => png('progress', progressSheet(result))),
    here(() => png('loss', renderSvg(lossPlot(result)))),
    here(() => assetFiles(result, { ...provenance(result), quality: result.quality }, signal)),
    here(() => coarseFile(result)),
    here(() => recordFiles(result)),
  ]
  return Object.assign({}, ...(await Promise.all(parts)))
}

/** Maps of the crop's pixels, and pictures of them. */
async function pictureFiles(result: Reconstruction): Promise<Record<string, Uint8Array>> {
  const { view, coarse, fit } = result
  const { size } = fit.crop
  const maps: SurfaceMaps = { ...view, coarseNormals: coarse.normals, render: view.colour }
  const files = await mapFiles(maps, resize(result, size))
  for (const name of ['shading', 'albedo'] as const) {
    const data = view[name]
    if (data)
      files[`${name}.png`] = await encodePng(
        pictureFromFloats(name === 'albedo' ? data.map((a) => 0.6 * a) : data, size, size),
      )
  }
  return files
}

async function coarseFile(result: Reconstruction): Promise<Record<string, Uint8Array>> {
  const { mesh } = result.fit
  const part = { mesh, baseColor: [0.5, 0.34, 0.28] as const, extras: { provenance: provenance(result) } }
  return { 'coarse.glb': await writeGlb([{ name: 'coarse', ...part }], { generator: `sider ${VERSION}` }) }
}

/** What is kept as numbers and words. */
function recordFiles(result: Reconstruction): Record<string, Uint8Array | string> {
  const { settings } = result
  return {
    'head.json': `${JSON.stringify(headJson(result), null, 1)}\n`,
    'landmarks.json': `${JSON.stringify(landmarksJson(result), null, 1)}\n`,
    'sdf.safetensors': encodeTensors({
      tensors: result.weights,
      metadata: {
        kind: settings.method,
        settings: JSON.stringify(settings),
        frame: JSON.stringify(frameOf(result)),
      },
    }),
    'camera.json': `${JSON.stringify(cameraJson(result), null, 2)}\n`,
    [REPORT_FILE]: `${JSON.stringify(report(result), null, 2)}\n`,
  }
}

const resize = ({ image }: Reconstruction, size: number): Picture => pictureFromFloats(image, size, size)

const frameOf = ({ frame }: Reconstruction) => ({ center: [...frame.center], metresPerUnit: frame.scale })

function cameraJson({ fit, photo }: Reconstruction) {
  const { fx, fy, cx, cy, headToCamera } = fit.camera
  const { x, y, width, height, size } = fit.crop
  return {
    width: photo.width,
    height: photo.height,
    fx,
    fy,
    cx,
    cy,
    focalSource: fit.focalSource,
    crop: { x, y, width, height, size },
    headToCamera: [0, 1, 2, 3].map((row) => [...headToCamera.subarray(4 * row, 4 * row + 4)]),
    units: 'metres',
    convention: 'OpenCV: x right, y down, z forward; pixel centres at +0.5',
  }
}

/** The fitted head's coefficients: with the expression left out they are the person at rest. */
function headJson({ fit, settings, metric }: Reconstruction) {
  const { model, identity, expression, jointRotations } = fit
  return {
    head: settings.head.model,
    name: model.name,
    scale: metric.scale,
    identityDetermined: fit.identityDetermined,
    identity: [...identity],
    expression: Object.fromEntries(model.expressionNames.map((name, k) => [name, expression[k] ?? 0])),
    jointRotations: [...jointRotations],
  }
}

/** iBUG's 68 points and the contours of lips and lids on the fitted head, and the landmarks it was fitted to. */
function landmarksJson({ fit, face }: Reconstruction) {
  const { positions, indices } = fit.mesh
  const on = embeddedPoints(positions, indices, fit.model.landmarks68)
  const { layout, points } = face.landmarks
  return {
    layout3d: 'iBUG 68, head frame, metres',
    points3d: Array.from({ length: 68 }, (_, i) => [...on.subarray(3 * i, 3 * i + 3)]),
    contours3d: contoursOn(fit.model, positions),
    layout2d: `${layout} points, photo pixels`,
    points2d: Array.from({ length: layout }, (_, i) => [points[2 * i], points[2 * i + 1]]),
  }
}

function provenance({ photo, settings, fit, backend }: Reconstruction) {
  return {
    generator: `sider ${VERSION}`,
    photoSha256: photo.sha256,
    head: fit.model.name,
    headSource: fit.model.provenance,
    seed: settings.seed,
    field: settings.method,
    backend,
  }
}

function report(result: Reconstruction) {
  const { settings, fit, photo, quality, losses, seconds, warnings, backend, metric } = result
  const { layout, corrected = [], disagreement } = result.face.landmarks
  return {
    ...provenance(result),
    generator: GENERATOR,
    version: VERSION,
    backend,
    photo: { width: photo.width, height: photo.height, format: photo.format },
    camera: { focalPx: fit.camera.fx, focalSource: fit.focalSource },
    landmarks: { layout, corrected, disagreement },
    identity: identitySentence(fit.identityDetermined),
    metric,
    quality,
    seconds,
    // the largest the process has been, so a process with several runs counts the largest of them
    memoryMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    losses: { count: losses.length, first: losses[0], last: losses.at(-1) },
    warnings,
    settings,
  }
}

/** How the detail grew (Fig. 3 of the paper): render above, normals below. */
async function progressSheet({ history }: Reconstruction): Promise<Picture> {
  const label = (step: number): string => (Number.isFinite(step) ? `step ${step}` : 'final')
  const picture = (data: Float32Array, size: number): Picture => pictureFromFloats(data, size, size)
  return composeSheet(
    [
      history.map(({ step, view }) => ({ picture: picture(view.colour, view.size), caption: label(step) })),
      history.map(({ view }) => ({ picture: normalPicture(view.normals, view.size, view.size), caption: '' })),
    ],
    { cell: CELL },
  )
}

/** The head from several sides, as clay and textured, beside the photo. */
async function viewSheet(
  { asset }: Reconstruction,
  crop: Picture,
  pool: Threads,
  signal: AbortSignal | undefined,
): Promise<Picture> {
  const { head, textures, baked } = asset
  const texture = squarePicture(textures.photo)
  const [eye, mouth] = [asset.eyeTexture, asset.mouthTexture].map((t) => t && squarePicture(t))
  const parts = asset.parts.filter(isSolid)
  const yawDegrees = [-50, -20, 0, 20, 50]
  const looks = [
    [{ ...head, normalMap: baked }, ...parts.map(({ mesh, normals }) => ({ mesh, normals }))],
    [
      { ...head, texture },
      ...parts.map(({ mesh, normals, uv, look }) => {
        const own = look === 'eye' ? eye : mouth
        return { mesh, normals, ...(uv && own && { uv, texture: own }) }
      }),
    ],
  ]
  // a task for every second side: each has a copy of the textures
  const sides = [0, 1].map((first) => yawDegrees.filter((_, i) => i % 2 === first))
  const drawn = await Promise.all(
    sides.map((some) => pool.run(DRAW_LOOKS, { looks, options: { yawDegrees: some, size: VIEW } }, signal)),
  )
  const [clay, skin] = looks.map((_, look) => yawDegrees.map((_, i) => drawn[i % 2][look][i >> 1]))
  const row = (first: Picture, captions: string[], pictures: Picture[]) =>
    [first, ...pictures].map((picture, i) => ({ picture, caption: captions[i] }))
  const names = yawDegrees.map((y) => `${y > 0 ? '+' : ''}${y}°`)
  return composeSheet([row(crop, ['photo', ...names], clay), row(crop, ['photo', ...names], skin)], { cell: VIEW })
}

function lossPlot({ losses, settings }: Reconstruction): string {
  const x = losses.map((_, i) => i + 1)
  return linePlot([{ name: 'loss', x, y: [...losses] }], {
    xLabel: methodOf(settings).lossOf,
    yLabel: 'loss',
    logY: true,
  })
}
