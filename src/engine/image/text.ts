/**
 * Letters as strokes, for captions in pictures. SVG text needs a font on the machine, and a bare server or container has
 * none: labels would silently become boxes. These look the same everywhere.
 *
 * A glyph is a list of polylines of points "xy" on a grid: x 0..4; y 0 descender, 2 baseline, 6 height of small letters,
 * 8 of capitals.
 */

const GLYPHS: Record<string, string> = {
  A: '02 28 42|0.84 3.24',
  B: '02 08 38 47 46 35 05|35 44 43 32 02',
  C: '47 38 18 07 03 12 32 43',
  D: '02 08 28 46 44 22 02',
  E: '48 08 02 42|05 35',
  F: '48 08 02|05 35',
  G: '47 38 18 07 03 12 32 43 45 25',
  H: '02 08|42 48|05 45',
  I: '18 38|28 22|12 32',
  J: '48 43 32 12 03',
  K: '08 02|48 04|15 42',
  L: '08 02 42',
  M: '02 08 24 48 42',
  N: '02 08 42 48',
  O: '18 38 47 43 32 12 03 07 18',
  P: '02 08 38 47 45 34 04',
  Q: '18 38 47 43 32 12 03 07 18|24 42',
  R: '02 08 38 47 45 34 04|24 42',
  S: '47 38 18 07 06 15 35 44 43 32 12 03',
  T: '08 48|28 22',
  U: '08 03 12 32 43 48',
  V: '08 22 48',
  W: '08 12 26 32 48',
  X: '02 48|08 42',
  Y: '08 25 48|25 22',
  Z: '08 48 02 42',
  a: '05 16 36 45 42|44 14 03 12 32 43',
  b: '08 02|05 16 36 45 43 32 12 03',
  c: '45 36 16 05 03 12 32 43',
  d: '48 42|45 36 16 05 03 12 32 43',
  e: '04 44 45 36 16 05 03 12 32 43',
  f: '48 38 27 22|06 46',
  g: '46 41 30 10 01|45 36 16 05 03 12 32 43',
  h: '08 02|05 16 36 45 42',
  i: '26 22|27.6 28',
  j: '36 31 20 10|37.6 38',
  k: '08 02|46 04|15 42',
  l: '28 23 32',
  m: '02 06|05 16 25 22|25 36 45 42',
  n: '02 06|05 16 36 45 42',
  o: '16 36 45 43 32 12 03 05 16',
  p: '00 06|05 16 36 45 43 32 12 03',
  q: '40 46|45 36 16 05 03 12 32 43',
  r: '12 16|15 26 36 45',
  s: '45 36 16 05 14 34 43 32 12 03',
  t: '28 23 32 42|06 46',
  u: '06 03 12 32 43|46 42',
  v: '06 22 46',
  w: '06 12 25 32 46',
  x: '06 42|02 46',
  y: '06 22|46 10 00',
  z: '06 46 02 42',
  '0': '18 38 47 43 32 12 03 07 18|13 37',
  '1': '06 28 22|12 32',
  '2': '07 18 38 47 46 02 42',
  '3': '07 18 38 47 46 35 15|35 44 43 32 12 03',
  '4': '32 38 04 44',
  '5': '48 08 05 35 44 43 32 12 03',
  '6': '38 18 06 03 12 32 43 44 35 15 04',
  '7': '08 48 12',
  '8': '15 06 07 18 38 47 46 35 15 04 03 12 32 43 44 35',
  '9': '12 32 44 47 38 18 07 06 15 35 46',
  '.': '22 22.3',
  ',': '22.4 22 11',
  ':': '25.7 26|22 22.3',
  ';': '25.7 26|22.4 22 11',
  '-': '15 35',
  '+': '05 45|23 27',
  '=': '04 44|06 46',
  '/': '02 48',
  '\\': '08 42',
  '|': '28 20',
  '(': '38 26 24 32',
  ')': '18 26 24 12',
  '[': '38 28 22 32',
  ']': '18 28 22 12',
  '<': '47 05 43',
  '>': '07 45 03',
  '%': '02 48|07 08 18 17 07|33 32 42 43 33',
  '°': '16 17 28 37 36 25 16',
  '×': '03 46|06 43',
  '*': '24 28|05 47|07 45',
  _: '01 41',
  '!': '28 24.5|22 22.3',
  '?': '07 18 38 47 46 25 24|22 22.3',
  "'": '28 26.5',
  '"': '18 16.5|38 36.5',
  '#': '12 18|32 38|04 44|06 46',
  '&': '42 07 18 27 04 03 12 22 44',
  '→': '05 45|27 45 23',
  ' ': '',
}

/** Advance of each letter in units of the capital height (which is 6 grid steps). */
const ADVANCE = 6 / 6

/** Width of a line of text of capital height `size` pixels. */
export function textWidth(text: string, size: number): number {
  return Math.max(0, [...text].length * ADVANCE * size - size / 3)
}

/**
 * An SVG `<path>` that draws `text` with its baseline's left end (or middle, or right end) at (x, y).
 * @param size height of capitals in pixels
 * Letters without a glyph become spaces.
 */
export function textPath(
  text: string,
  x: number,
  y: number,
  size: number,
  options: { color?: string; anchor?: 'start' | 'middle' | 'end'; weight?: number; rotate?: number } = {},
): string {
  const width = textWidth(text, size)
  const left = options.anchor === 'middle' ? x - width / 2 : options.anchor === 'end' ? x - width : x
  const unit = size / 6
  let d = ''
  ;[...text].forEach((letter, i) => {
    const glyph = GLYPHS[letter] ?? ''
    if (glyph === '') return
    const origin = left + i * ADVANCE * size
    for (const line of glyph.split('|')) {
      const points = line.split(' ').map((point) => parsePoint(point))
      points.forEach(([px, py], k) => {
        d += `${k === 0 ? 'M' : 'L'}${(origin + px * unit).toFixed(2)} ${(y - (py - 2) * unit).toFixed(2)}`
      })
    }
  })
  const stroke = Math.max(1, size * (options.weight ?? 0.13))
  const turn = options.rotate === undefined ? '' : ` transform="rotate(${options.rotate} ${x} ${y})"`
  return `<path d="${d}" fill="none" stroke="${options.color ?? '#222'}" stroke-width="${stroke.toFixed(2)}" stroke-linecap="round" stroke-linejoin="round"${turn}/>`
}

/** "36.5" is x 3, y 6.5; "0.84" is x 0.8, y 4. */
function parsePoint(point: string): [number, number] {
  if (/^\d\.\d\d/.test(point) && point.length === 4) return [Number(point.slice(0, 3)), Number(point.slice(3))]
  return [Number(point[0]), Number(point.slice(1))]
}
