/**
 * How the opened head moves: its keys, those of what is behind the lips, and the eyeballs. Puts together the head model's poses and the steps
 * of `asset/`.
 */
import { type DrawingBoard, hasArkitUnits, JAW_OPEN } from '../asset/arkit.js'
import { type BallMesh, ballMesh, corneaMesh, type Eye, placeBall } from '../asset/eyes.js'
import { type InsidePart, insideParts } from '../asset/inside.js'
import { arkitPoses, KeyMaker, type KeyPose, modelPoses, type ShapeKey, SkinMover } from '../asset/keys.js'
import { lidOf } from '../asset/lids.js'
import type { Settings } from '../config.js'
import { trianglesWhere } from '../geometry/mesh.js'
import { inQuads } from '../geometry/quads.js'
import { embeddedPoints } from '../head/embedding.js'
import type { Metric } from '../head/metric.js'
import type { Fineness, HeadFit, Mesh } from '../stages.js'
import { ride } from '../surface/head-mesh.js'
import { headMeshOf } from '../surface/head-topology.js'
import { pass } from '../system/pass.js'
import { insidePoser, openMouth, poser } from './model-poses.js'
import type { OpenedHead, PlacedEyes } from './open-face.js'

/** Parts are as fine as the skin: a head without subdivisions is for programs that count triangles. */
export const finenessOf = ({ subdivisions }: Pick<Settings['surface'], 'subdivisions'>): Fineness =>
  subdivisions > 0 ? 'fine' : 'coarse'

/** A mesh of its own beside the skin. */
export interface AssetPart {
  name: string
  /** What it is made of. */
  look: 'eye' | 'cornea' | 'teeth' | 'tongue' | 'mouth' | 'lashes' | 'brows'
  /** Seams are split; triangles of quads come first (geometry/quads.ts). */
  mesh: Mesh
  quads: number
  /** [vertices, 3] unit */
  normals: Float32Array
  /** [vertices, 2]; undefined without texture */
  uv: Float32Array | undefined
  keys: ShapeKey[]
}

/** Balls and corneas. */
export function eyeParts(
  { eyes }: PlacedEyes,
  surface: Pick<Settings['surface'], 'shapeKeys' | 'subdivisions'>,
): AssetPart[] {
  const fineness = finenessOf(surface)
  const placed = (eye: Eye, name: string, look: 'eye' | 'cornea', ball: BallMesh): AssetPart => {
    const part = placeBall(eye, ball, surface.shapeKeys)
    return { name: `${name}${eye.side}`, look, ...part, ...inQuads(part.mesh) }
  }
  return eyes.flatMap(({ eye }) => [
    placed(eye, 'eye', 'eye', ballMesh(eye, fineness)),
    placed(eye, 'cornea', 'cornea', corneaMesh(eye, fineness)),
  ])
}

/** The skin in the expression that is shown, its keys, and the parts behind the lips with theirs. */
export interface MovedHead {
  /** [vertices of the open head, 3] */
  positions: Float32Array
  keys: ShapeKey[]
  inside: AssetPart[]
  /** [vertices of the closed head, 3]: what it shows, and where each key leads. */
  skin: Float32Array
  targets: { name: string; skin: Float32Array }[]
}

/** Poses the opened head, and makes all keys. @param signal ends it between two steps */
export async function moveHead(
  fit: HeadFit,
  metric: Metric,
  opened: OpenedHead,
  { surface }: Pick<Settings, 'surface'>,
  signal?: AbortSignal,
): Promise<MovedHead> {
  const { whole } = opened
  const { topology } = whole
  const { model } = fit
  const skinOf = poser(fit, metric)
  /** What a key does to an open jaw is settled there. */
  const settleUnder = (target: Float32Array, jaw: Float32Array, shown: Float32Array): void => {
    const both = target.map((x, i) => x + jaw[i] - shown[i])
    opened.settleRims(both)
    for (let i = 0; i < target.length; i++) target[i] = both[i] - jaw[i] + shown[i]
  }
  const rest = new Float64Array(fit.expression.length)
  // a neutral mouth is shut: what shuts it is added to every pose, so that no key opens or shuts it by that
  const sealing = surface.neutralize ? opened.sealing(ride(whole, skinOf({ expression: rest }))) : undefined
  const settle = (pose: Pick<KeyPose, 'expression' | 'movement' | 'underOpenJaw'>): Float32Array => {
    const positions = ride(whole, skinOf(pose))
    if (sealing) for (let i = 0; i < positions.length; i++) positions[i] += sealing[i]
    opened.settleRims(positions, pose.underOpenJaw)
    return positions
  }
  const expression = surface.neutralize ? rest : fit.expression
  const skin = surface.neutralize ? { positions: settle({ expression }), indices: whole.mesh.indices } : whole.mesh
  const mover = new SkinMover(skin, topology.parts, settle)
  const shown = { names: model.expressionNames, range: model.expressionRange, shown: expression }
  const poses = !surface.shapeKeys
    ? []
    : surface.keys === 'arkit' && hasArkitUnits(model.expressionNames)
      ? arkitPoses(shown, drawingBoard(fit), {
          lid: (side, expression) =>
            lidOf(embeddedPoints(skinOf({ expression }), model.indices, model.landmarks478), side),
          gap: (side, expression) => opened.gap(side, ride(whole, skinOf({ expression }))),
        })
      : modelPoses(shown, surface.neutralize ? { photo: fit.expression } : { neutral: rest })
  const targets: { pose: KeyPose; skin: Float32Array }[] = []
  for (const pose of poses) {
    targets.push({ pose, skin: mover.target(pose) })
    await pass(signal)
  }
  const jaw = targets.find(({ pose }) => pose.name === 'jawOpen')?.skin
  if (jaw) for (const { pose, skin: target } of targets) if (pose.underOpenJaw) settleUnder(target, jaw, skin.positions)
  const positions = opened.extended(skin.positions)
  const maker = new KeyMaker({ positions, indices: opened.indices })
  const keys: ShapeKey[] = []
  for (const { pose, skin } of targets) {
    const key = maker.key(pose.name, opened.extended(skin))
    if (key) keys.push(key)
    await pass(signal)
  }
  const insideOf = insidePoser(fit, metric)
  const inside =
    !insideOf || !opened.mouth
      ? []
      : insideParts(
          model.interior!,
          model.interior!.reduced?.[finenessOf(surface)] ?? model.interior!,
          {
            loop: opened.mouth.loop,
            modelVertices: topology.modelVertices,
            skin: trianglesWhere(
              topology.indices,
              topology.sheets.map((s) => (s ? 0 : 1)),
            ),
          },
          {
            mean: { inside: model.interior!.mean, skin: headMeshOf(topology, model.mean).positions },
            rest: { inside: insideOf({ expression, tongueOut: 0 }), skin: skin.positions },
            open: { inside: insideOf(openMouth(fit)), skin: settle(openMouth(fit)) },
          },
          targets.map(({ pose, skin }) => ({ pose, at: { inside: insideOf(pose), skin } })),
        )
  return {
    positions,
    keys,
    inside: inside.map((part) => ({ ...part, look: lookOf(part) })),
    skin: skin.positions,
    targets: targets.map(({ pose: { name }, skin }) => ({ name, skin })),
  }
}

const lookOf = ({ name }: InsidePart): AssetPart['look'] => (name === 'tongue' || name === 'mouth' ? name : 'teeth')

/** The mean head that movements without units are drawn on. */
function drawingBoard({ model }: HeadFit): DrawingBoard {
  const size = model.mean.length
  const open = model.expressionNames.indexOf('jawOpen') * size
  return {
    mean: model.mean,
    landmarks: embeddedPoints(model.mean, model.indices, model.landmarks478),
    jaw: model.expression.slice(open, open + size).map((d) => JAW_OPEN * d),
  }
}
