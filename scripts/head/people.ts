/** Plausible heads, drawn in the space of MakeHuman's target weights. */
import type { Rng } from '../../src/engine/geometry/rng.js'
import { RACES, SEXES } from './frame.js'
import type { Source } from './source.js'

/** Ends of MakeHuman's paired targets: decrease → increase. */
const PAIRS: Record<string, string> = {
  less: 'more',
  min: 'max',
  decr: 'incr',
  down: 'up',
  in: 'out',
  backward: 'forward',
  concave: 'convex',
  small: 'big',
  deflate: 'inflate',
  decrease: 'increase',
  lessgreek: 'moregreek',
  lesshump: 'morehump',
  compress: 'uncompress',
  point: 'potato',
  skinny: 'fat',
  pointed: 'triangle',
  round: 'square',
} // prettier-ignore
const GROUPS = ['head', 'forehead', 'eyebrows', 'eyes', 'nose', 'mouth', 'chin', 'cheek', 'ears', 'neck']

/**
 * Standard deviations of the local weights; 1 is a slider at its end, which is a caricature for most. Left out: moves of the
 * whole head, which are pose.
 */
function spread(name: string): number {
  if (name.startsWith('head/head-trans')) return 0
  if (name.startsWith('ears/')) return 0.18
  if (name.startsWith('asym/')) return 0.12
  if (/^head\/head-(oval|round|rectangular|square|triangular|invertedtriangular|diamond)/.test(name)) return 0.18
  return 0.22
}

/** One slider: a target for negative weights, one for positive weights; each may stand for both sides of the face. */
interface Slider {
  negative: number[]
  positive: number[]
  sigma: number
  /** How much the two sides differ, as a share of sigma. */
  uneven: number
}

export interface People {
  /** Names of all targets that take part. */
  targets: string[]
  /** Weights of one head, drawn. */
  draw: (rng: Rng) => Float64Array
}

/** @param source the targets that exist */
export function people(source: Source): People {
  const exists = new Set(source.names)
  const targets: string[] = []
  const numbers = new Map<string, number>()
  const number = (name: string): number => {
    const known = numbers.get(name)
    if (known !== undefined) return known
    if (!exists.has(name)) throw new Error(`no target ${name}`)
    numbers.set(name, targets.push(name) - 1)
    return targets.length - 1
  }
  const sliders = localSliders(source.names, number)
  for (const sex of SEXES)
    for (const age of ['child', 'young', 'old']) {
      for (const race of RACES) number(`macrodetails/${race}-${sex}-${age}`)
      for (const m of ['min', 'average', 'max'])
        for (const w of ['min', 'average', 'max']) number(`macrodetails/universal-${sex}-${age}-${m}muscle-${w}weight`)
    }

  const draw = (rng: Rng): Float64Array => {
    const weights = new Float64Array(targets.length)
    const race = RACES.map(() => (-Math.log(1 - rng.uniform())) ** 1.5) // mostly one, sometimes a mixture
    const raceSum = race.reduce((a, b) => a + b, 0)
    const male = 1 / (1 + Math.exp(-3 * rng.normal()))
    const ages = drawAge(rng)
    const muscle = levels(0.4 * rng.normal())
    const weight = levels(0.45 * rng.normal())
    SEXES.forEach((sex, s) => {
      for (const [age, wa] of Object.entries(ages)) {
        const share = wa * (s === 0 ? male : 1 - male)
        RACES.forEach((r, i) => {
          weights[number(`macrodetails/${r}-${sex}-${age}`)] += (share * race[i]) / raceSum
        })
        for (const [m, wm] of Object.entries(muscle))
          for (const [w, ww] of Object.entries(weight))
            weights[number(`macrodetails/universal-${sex}-${age}-${m}muscle-${w}weight`)] += share * wm * ww
      }
    })
    for (const { negative, positive, sigma, uneven } of sliders) {
      const common = sigma * rng.normal()
      for (let side = 0; side < Math.max(negative.length, positive.length); side++) {
        const c = Math.max(-1, Math.min(1, common + uneven * sigma * rng.normal()))
        const list = c < 0 ? negative : positive
        if (side < list.length) weights[list[side]] += Math.abs(c)
      }
    }
    return weights
  }
  return { targets, draw }
}

/** Mostly grown-ups of all ages, a tenth children. */
function drawAge(rng: Rng): Record<string, number> {
  const t = rng.uniform()
  if (rng.uniform() < 0.1) return { child: 0.9 * (1 - t), young: 1 - 0.9 * (1 - t) }
  const old = t ** 1.3
  return { young: 1 - old, old }
}

/** Weights of MakeHuman's three levels for a value in -1..1. */
function levels(x: number): Record<string, number> {
  const c = Math.max(-1, Math.min(1, x))
  return c < 0 ? { average: 1 + c, min: -c } : { average: 1 - c, max: c }
}

function localSliders(names: string[], number: (name: string) => number): Slider[] {
  const has = new Set(names)
  const done = new Set<string>()
  const sliders = new Map<string, Slider>()
  for (const name of names) {
    const group = name.split('/')[0]
    const asymmetric = group === 'asym'
    if ((!GROUPS.includes(group) && !asymmetric) || done.has(name) || spread(name) === 0) continue
    const cut = name.lastIndexOf('-')
    const [stem, end] = [name.slice(0, cut), name.slice(cut + 1)]
    // asym targets come as -l and -r: opposite leanings of one slider
    const other = asymmetric ? (end === 'l' ? `${stem}-r` : undefined) : PAIRS[end] && `${stem}-${PAIRS[end]}`
    const partner = other !== undefined && has.has(other) ? other : undefined
    if (asymmetric && partner === undefined) continue
    done.add(name)
    if (partner) done.add(partner)
    const key = name.replace(/\/[lr]-/, '/')
    const slider = sliders.get(key) ?? { negative: [], positive: [], sigma: spread(name), uneven: 0.15 }
    if (partner) {
      slider.negative.push(number(name))
      slider.positive.push(number(partner))
    } else slider.positive.push(number(name))
    sliders.set(key, slider)
  }
  return [...sliders.values()]
}
