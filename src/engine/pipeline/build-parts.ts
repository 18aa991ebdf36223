/**
 * What of the asset is no skin, and how all of it moves: eyeballs, teeth, tongue and the mouth's cavity, and the keys of skin and
 * parts together. Puts together the head model's poses and the steps of `asset/`.
 */
import { type DrawingBoard, hasArkitUnits, JAW_OPEN } from '../asset/arkit.js'
import { type BallMesh, ballMesh, corneaMesh, type Eye, placeBall, placeEyes } from '../asset/eyes.js'
import { type InsidePart, insideParts } from '../asset/inside.js'
import { eyesSeen, type LightFactors } from '../asset/irises.js'
import { arkitPoses, KeyMaker, type KeyPose, modelPoses, type ShapeKey, SkinMover } from '../asset/keys.js'
import { lidOf } from '../asset/lids.js'
import { Meeting } from '../asset/meeting.js'
import {
  aboutEye,
  keepOffBalls,
  type OpenHead,
  type Opening,
  openHead,
  openingsOf,
  skinWhere,
} from '../asset/open-head.js'
import { Untangler } from '../asset/untangle.js'
import type { Settings } from '../config.js'
import type { Side } from '../evidence/layouts.js'
import { transformPoints } from '../geometry/camera.js'
import { edgeDistance } from '../geometry/edge-distance.js'
import { gather } from '../geometry/mesh.js'
import { inQuads } from '../geometry/quads.js'
import { alignPoints } from '../geometry/similarity.js'
import { embeddedPoints } from '../head/embedding.js'
import { posedMesh } from '../head/fit-mesh.js'
import { posedInterior } from '../head/interior.js'
import type { Metric } from '../head/metric.js'
import { type Fineness, HEAD_PARTS, type HeadFit, type Landmarks, type Mesh, type Photo } from '../stages.js'
import { type HeadMesh, ride } from '../surface/head-mesh.js'
import { headMeshOf } from '../surface/head-topology.js'
import { pass } from '../system/pass.js'

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

/** Eyeballs in the openings of the skin. */
export interface PlacedEyes {
  eyes: { eye: Eye; loop: Uint32Array }[]
  /** sRGB of the irises, and brightness of the whites where the photo shows it. */
  iris: readonly number[]
  white: number | undefined
  /** Lets the lids of a posed closed head lie on the balls, and shut lids and lips on each other, in place. */
  settleRims(positions: Float32Array, lipsMayCross?: boolean): void
  /** How far the lids of a posed closed head are open where they are most, metres; 0 where there is no eyeball. */
  gap(side: Side, positions: Float32Array): number
  /** [vertices, 3] how the lips of a posed closed head move to be sealed. */
  sealing(positions: Float32Array): Float32Array
}

/** The skin opened, and everything about its openings. */
export interface OpenedHead extends OpenHead, PlacedEyes {
  /** The closed head with lids that lie on the balls. */
  whole: HeadMesh
  mouth: Opening | undefined
}

interface ClosedFace {
  fit: HeadFit
  metric: Metric
  settled: HeadMesh
  photo: Photo
  landmarks: Landmarks
  /** Takes the light out of the photo. */
  light: LightFactors
  /** Whether the photo shows the ball of an open eye at a pixel. */
  open(x: number, y: number): boolean
  /** Whether the face comes to rest. */
  neutral: boolean
}

/** Opens the skin at eyes and mouth, as far as the model has something to put there. */
export function openFace({ fit, metric, settled, photo, landmarks, light, open, neutral }: ClosedFace): OpenedHead {
  const { topology, mesh } = settled
  const openings = openingsOf(topology, mesh.positions.length / 3)
  const mouth = fit.model.interior && openings.find(({ kind }) => kind === 'mouth')
  const loops = openings.filter(({ kind }) => kind === 'eye')
  const withBalls = (['Right', 'Left'] as const).flatMap((side) => {
    const sign = side === 'Left' ? 1 : -1
    const found = loops.find(({ loop }) => sign * mesh.positions[3 * loop[0]] > 0)
    const ball = ballPoints(fit.model, fit.mesh.positions, sign)
    return found && ball.length > 0
      ? [{ side, loop: found.loop, ball, rim: gather(mesh.positions, found.loop, 3) }]
      : []
  })
  // both or none: eyes that differ in kind would be stranger than two painted ones
  const sided = withBalls.length === 2 ? withBalls : []
  const rims = Object.fromEntries(sided.map(({ side, rim }) => [side, rim])) as Record<Side, Float32Array>
  const seen = eyesSeen({ photo, camera: fit.camera, landmarks, rims, light, open })
  const balls = placeEyes(
    sided.map(({ side, ball, rim }) => ({ side, ball, rim, iris: neutral ? undefined : seen.irises[side] })),
  )
  const eyes = balls.map((eye, i) => ({ eye, loop: sided[i].loop }))

  // what belongs to which lid and lip is plain where all are open
  const apart = { positions: topology.refined(poser(fit, metric)(openMouth(fit)), 3), indices: mesh.indices }
  const about = (loop: Uint32Array, near: (x: number, y: number, z: number) => boolean): Meeting =>
    new Meeting(apart.positions, loop, skinWhere(apart, topology.sheets, near))
  const lids = eyes.map(({ eye, loop }) => about(loop, (x, y, z) => aboutEye(eye, x, y, z)))
  const lips = openings.filter(({ kind }) => kind === 'mouth').map(({ loop }) => about(loop, around(apart, loop)))
  const near = skinWhere(apart, topology.sheets, (x, y, z) => balls.some((eye) => aboutEye(eye, x, y, z)))
  const untanglers = openings.map(
    (opening) =>
      new Untangler(
        apart.positions,
        aboutRim(apart, topology.sheets, opening),
        opening.kind === 'eye' ? (positions, vertices) => keepOffBalls(positions, vertices, balls) : undefined,
      ),
  )
  const settleRims = (positions: Float32Array, lipsMayCross = false): void => {
    for (const meeting of lids) meeting.shut(positions)
    if (!lipsMayCross) {
      for (const meeting of lips) meeting.uncross(positions)
      // before, so that nothing is brought apart that the balls move
      keepOffBalls(positions, near, balls)
      for (const untangler of untanglers) untangler.untangle(positions)
    }
    keepOffBalls(positions, near, balls)
  }
  const positions = mesh.positions.slice()
  settleRims(positions)
  return {
    ...openHead(
      topology,
      eyes.map((eye, i) => ({ ...eye, lids: lids[i].halves })),
      mouth !== undefined,
    ),
    whole: { ...settled, mesh: { positions, indices: mesh.indices } },
    mouth,
    eyes,
    settleRims,
    gap: (side, positions) => lids[eyes.findIndex(({ eye }) => eye.side === side)]?.gap(positions) ?? 0,
    sealing: (positions) => {
      const sealed = positions.slice()
      for (const meeting of lips) meeting.seal(sealed)
      return sealed.map((x, i) => x - positions[i])
    },
    iris: seen.colour,
    white: seen.white,
  }
}

/** Triangles of the skin about an opening, [n, 3]: what may pass through itself as lids and lips move, beside a mouth in the folds of a smile, too. */
function aboutRim(mesh: Mesh, sheets: Uint8Array, { kind, loop }: Opening): Uint32Array {
  const { positions, indices } = mesh
  const seeds = new Uint8Array(positions.length / 3)
  for (const v of loop) seeds[v] = 1
  const from = edgeDistance(mesh, seeds, kind === 'mouth' ? FOLDED : CROWDED)
  const x = (v: number): number => positions[3 * v]
  const [right, left] = [Math.min(...Array.from(loop, x)), Math.max(...Array.from(loop, x))]
  const crowded = (v: number): boolean => from[v] < CROWDED || (from[v] < FOLDED && (x(v) < right || x(v) > left))
  return indices.filter(
    (_, c) => !sheets[Math.floor(c / 3)] && indices.subarray(c - (c % 3), c - (c % 3) + 3).some(crowded),
  )
}

/** How far from rims skin may pass through itself, and how far from a mouth's corners folds reach, metres. */
const CROWDED = 0.01
const FOLDED = 0.028

/** Whether a place is within a loop's surroundings. */
function around({ positions }: Mesh, loop: Uint32Array): (x: number, y: number, z: number) => boolean {
  const rows = gather(positions, loop, 3)
  const middle = [0, 1, 2].map((k) => rows.reduce((sum, x, i) => (i % 3 === k ? sum + x / loop.length : sum), 0))
  let radius = 0
  for (let i = 0; i < rows.length; i += 3)
    radius = Math.max(radius, Math.hypot(...middle.map((m, k) => rows[i + k] - m)))
  return (x, y, z) => Math.hypot(x - middle[0], y - middle[1], z - middle[2]) < 1.3 * radius
}

/** [n, 3] points of a head's eyeball on a side, as far as it is not a sheet between the lids. @param positions of the model's vertices */
export function ballPoints(model: HeadFit['model'], positions: Float32Array, sign: number): Float32Array {
  const own = new Set<number>()
  model.faceRegion.forEach((inFace, t) => {
    if (inFace) return
    for (let c = 3 * t; c < 3 * t + 3; c++) {
      const v = model.indices[c]
      if (model.parts[v] === HEAD_PARTS.eyeball && sign * model.mean[3 * v] > 0) own.add(v)
    }
  })
  return gather(positions, Uint32Array.from(own), 3)
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

/** [vertices of the closed head, 3] the fitted head as it is in the photo, but with a face at rest and, where its model can, its eyes shut. */
export function restingHead(fit: HeadFit, metric: Metric, { topology }: HeadMesh): Float32Array {
  const expression = new Float64Array(fit.expression.length)
  for (const side of ['Left', 'Right']) {
    const blink = fit.model.expressionNames.indexOf(`eyeBlink${side}`)
    if (blink >= 0) expression[blink] = 1
  }
  return topology.refined(poser(fit, metric)({ expression }), 3)
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
  const keys = targets.flatMap(({ pose, skin }) => maker.key(pose.name, opened.extended(skin)) ?? [])
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
            skin: topology.indices.filter((_, c) => !topology.sheets[Math.floor(c / 3)]),
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

/** Nothing but an open jaw; for models without such a unit, what the photo shows. */
function openMouth({ model, expression }: HeadFit): Pick<KeyPose, 'expression' | 'tongueOut'> {
  const k = model.expressionNames.indexOf('jawOpen')
  return {
    expression: k < 0 ? expression : Float64Array.from(expression, (_, i) => (i === k ? JAW_OPEN : 0)),
    tongueOut: 0,
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

/** The model's vertices at metric size in any expression. Without joints only the coefficients that differ cost time. */
function poser(fit: HeadFit, { scale }: Metric): (pose: Pick<KeyPose, 'expression' | 'movement'>) => Float32Array {
  const { model, identity, jointRotations } = fit
  const start = fit.mesh.positions
  const expressed = (expression: Float64Array): Float32Array => {
    if (model.skinning) return posedMesh(model, identity, expression, jointRotations).positions.map((p) => p * scale)
    const out = start.slice()
    for (let k = 0; k < expression.length; k++) {
      const change = scale * (expression[k] - fit.expression[k])
      if (change === 0) continue
      const basis = model.expression.subarray(k * out.length, (k + 1) * out.length)
      for (let i = 0; i < out.length; i++) out[i] += change * basis[i]
    }
    return out
  }
  return ({ expression, movement }) => {
    const out = expressed(expression)
    if (movement) for (let i = 0; i < out.length; i++) out[i] += scale * movement[i]
    return out
  }
}

/** The same for the mouth's inside; undefined for models without. */
function insidePoser(
  { model, identity, expression: fitted, mesh }: HeadFit,
  { scale }: Metric,
): ((pose: Pick<KeyPose, 'expression' | 'tongueOut'>) => Float32Array) | undefined {
  if (!model.interior) return undefined
  // the person's own, as in the photo: each pose costs only what differs from it
  const interior = model.interior
  const own = { ...interior, mean: posedInterior(interior, identity, fitted).positions }
  const { seam } = own
  const at = ({ expression, tongueOut }: Pick<KeyPose, 'expression' | 'tongueOut'>): Float32Array => {
    // a tongue goes by where the jaw has turned to from its place in the mean head
    const { positions } =
      tongueOut > 0
        ? posedInterior(interior, identity, expression, tongueOut)
        : posedInterior(
            own,
            [],
            expression.map((c, k) => c - fitted[k]),
          )
    return positions.map((p) => p * scale)
  }
  if (!model.skinning) return at
  // joints carry the skin alone: the inside goes with the lips
  const rows = (of: number): Uint32Array => Uint32Array.from({ length: seam.length / 2 }, (_, i) => seam[2 * i + of])
  const carried = alignPoints(
    Float64Array.from(gather(at({ expression: fitted, tongueOut: 0 }), rows(0), 3)),
    Float64Array.from(gather(mesh.positions, rows(1), 3)),
  )
  return (pose) => transformPoints(carried, at(pose))
}
