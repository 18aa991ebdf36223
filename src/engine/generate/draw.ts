/**
 * Plans of portraits, drawn from a seed. All the randomness that matters to a reader is here; the rest of the generator turns a
 * plan into geometry and colour.
 */
import { multiply3, rigidTransform, rotationFromAxisAngle } from '../geometry/camera.js'
import { Rng } from '../geometry/rng.js'
import { posedMesh } from '../head/fit-mesh.js'
import type { Camera, HeadModel } from '../stages.js'
import { drawExpression, type ExpressionRange } from './expressions.js'
import type { Complexion, Lamp, LightPlan, PhotoPlan, PortraitPlan, SkinRelief } from './plan.js'
import { postureOf } from './posture.js'

/** Share of the identity's standard deviation that is drawn: beyond it, drawn heads look like caricatures. */
const IDENTITY_SPREAD = 0.8
/** Lids are shut where they are no further apart than this share of the eye's length. */
const SHUT = 0.01

export interface PlanOptions {
  /** What faces are made (default mild). */
  expressions?: ExpressionRange
  /** Which picture of the person: 0 is the first; each has its own expression, camera, light and photo. */
  view?: number
}

/** The plan of a seed. Same seed and options, same plan. `size`: side of the photo in pixels. */
export function drawPlan(model: HeadModel, seed: number, size: number, options: PlanOptions = {}): PortraitPlan {
  const { expressions = 'mild', view = 0 } = options
  const forks = (from: number): Rng[] => {
    const rng = new Rng(from)
    return Array.from({ length: 6 }, () => rng.fork())
  }
  const [who, , skin] = forks(seed)
  const photoSeed = view === 0 ? seed : new Rng(seed).uint32() + view
  const [, face, , place, lamp, lens] = forks(photoSeed)
  const age = who.uniform(22, 78)
  const identity = Float64Array.from({ length: model.identityCount }, () => {
    return Math.max(-2, Math.min(2, who.normal())) * IDENTITY_SPREAD
  })
  const { name, coefficients, tongueOut } = drawExpression(model, expressions, face)
  shutLids(model, identity, coefficients)
  return {
    seed,
    photoSeed,
    age,
    identity,
    expression: coefficients,
    tongueOut,
    expressionName: name,
    complexion: drawComplexion(skin, age),
    relief: drawRelief(skin, age, (unit) => coefficients[model.expressionNames.indexOf(unit)] ?? 0),
    camera: drawCamera(place, size),
    light: drawLight(lamp),
    photo: drawPhoto(lens, size),
  }
}

/** Where the upper lid comes down as far as it can and something of a large eye still shows, the lower one rises. */
function shutLids(model: HeadModel, identity: Float64Array, expression: Float64Array): void {
  const unit = (name: string): number => model.expressionNames.indexOf(name)
  for (const side of ['Left', 'Right'] as const) {
    if (expression[unit(`eyeBlink${side}`)] < 1) continue
    const squint = unit(`eyeSquint${side}`)
    for (; expression[squint] < 0.8; expression[squint] += 0.1) {
      const posture = postureOf(model, posedMesh(model, identity, expression).positions)
      if ((side === 'Left' ? posture.leftLids : posture.rightLids) <= SHUT) break
    }
  }
}

const IRISES: readonly (readonly [number, number, number])[] = [
  [0.09, 0.045, 0.02],
  [0.13, 0.07, 0.03],
  [0.12, 0.13, 0.06],
  [0.14, 0.2, 0.26],
  [0.2, 0.23, 0.24],
]

function drawComplexion(rng: Rng, age: number): Complexion {
  const old = (age - 20) / 60
  const melanin = [0.2, 0.35, 0.5, 0.85, 1.5][rng.integer(5)] * rng.uniform(0.85, 1.2)
  const male = rng.uniform() < 0.6
  const dark = melanin > 0.7
  const light = Math.max(0, 1 - melanin)
  return {
    melanin,
    blood: rng.uniform(0.3, 0.58),
    blotches: rng.uniform(0.3, 1),
    mottling: rng.uniform(0.4, 1),
    tan: rng.uniform(0.3, 1),
    freckles: rng.uniform() < 0.35 ? light * rng.uniform(0.3, 1) : 0.1 * old,
    moles: rng.integer(9),
    beard: male ? rng.uniform(0.2, 0.9) : 0,
    stubble: male && rng.uniform() < 0.7 ? rng.uniform(0.2, 1) : 0,
    oil: rng.uniform(0.35, 1),
    underEye: rng.uniform(0.2, 0.6) + 0.4 * old,
    lips: male ? rng.uniform(0.3, 0.7) : rng.uniform(0.6, 1.1),
    hair: dark ? rng.uniform(2.2, 3.2) : rng.uniform(0.9, 2.8),
    grey: Math.max(0, Math.min(0.9, 1.3 * old - 0.35 + rng.normal(0, 0.2))),
    hairLength: rng.uniform() < 0.75 ? rng.uniform(3, 9) : 0,
    hairline: 58 + (male ? 22 * old * rng.uniform() : 0) + rng.normal(0, 3),
    browDensity: rng.uniform(0.55, 1),
    iris: dark ? IRISES[rng.integer(2)] : IRISES[rng.integer(IRISES.length)],
  }
}

function drawRelief(rng: Rng, age: number, unit: (name: string) => number): SkinRelief {
  const old = Math.max(0.15, (age - 20) / 58) * rng.uniform(0.8, 1.3)
  const raised = unit('browInnerUpLeft') + unit('browUpLeft') + unit('browOuterUpLeft')
  const frown = unit('browDownLeft')
  const smile = unit('mouthSmileLeft')
  const squint = unit('eyeSquintLeft')
  // Laughs and wide mouths fold the head's own mesh there.
  const folded = Math.min(
    1,
    unit('mouthLaughLeft') + 0.7 * unit('jawOpen') + Math.max(0, unit('mouthUpperUpLeft') - 0.4),
  )
  return {
    forehead: 0.12 + 0.75 * old + 0.6 * raised,
    frown: 0.1 + 0.55 * old + 0.8 * frown,
    crowsFeet: 0.08 + 0.75 * old + 0.5 * squint + 0.3 * smile,
    nasolabial: (0.35 + 0.8 * old + 0.6 * smile) * (1 - 0.65 * folded),
    underEye: 0.18 + 0.7 * old + 0.3 * squint,
    mouth: 0.1 + 0.6 * old,
    fineLines: 0.05 + 0.08 * old,
    pores: rng.uniform(0.08, 0.2),
    lumps: rng.uniform(0.1, 0.28),
    spots: rng.integer(7),
  }
}

function drawCamera(rng: Rng, size: number): Camera {
  const degrees = Math.PI / 180
  const turned = rng.uniform() < 0.5 ? rng.uniform(-10, 10) : rng.uniform(-32, 32)
  const [yaw, pitch, roll] = [turned, rng.normal(0, 6), rng.normal(0, 4)].map((a) => a * degrees)
  const toCamera = Float64Array.of(1, 0, 0, 0, -1, 0, 0, 0, -1)
  const turn = multiply3(
    rotationFromAxisAngle(0, 0, roll),
    multiply3(rotationFromAxisAngle(pitch, 0, 0), rotationFromAxisAngle(0, yaw, 0)),
  )
  const rotation = multiply3(toCamera, turn)
  // A lens for portraits, held as far away as makes the head fill the picture.
  const focal = size * rng.uniform(1.4, 3.2)
  const shown = rng.uniform(0.3, 0.42)
  const distance = (focal / size) * shown
  const aim = [rng.normal(0, 0.008), -0.03 + rng.normal(0, 0.01), 0.04]
  const t = [0, 1, 2].map(
    (r) => -(rotation[3 * r] * aim[0] + rotation[3 * r + 1] * aim[1] + rotation[3 * r + 2] * aim[2]),
  )
  t[2] += distance
  // A crop of a larger picture: the optical axis does not pass through its middle.
  const [cx, cy] = [0, 1].map(() => size * (0.5 + rng.normal(0, 0.03)))
  t[0] -= ((cx - size / 2) / focal) * distance
  t[1] -= ((cy - size / 2) / focal) * distance
  return { width: size, height: size, fx: focal, fy: focal, cx, cy, headToCamera: rigidTransform(rotation, t) }
}

function drawLight(rng: Rng): LightPlan {
  const warm = (strength: number): [number, number, number] => {
    const k = rng.normal(0.03, 0.08)
    return [strength * Math.exp(k), strength, strength * Math.exp(-k)]
  }
  const lamps: Lamp[] = []
  const place = (azimuth: number, height: number, distance: number, radius: number, strength: number): void => {
    const [a, h] = [azimuth, height].map((d) => (d * Math.PI) / 180)
    lamps.push({
      position: [distance * Math.sin(a) * Math.cos(h), distance * Math.sin(h), distance * Math.cos(a) * Math.cos(h)],
      radius,
      colour: warm(strength),
    })
  }
  const side = rng.uniform() < 0.5 ? -1 : 1
  place(
    side * rng.uniform(18, 68),
    rng.uniform(12, 55),
    rng.uniform(0.8, 2.2),
    rng.uniform(0.06, 0.35),
    rng.uniform(1.1, 2.2),
  )
  place(
    -side * rng.uniform(25, 85),
    rng.uniform(-5, 40),
    rng.uniform(0.9, 2.5),
    rng.uniform(0.1, 0.5),
    rng.uniform(0.15, 0.7),
  )
  if (rng.uniform() < 0.6)
    place(
      -side * rng.uniform(110, 155),
      rng.uniform(5, 45),
      rng.uniform(1, 2),
      rng.uniform(0.08, 0.3),
      rng.uniform(0.5, 1.6),
    )
  const room = new Float64Array(27)
  const level = rng.uniform(0.08, 0.28)
  const tint = warm(level)
  for (let c = 0; c < 3; c++) {
    room[c] = tint[c]
    // Brighter from above, and uneven round about.
    room[3 + c] = tint[c] * rng.normal(0, 0.25)
    room[6 + c] = tint[c] * rng.normal(0.35, 0.15)
    room[9 + c] = tint[c] * rng.normal(0.1, 0.2)
    for (let h = 4; h < 9; h++) room[3 * h + c] = tint[c] * rng.normal(0, h === 8 ? 0.06 : 0.12)
  }
  return { lamps, room }
}

function drawPhoto(rng: Rng, size: number): PhotoPlan {
  const colour = (dark: number, bright: number): [number, number, number] => {
    const grey = Math.exp(rng.uniform(Math.log(dark), Math.log(bright)))
    return [0, 1, 2].map(() => grey * Math.exp(rng.normal(0, 0.15))) as [number, number, number]
  }
  return {
    size,
    noise: rng.uniform(0.004, 0.014),
    jpegQuality: Math.round(rng.uniform(84, 95)),
    blur: rng.uniform(0.35, 0.7),
    vignette: rng.uniform(0, 0.25),
    background: { colours: [colour(0.03, 0.5), colour(0.03, 0.5), colour(0.02, 0.4)], seed: rng.uint32() },
    shirt: colour(0.02, 0.4),
  }
}
