/** Whether a photo has colours. */
import { smoothstep } from '../geometry/smoothstep.js'

/** Chroma of a face in a grey photo, and from which on colours are real. */
const GREY = [0.03, 0.1] as const

/** 0 where the photo of the face is grey, 1 where it has colours. @param image [pixels, 3] @param trusted [pixels] 1 for its skin */
export function colourfulness(image: ArrayLike<number>, trusted: ArrayLike<number>): number {
  let [sum, count] = [0, 1e-9]
  for (let i = 0; i < trusted.length; i++) {
    if (!trusted[i]) continue
    const [r, g, b] = [image[3 * i], image[3 * i + 1], image[3 * i + 2]]
    sum += (Math.max(r, g, b) - Math.min(r, g, b)) / Math.max(0.05, r, g, b)
    count++
  }
  return count < 1 ? 1 : smoothstep(GREY[0], GREY[1], sum / count)
}

/** Brings colours [pixels, 3] towards grey of the mean of their logarithms. @param logs logarithms @param colourful 0..1 how much is left */
export function lessColourful(logs: Float32Array, colourful: number): Float32Array {
  if (colourful === 1) return logs
  return logs.map((value, i) => {
    const first = i - (i % 3)
    const grey = (logs[first] + logs[first + 1] + logs[first + 2]) / 3
    return grey + colourful * (value - grey)
  })
}
