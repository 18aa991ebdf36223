/**
 * Straight lines along rows and columns where the picture jumps from one pixel to the next: the borders of mosaics, pasted bars
 * and damaged JPEG blocks. What a lens has drawn changes over two pixels or more, and seldom along a row or a column.
 */

/** A part of a photo, at the photo's resolution. */
export interface Window {
  /** The photo's pixels, [.., 3] sRGB 0..255, `stride` of them in a row. */
  data: Uint8Array
  stride: number
  /** Place of the window's first pixel in the photo. */
  x: number
  y: number
  width: number
  height: number
  /** [height, width] 1 on the face */
  face: Uint8Array
  /** Square root of the face's area, pixels. */
  side: number
}

/** Least jump of a channel, levels, pixel by pixel and on average along a stretch. */
const JUMP = 10
const MEAN_JUMP = 5
/** A jump is so many times the change just before and just behind it. */
const SHARP = 3
/** Shortest run of jumps, and the stretch over which they are averaged: shares of the face's side, and pixels at least. */
const RUN = 0.018
const STRETCH = 0.04
const LEAST = 8
/** Pixels of the shortest seam: in small faces a strand of hair is straight over a third of the face. */
const LEAST_SEAM = 48

/**
 * [height, width] 1 at pixels just behind a run of jumps of one direction: what mosaics are full of, along both axes.
 * @param along whether the runs go along columns or along rows
 */
export function blockEdges(window: Window, along: 'columns' | 'rows'): Uint8Array {
  const edges = new Uint8Array(window.width * window.height)
  const least = Math.max(LEAST, Math.round(RUN * window.side))
  for (const line of lines(window, along)) {
    let start = 0
    let direction = 0
    for (let q = 0; q <= line.length; q++) {
      const next = q < line.length ? jump(window, line, q) : 0
      if (next !== 0 && next === direction) continue
      if (direction !== 0 && q - start >= least) for (let k = start; k < q; k++) edges[line.at(k)] = 1
      direction = next
      start = q
    }
  }
  return edges
}

/**
 * [height, width] 1 at pixels just behind a long seam, also a faint one: jumps are averaged along stretches of it.
 * @param share length of a seam, of the face's side
 */
export function longSeams(window: Window, share: number): Uint8Array {
  const seams = new Uint8Array(window.width * window.height)
  const stretch = Math.max(LEAST, Math.round(STRETCH * window.side))
  const least = Math.max(LEAST_SEAM, share * window.side)
  for (const line of [...lines(window, 'columns'), ...lines(window, 'rows')]) {
    let start = 0
    for (let q = 0; q <= line.length; q += stretch) {
      if (q + stretch <= line.length && meanJump(window, line, q, stretch)) continue
      if (q - start >= least) for (let k = start; k < q; k++) seams[line.at(k)] = 1
      start = q + stretch
    }
  }
  return seams
}

/** A row or column of the window, with the step to the line before it. */
interface Line {
  length: number
  /** Index in the window of the k-th pixel. */
  at(k: number): number
  /** Index in the photo's data of the k-th pixel. */
  source(k: number): number
  /** Distance in the photo's data to the same pixel of the next line, and in the window. */
  across: number
  acrossWindow: number
}

function lines({ x, y, width, height, stride }: Window, along: 'columns' | 'rows'): Line[] {
  const first = 3 * (y * stride + x)
  const column = (u: number): Line => ({
    length: height,
    at: (k) => k * width + u,
    source: (k) => first + 3 * (k * stride + u),
    across: 3,
    acrossWindow: 1,
  })
  const row = (v: number): Line => ({
    length: width,
    at: (k) => v * width + k,
    source: (k) => first + 3 * (v * stride + k),
    across: 3 * stride,
    acrossWindow: width,
  })
  const [count, line] = along === 'columns' ? [width, column] : [height, row]
  // a step is compared with those beside it
  return Array.from({ length: Math.max(0, count - 3) }, (_, i) => line(i + 2))
}

/** Direction of the jump onto pixel k of a line, in the channel that jumps most: 1, -1, or 0 for none. */
function jump({ data, face }: Window, line: Line, k: number): number {
  const i = line.at(k)
  if (!face[i] || !face[i - line.acrossWindow]) return 0
  const { across } = line
  let found = 0
  let most = JUMP - 1
  for (let c = line.source(k), end = c + 3; c < end; c++) {
    const step = data[c] - data[c - across]
    const size = Math.abs(step)
    if (size <= most) continue
    const around = Math.max(Math.abs(data[c - across] - data[c - 2 * across]), Math.abs(data[c + across] - data[c]))
    if (size < SHARP * around) continue
    most = size
    found = Math.sign(step)
  }
  return found
}

/** Whether some channel jumps, on average over a stretch of a line. */
function meanJump({ data, face }: Window, line: Line, start: number, stretch: number): boolean {
  const { across } = line
  const sums = [0, 0, 0, 0, 0, 0, 0, 0, 0]
  for (let k = start; k < start + stretch; k++) {
    const i = line.at(k)
    if (!face[i] || !face[i - line.acrossWindow]) return false
    const at = line.source(k)
    for (let c = 0; c < 3; c++) {
      const [before, here] = [data[at + c - across], data[at + c]]
      sums[c] += here - before
      sums[3 + c] += before - data[at + c - 2 * across]
      sums[6 + c] += data[at + c + across] - here
    }
  }
  return [0, 1, 2].some((c) => {
    const size = Math.abs(sums[c])
    return size >= MEAN_JUMP * stretch && size >= SHARP * Math.max(Math.abs(sums[3 + c]), Math.abs(sums[6 + c]))
  })
}
