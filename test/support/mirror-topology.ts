/** Which vertex is which one's mirror image, by the faces alone: as modelling programs do it, whatever the shape. */

/**
 * Walks from an edge on the plane x = 0 over the faces to its left, and over those to its right in step.
 * @param faces corners of each, counter-clockwise @param positions [vertices, 3], in which that edge is looked for, in front at the top
 * @returns [vertices] -1 where the walk finds none, or two
 */
export function mirrorByTopology(faces: readonly number[][], positions: Float32Array): Int32Array {
  const key = (a: number, b: number): string => `${a}>${b}`
  const faceAt = new Map<string, number>()
  faces.forEach((face, f) => {
    face.forEach((a, i) => {
      faceAt.set(key(a, face[(i + 1) % face.length]), f)
    })
  })
  const onPlane = (v: number): boolean => Math.abs(positions[3 * v]) < 1e-4
  const seeds = faces.flatMap((face) =>
    face.flatMap((a, i) => {
      const b = face[(i + 1) % face.length]
      return onPlane(a) && onPlane(b) && positions[3 * a + 2] > 0.08 && faceAt.has(key(b, a)) ? [[a, b]] : []
    }),
  )
  const [a, b] = seeds.reduce((best, one) => (positions[3 * one[0] + 1] > positions[3 * best[0] + 1] ? one : best))
  const mirror = new Int32Array(positions.length / 3).fill(-1)
  const done = new Set<number>()
  const walk = [[a, b, a, b]]
  for (const [from, to, otherFrom, otherTo] of walk) {
    const [f, g] = [faceAt.get(key(from, to)), faceAt.get(key(otherTo, otherFrom))]
    if (f === undefined || g === undefined || done.has(f)) continue
    done.add(f)
    const [face, other] = [faces[f], faces[g]]
    if (face.length !== other.length) continue
    const [i, j, n] = [face.indexOf(from), other.indexOf(otherFrom), face.length]
    const pairs = face.map((_, k) => [face[(i + k) % n], other[(j - k + n) % n]])
    for (const [v, w] of pairs) mirror[v] = mirror[v] < 0 || mirror[v] === w ? w : -1
    pairs.forEach(([v, w], k) => {
      const [next, otherNext] = pairs[(k + 1) % n]
      walk.push([next, v, otherNext, w])
    })
  }
  return mirror
}
