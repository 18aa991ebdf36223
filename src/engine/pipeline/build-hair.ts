/** Lashes and brows as cards (asset/cards.ts) on the skin, as far as they are asked for, with the keys that move the skin under them. */
import type { BrowPicture } from '../asset/brow-band.js'
import { Brow } from '../asset/brows.js'
import { type Bound, type CardPlace, cardMesh, row, type Vec } from '../asset/cards.js'
import { type HairColours, type HairTexture, paintHair } from '../asset/hair-texture.js'
import { Lashes } from '../asset/lashes.js'
import type { Settings } from '../config.js'
import { LEFT_BROW, RIGHT_BROW } from '../evidence/layouts.js'
import { embeddedPoints } from '../head/embedding.js'
import type { HeadFit } from '../stages.js'
import { headMeshOf } from '../surface/head-topology.js'
import { type AssetPart, ballPoints, type MovedHead, type OpenedHead } from './build-parts.js'

/** Where the photo shows no brows, sRGB. */
const BROWN = [0.24, 0.17, 0.12] as const
/** Lashes are darker than brows by this factor, and never brighter than this. */
const DARKER = 0.75
const BRIGHTEST = 0.16

/** How far about the eyes and brows of the mean head skin is looked at, metres. */
const ABOUT_EYE = 0.03

export interface Hair {
  parts: AssetPart[]
  /** Undefined where there are no parts. */
  texture: HairTexture | undefined
}

/** Lays the cards on the head. @param picture the head's textures, in which the brows are looked for */
export function buildHair(
  fit: HeadFit,
  opened: OpenedHead,
  moved: MovedHead,
  picture: BrowPicture,
  { lashes, brows }: Pick<Settings['surface'], 'lashes' | 'brows'>,
): Hair {
  const { topology } = opened.whole
  const mean = headMeshOf(topology, fit.model.mean)
  const all: {
    name: string
    look: AssetPart['look']
    cards: Brow['cards']
    ground: Bound
    at(positions: Float32Array): CardPlace[]
  }[] = []
  const found: (readonly number[] | undefined)[] = []
  const points = embeddedPoints(fit.model.mean, fit.model.indices, fit.model.landmarks478)
  // colours of lashes are those of the brows
  for (const { eye, loop } of lashes || brows ? opened.eyes : []) {
    const sign = eye.side === 'Left' ? 1 : -1
    const near = Uint32Array.from(topology.sheets.keys()).filter((t) => {
      if (topology.sheets[t]) return false
      const v = 3 * topology.indices[3 * t]
      const at = row(mean.positions, loop[0])
      return Math.hypot(...[0, 1, 2].map((k) => mean.positions[v + k] - at[k])) < 2 * ABOUT_EYE
    })
    const skin = Uint32Array.from(
      { length: 3 * near.length },
      (_, c) => topology.indices[3 * near[Math.floor(c / 3)] + (c % 3)],
    )
    const contour = (sign > 0 ? LEFT_BROW : RIGHT_BROW).map((i) => row(points, i))
    const ground = { mean, skin, triangles: near, uv: topology.uv, uvIndices: topology.uvIndices }
    const brow = new Brow(eye.side, ground, contour.slice(0, 5), contour.slice(5), picture)
    found.push(brow.colour)
    if (lashes) {
      const one = new Lashes(eye.side, mean, skin, loop, middle(ballPoints(fit.model, fit.model.mean, sign)))
      one.settle(moved.skin, eye.centre)
      all.push({
        name: `lashes${eye.side}`,
        look: 'lashes',
        cards: one.cards,
        ground: one.roots,
        at: (p) => one.places(p, eye.centre),
      })
    }
    if (brows)
      all.push({
        name: `brow${eye.side}`,
        look: 'brows',
        cards: brow.cards,
        ground: brow.patch,
        at: (p) => brow.places(p),
      })
  }
  const parts = all.map(({ name, look, cards, ground, at }): AssetPart => {
    const targets = moved.targets
      .filter(({ skin }) => ground.moves(moved.skin, skin))
      .map(({ name: key, skin }) => ({ name: key, places: at(skin) }))
    return { name, look, ...cardMesh(cards, at(moved.skin), targets) }
  })
  return {
    parts,
    texture: parts.length > 0 ? paintHair(coloursOf(found.filter((one) => one !== undefined))) : undefined,
  }
}

const middle = (rows: Float32Array): Vec =>
  [0, 1, 2].map((k) => rows.reduce((sum, x, i) => (i % 3 === k ? sum + (3 * x) / rows.length : sum), 0)) as Vec

function coloursOf(found: (readonly number[])[]): HairColours {
  const brow =
    found.length === 0 ? [...BROWN] : [0, 1, 2].map((k) => found.reduce((sum, c) => sum + c[k] / found.length, 0))
  const dark = brow.map((c) => DARKER * c)
  const most = Math.max(...dark)
  return { brow, lash: most > BRIGHTEST ? dark.map((c) => (c * BRIGHTEST) / most) : dark }
}
