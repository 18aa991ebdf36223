/** By how many pixels one picture of a face lies beside another: where their edges agree best. */
import sharp from 'sharp'

export interface Shift {
  x: number
  y: number
  /** Correlation of the edges there, -1..1. */
  score: number
}

/**
 * @param a @param b pictures of equal size; they may be lit differently
 * @param reach pixels that are tried to each side
 */
export async function pictureShift(a: Buffer, b: Buffer, reach = 12): Promise<Shift> {
  const [first, second] = await Promise.all([edges(a), edges(b)])
  const { width, height } = first
  let best: Shift = { x: 0, y: 0, score: -1 }
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const pairs: [number, number][] = []
      for (let row = reach; row < height - reach; row += 2) {
        for (let column = reach; column < width - reach; column += 2) {
          pairs.push([first.data[row * width + column], second.data[(row + y) * width + column + x]])
        }
      }
      const score = correlation(pairs)
      if (score > best.score) best = { x, y, score }
    }
  }
  return best
}

async function edges(picture: Buffer): Promise<{ data: Float32Array; width: number; height: number }> {
  const { data, info } = await sharp(picture).greyscale().blur(2).raw().toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  const at = (i: number): number => data[i * channels]
  const out = new Float32Array(width * height)
  for (let y = 1; y + 1 < height; y++) {
    for (let x = 1; x + 1 < width; x++) {
      const i = y * width + x
      out[i] = Math.hypot(at(i + 1) - at(i - 1), at(i + width) - at(i - width))
    }
  }
  return { data: out, width, height }
}

function correlation(pairs: [number, number][]): number {
  const mean = (k: 0 | 1): number => pairs.reduce((sum, pair) => sum + pair[k], 0) / pairs.length
  const [ma, mb] = [mean(0), mean(1)]
  let [ab, aa, bb] = [0, 0, 0]
  for (const [a, b] of pairs) {
    ab += (a - ma) * (b - mb)
    aa += (a - ma) ** 2
    bb += (b - mb) ** 2
  }
  return ab / Math.sqrt(aa * bb || 1)
}
