/** A head of known shape with bumps of known height in a synthetic photo: the built-in mean head in front of a green wall. */
import { CoarseTarget } from '../../../src/engine/coarse/target.js'
import { viewCoarse } from '../../../src/engine/evidence/coarse-view.js'
import { cropCamera } from '../../../src/engine/geometry/camera.js'
import { interpolate, rasterize } from '../../../src/engine/geometry/rasterize.js'
import { loadBuiltInHead } from '../../../src/engine/head/builtin.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { ReliefField } from '../../../src/engine/methods/relief/field.js'
import type { Camera, CoarseMaps, Crop, HeadFit, HeadModel, ImplicitField, Photo } from '../../../src/engine/stages.js'
import { type HeadMesh, settleHead } from '../../../src/engine/surface/head-mesh.js'
import { headTopology } from '../../../src/engine/surface/head-topology.js'

const PHOTO = 900
const CROP = 192
/** Metres: distance of the camera, height of the bumps. */
const DISTANCE = 0.7
const HEIGHT = 0.0006
const WALL = [0, 255, 0] as const

export interface AssetScene {
  fit: HeadFit
  field: ImplicitField
  coarse: CoarseMaps
  photo: Photo
  /** [size, size, 3] of the crop */
  image: Float32Array
}

/** @param smile coefficient of the smile that the photo shows, for models that have one @param head the built-in one by default */
export async function assetScene(smile = 0.5, head?: HeadModel): Promise<AssetScene> {
  const model = head ?? (await loadBuiltInHead())
  const expression = Float64Array.from({ length: model.expressionCount }, (_, k) =>
    /^mouthSmile(Left|Right)$/.test(model.expressionNames[k]) ? smile : 0,
  )
  const identity = new Float64Array(model.identityCount)
  const mesh = posedMesh(model, identity, expression)
  const camera: Camera = {
    width: PHOTO,
    height: PHOTO,
    fx: 2200,
    fy: 2200,
    cx: PHOTO / 2,
    cy: PHOTO / 2,
    headToCamera: Float64Array.of(1, 0, 0, 0, 0, -1, 0, -0.02, 0, 0, -1, DISTANCE, 0, 0, 0, 1),
  }
  const crop: Crop = { x: 50, y: 50, width: 800, height: 800, size: CROP }
  const fit: HeadFit = {
    model,
    identity,
    expression,
    jointRotations: new Float64Array(0),
    mesh,
    camera,
    focalSource: 'setting',
    crop,
    residualPx: 0,
    residualRelative: 0,
    shown: new Float64Array(0),
    identityDetermined: 0,
    warnings: [],
  }
  const coarse = viewCoarse(fit)
  const relief = new Float32Array(CROP * CROP).map(
    (_, i) => HEIGHT * Math.sin((i % CROP) / 2.2) * Math.cos(Math.floor(i / CROP) / 3.1),
  )
  const target = new CoarseTarget(fit, 0.01)
  const field = new ReliefField(target, cropCamera(camera, crop), relief, coarse.normals, coarse.mask)
  const photo = paintedPhoto(fit)
  const image = new Float32Array(CROP * CROP * 3)
  for (let i = 0; i < CROP * CROP; i++) {
    const x = Math.floor(crop.x + (((i % CROP) + 0.5) * crop.width) / CROP)
    const y = Math.floor(crop.y + ((Math.floor(i / CROP) + 0.5) * crop.height) / CROP)
    for (let k = 0; k < 3; k++) image[3 * i + k] = photo.data[3 * (y * PHOTO + x) + k] / 255
  }
  return { fit, field, coarse, photo, image }
}

/** Skin with blotches a few millimetres wide. */
function skinColour(x: number, y: number, z: number): [number, number, number] {
  const blotch = 0.06 * Math.sin(x * 900) * Math.sin(y * 800 + 1) * Math.sin(z * 700)
  return [0.78 + blotch, 0.58 + blotch, 0.48 + blotch]
}

function paintedPhoto({ mesh, camera }: HeadFit): Photo {
  const raster = rasterize(mesh, camera)
  const points = interpolate(raster, mesh.indices, mesh.positions, 3)
  const data = new Uint8Array(PHOTO * PHOTO * 3)
  for (let i = 0; i < PHOTO * PHOTO; i++) {
    const colour = skinColour(points[3 * i], points[3 * i + 1], points[3 * i + 2]).map((c) => Math.round(255 * c))
    data.set(raster.triangle[i] < 0 ? WALL : colour, 3 * i)
  }
  return {
    width: PHOTO,
    height: PHOTO,
    data,
    exifFocalPx: undefined,
    format: 'png',
    sha256: '0'.repeat(64),
    warnings: [],
  }
}

/** The scene's head on the field, without subdivisions and with one. */
export async function settledHeads({ fit, field }: AssetScene): Promise<HeadMesh[]> {
  const levels = [0, 1].map((level) => headTopology(fit.model, level))
  return Promise.all(levels.map((topology) => settleHead(fit, topology, field)))
}
