import { type Eye, placeEyes } from '../asset/eyes.js'
import { eyesSeen, type LightFactors } from '../asset/irises.js'
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
import type { Side } from '../evidence/layouts.js'
import { edgeDistance } from '../geometry/edge-distance.js'
import { gather, trianglesWhere } from '../geometry/mesh.js'
import type { Metric } from '../head/metric.js'
import { HEAD_PARTS, type HeadFit, type Landmarks, type Mesh, type Photo } from '../stages.js'
import type { HeadMesh } from '../surface/head-mesh.js'
import { openMouth, poser } from './model-poses.js'

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
  const close = Uint8Array.from(from, (_, v) => Number(crowded(v)))
  return trianglesWhere(
    indices,
    sheets.map((sheet, t) =>
      sheet ? 0 : close[indices[3 * t]] | close[indices[3 * t + 1]] | close[indices[3 * t + 2]],
    ),
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
