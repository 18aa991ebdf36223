/** The head of the asset's scene opened and moved, as the tests of its parts look at it. */
import type { Eye } from '../../../src/engine/asset/eyes.js'
import { gazeRotation } from '../../../src/engine/asset/eyes.js'
import type { ShapeKey } from '../../../src/engine/asset/keys.js'
import type { Settings } from '../../../src/engine/config.js'
import { LEFT_IRIS, RIGHT_IRIS } from '../../../src/engine/evidence/layouts.js'
import { project } from '../../../src/engine/geometry/camera.js'
import { embeddedPoints } from '../../../src/engine/head/embedding.js'
import { eyeParts, type MovedHead, moveHead } from '../../../src/engine/pipeline/build-parts.js'
import { type OpenedHead, openFace } from '../../../src/engine/pipeline/open-face.js'
import type { HeadModel, Landmarks, Mesh } from '../../../src/engine/stages.js'
import { settleHead } from '../../../src/engine/surface/head-mesh.js'
import { headTopology } from '../../../src/engine/surface/head-topology.js'
import { type AssetScene, assetScene } from './asset-fixture.js'

export const METRIC = { ipdMm: 63, scale: 1, source: 'head model' as const }
/** Landmarks without irises: eyes look straight ahead. */
const NO_IRISES: Landmarks = { layout: 68, points: new Float64Array(136) }

/** Settings of the surface. */
export const surfaceOf = (changes: Partial<Settings['surface']> = {}): Pick<Settings, 'surface'> => ({
  surface: {
    shapeKeys: true,
    keys: 'arkit',
    neutralize: false,
    subdivisions: 1,
    ...changes,
  } as Settings['surface'],
})

/** The scene's head with its openings. */
export async function openedHead({ fit, field, photo }: AssetScene, subdivisions = 1): Promise<OpenedHead> {
  const settled = await settleHead(fit, headTopology(fit.model, subdivisions), field)
  return openFace({
    fit,
    metric: METRIC,
    settled,
    photo,
    landmarks: NO_IRISES,
    light: () => [1, 1, 1],
    open: () => true,
    neutral: false,
  })
}

export interface MovedScene {
  scene: AssetScene
  opened: OpenedHead
  moved: MovedHead
}

/** A symmetric head at rest: what keys of the left do can be compared with those of the right. @param model by default the built-in one */
export async function movedHead(model?: HeadModel, subdivisions = 1): Promise<MovedScene> {
  const scene = await assetScene(0, model)
  const opened = await openedHead(scene, subdivisions)
  return { scene, opened, moved: await moveHead(scene.fit, METRIC, opened, surfaceOf({ subdivisions })) }
}

/** Landmarks of the fitted head in the photo, with irises that look by `yaw` and `pitch`. */
export function landmarksOf({ fit }: AssetScene, eyes: readonly Eye[], yaw: number, pitch: number): Landmarks {
  const points3d = embeddedPoints(fit.mesh.positions, fit.model.indices, fit.model.landmarks478)
  const at = project(fit.camera, points3d)
  const points = Float64Array.from({ length: 2 * 478 }, (_, i) => at[3 * Math.floor(i / 2) + (i % 2)])
  const m = gazeRotation({ yaw, pitch })
  for (const { side, centre, radius } of eyes) {
    const ring = side === 'Left' ? LEFT_IRIS : RIGHT_IRIS
    const pupil = project(
      fit.camera,
      Float64Array.from(centre, (c, k) => c + radius * m[3 * k + 2]),
    )
    const px = (0.00585 * fit.camera.fx) / pupil[2]
    for (const [n, i] of ring.entries()) {
      points[2 * i] = pupil[0] + [0, px, 0, -px, 0][n]
      points[2 * i + 1] = pupil[1] + [0, 0, -px, 0, px][n]
    }
  }
  return { layout: 478, points }
}

/** How a part moves in a key. */
export interface PartKey {
  mesh: Mesh
  key: ShapeKey
  part: string
}

/** Keys of all parts by name. */
export function partKeys(opened: OpenedHead, moved: MovedHead): Map<string, PartKey[]> {
  const out = new Map<string, PartKey[]>()
  const skin = { positions: moved.positions, indices: opened.indices }
  const eyes = eyeParts(opened, { shapeKeys: true, subdivisions: 1 })
  for (const { name, mesh, keys } of [{ name: 'face', mesh: skin, keys: moved.keys }, ...eyes, ...moved.inside])
    for (const key of keys) out.set(key.name, [...(out.get(key.name) ?? []), { mesh, key, part: name }])
  return out
}

/** Positions with keys at 1. */
export const withKeys = (rest: Float32Array, keys: readonly ShapeKey[]): Float32Array =>
  rest.map((x, i) => keys.reduce((sum, { displacements }) => sum + displacements[i], x))

/** How the skin moves in a key; undefined where it does not. */
export const faceKey = ({ keys }: MovedHead, name: string): ShapeKey | undefined =>
  keys.find((key) => key.name === name)
