/** Lashes and brows as cards (asset/cards.ts) on the skin, as far as they are asked for, with the keys that move the skin under them. */
import type { BrowPicture } from '../asset/brow-band.js'
import { Brow } from '../asset/brows.js'
import { type Bound, type CardPlace, cardMesh, type Vec } from '../asset/cards.js'
import { type HairColours, type HairTexture, paintHair } from '../asset/hair-texture.js'
import { Lashes } from '../asset/lashes.js'
import type { Settings } from '../config.js'
import type { HeadFit } from '../stages.js'
import { headMeshOf } from '../surface/head-topology.js'
import { type browPatches, cornersOf, skinAbout } from './brow-patches.js'
import { type AssetPart, finenessOf, type MovedHead } from './build-parts.js'
import { ballPoints, type OpenedHead } from './open-face.js'

/** Where the photo shows no brows, sRGB. */
const BROWN = [0.24, 0.17, 0.12] as const
/** Lashes are darker than brows by this factor, and never brighter than this. */
const DARKER = 0.75
const BRIGHTEST = 0.16

/** How far from the middle of an eyeball of the mean head skin belongs to its lids, metres. */
const ABOUT_LIDS = 0.028

export interface Hair {
  parts: AssetPart[]
  /** Undefined where there are no parts. */
  texture: HairTexture | undefined
}

/** Lays the cards on the head. @param patches of the brows @param picture the head's textures, in which the brows are looked for */
export function buildHair(
  fit: HeadFit,
  opened: OpenedHead,
  moved: MovedHead,
  { patches, picture }: { patches: ReturnType<typeof browPatches>; picture: BrowPicture },
  surface: Pick<Settings['surface'], 'lashes' | 'brows' | 'subdivisions'>,
): Hair {
  const { lashes, brows } = surface
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
  // colours of lashes are those of the brows
  for (const { eye, loop } of lashes || brows ? opened.eyes : []) {
    const sign = eye.side === 'Left' ? 1 : -1
    const ball = middle(ballPoints(fit.model, fit.model.mean, sign))
    const brow = new Brow(eye.side, patches[eye.side], picture)
    found.push(brow.colour)
    if (lashes) {
      const lids = cornersOf(topology, skinAbout(topology, mean, ball, ABOUT_LIDS))
      const one = new Lashes(eye.side, mean, lids, { loop, ball }, finenessOf(surface))
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
