/**
 * Gums: for each jaw one sheet that runs along the arch, with a scalloped margin about the necks of the teeth and papillae
 * between them. It passes from the vestibule over the alveolar ridge to the palate, below to the floor of the mouth.
 */
import { DENTAL_ARCHES, type Jaw, placed } from './arch.js'
import { leaning, type Surface, TEETH, type ToothShape, toothFrame } from './teeth.js'

/** A cross-section on the subject's left: points from the vestibule to the midline (or the floor), head frame, metres. */
type Section = number[][]

/** Shares of the way from the ridge to the palate's middle. */
const RIBS = [0.25, 0.5, 0.75, 1]
/** Rise of the palate's vault over the ridge, metres, and the distance from the midline where it is reached. */
const VAULT = { rise: 0.009, from: 0.018 }

/** The gums of a jaw; uv: u along the arch, v across, both in -1..1. */
export function gums(jaw: Jaw): Surface {
  const left = sections(jaw)
  const across = left[0].length
  // From the right end to the left end; the midline's section is its own mirror.
  const all = [
    ...left
      .slice(1)
      .reverse()
      .map((section) => section.map(([x, y, z]) => [-x, y, z])),
    ...left,
  ]
  const points = all.flat()
  const uv = all.flatMap((section, i) =>
    section.map((_, j) => [(2 * i) / (all.length - 1) - 1, (2 * j) / (across - 1) - 1]),
  )
  const triangles: number[][] = []
  for (let i = 0; i + 1 < all.length; i++)
    for (let j = 0; j + 1 < across; j++) {
      const [a, b] = [i * across + j, (i + 1) * across + j]
      const quad = [
        [a, b, b + 1],
        [a, b + 1, a + 1],
      ] // prettier-ignore
      for (const t of quad) triangles.push(jaw === 'lower' ? t : [t[0], t[2], t[1]])
    }
  return { points, triangles, uv, uvTriangles: triangles }
}

function sections(jaw: Jaw): Section[] {
  const teeth = TEETH[jaw]
  const at = (n: number, share: number, crest: number): Section => crossSection(jaw, n, share, crest)
  const mean = (a: Section, b: Section): Section => a.map((p, i) => p.map((x, k) => (x + b[i][k]) / 2))
  const mirror = (s: Section): Section => s.map(([x, y, z]) => [-x, y, z])
  const out: Section[] = [mean(at(0, -0.5, 0), mirror(at(0, -0.5, 0)))]
  teeth.forEach((_, n) => {
    out.push(at(n, -0.27, 0.72), at(n, 0, 1), at(n, 0.27, 0.72))
    out.push(n + 1 < teeth.length ? mean(at(n, 0.5, 0), at(n + 1, -0.5, 0)) : at(n, 0.55, 0.25))
  })
  // Behind the last tooth the ridge closes and sinks.
  const last = out[out.length - 1]
  for (const [back, sink, closed] of [
    [0.0025, 0.0025, 0.75],
    [0.008, 0.006, 1],
  ]) // prettier-ignore
    out.push(behind(jaw, last, back, sink, closed))
  return jaw === 'upper' ? [...out, ...softPalate(out[out.length - 1])] : out
}

/**
 * @param share place on the tooth, -0.5 (towards the midline) to 0.5
 * @param crest 1 over the middle of the tooth, 0 between two
 */
function crossSection(jaw: Jaw, n: number, share: number, crest: number): Section {
  const shape = TEETH[jaw][n]
  const frame = toothFrame(jaw, n)
  const m = share * shape.width
  /** A point at f and h; below the neck the jaw is upright, whatever the tooth leans. */
  const point = (f: number, h: number): number[] => {
    const [, out, up] = leaning(shape, [0, f, Math.max(0, h)])
    return placed(frame, [m, out, up + Math.min(0, h)], shape.height)
  }
  const profile = rise(shape, crest)
  const facial = profile.facial.map(([f, h]) => point(f, h)).reverse()
  const lingual = profile.lingual.map(([f, h]) => point(-f, h))
  const ridge = lingual[lingual.length - 1]
  if (jaw === 'lower') {
    const floor = point(-shape.depth * 0.46 - 5.5, -11)
    return [...facial, ...lingual, point(-shape.depth * 0.46 - 0.9, -8), floor]
  }
  return [...facial, ...lingual, ...palate(ridge)]
}

/** Distances from the tooth's axis and heights over its neck, mm, from the margin downwards: towards the lips, and the tongue. */
function rise({ depth, height }: ToothShape, crest: number): Record<'facial' | 'lingual', [number, number][]> {
  const mix = (between: number, over: number): number => between + crest * (over - between)
  const side = (neck: number, papilla: number): [number, number][] => {
    const margin = mix(0.42 * neck, 1.02 * neck)
    const top = mix(papilla * height, 0.03 * height)
    return [
      [margin - mix(0.4, 1), top - mix(0.3, 1.4)],
      [margin + 0.1, top],
      [margin + mix(0.9, 0.75), top - mix(1.4, 0.8)],
      [neck + mix(0.7, 1.3), -3],
    ]
  }
  const facial = side(0.45 * depth, 0.4)
  const [, , , [ridge]] = facial
  return {
    facial: [...facial, [ridge - mix(0.1, 0.4), -6.5], [0.45 * depth - 0.4, -10.5]],
    lingual: side(0.46 * depth, 0.34),
  }
}

/** From the ridge over the vault to the middle of the palate. */
function palate([x, y, z]: number[]): number[][] {
  const rise = VAULT.rise * Math.min(1, 0.25 + 0.75 * (x / VAULT.from))
  const behind = 0.003 * Math.max(0, 1 - x / VAULT.from)
  return RIBS.map((r) => [x * (1 - r), y + rise * Math.sin((Math.PI / 2) * r), z - r * behind])
}

/** The section moved back; its margins close over the ridge (`closed` 1: to one line) and sink. */
function behind(jaw: Jaw, section: Section, back: number, sink: number, closed: number): Section {
  const frame = DENTAL_ARCHES[jaw].at(TEETH[jaw].reduce((sum, { width }) => sum + width, 0))
  const rim = section.slice(4, 8)
  const middle = [0, 1, 2].map((k) => rim.reduce((sum, p) => sum + p[k] / rim.length, 0))
  return section.map((p, i) => {
    // The sheet's points 2 to 9 lie about the tooth.
    const share = closed * Math.max(0, 1 - Math.abs(i - 5.5) / 6)
    const depth = sink * Math.max(0, 1 - Math.abs(i - 5.5) / 5)
    return p.map((x, k) => x + share * (middle[k] - x) - depth * frame.h[k] + (k === 2 ? -back : 0))
  })
}

/** The palate goes on behind the teeth and hangs down. */
function softPalate(last: Section): Section[] {
  return [last.map(([x, y, z]) => [x * 0.96, y, z - 0.008]), last.map(([x, y, z]) => [x * 0.9, y - 0.005, z - 0.017])]
}
