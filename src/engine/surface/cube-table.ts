/**
 * Triangles of marching cubes (Lorensen and Cline 1987), derived instead of tabulated.
 *
 * Corner i of a cube has coordinates (i & 1, i >> 1 & 1, i >> 2). On each face, the surface is drawn as the segments that cut
 * off each run of inside corners; where two inside corners face each other diagonally they are thereby separated. Both cubes
 * at a face see the same corners and draw the same segments, so there are no holes. Every crossed edge is entered by a segment
 * on one of its two faces and left on the other, so the segments chain into closed loops, which are cut into triangles.
 */

/** [12, 2] corners of the edges; edges 0-3 run along x, 4-7 along y, 8-11 along z. */
export const CUBE_EDGES: readonly (readonly [number, number])[] = [1, 2, 4].flatMap((axis) =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((corner) => (corner & axis) === 0).map((corner) => [corner, corner | axis] as const),
)

/** Corners of the six faces, counter-clockwise seen from outside. */
const FACES: readonly (readonly number[])[] = [
  [0, 4, 6, 2],
  [1, 3, 7, 5],
  [0, 1, 5, 4],
  [2, 6, 7, 3],
  [0, 2, 3, 1],
  [4, 5, 7, 6],
]

const edgeBetween = (a: number, b: number) =>
  CUBE_EDGES.findIndex(([p, q]) => (p === a && q === b) || (p === b && q === a))

const FACES_OF_EDGE = CUBE_EDGES.map(([a, b]) => FACES.flatMap((f, i) => (f.includes(a) && f.includes(b) ? [i] : [])))

/** For each of the 256 sets of inside corners (bit i: corner i): edge numbers, three a triangle, outside in front. */
export const CUBE_TRIANGLES: readonly (readonly number[])[] = Array.from({ length: 256 }, (_, inside) =>
  loops(inside).flatMap(cutLoop),
)

function loops(inside: number): number[][] {
  const isInside = (corner: number) => ((inside >> corner) & 1) === 1
  const next = new Map<number, number>()
  for (const face of FACES)
    for (let k = 0; k < 4; k++) {
      if (!isInside(face[k]) || isInside(face[(k + 3) % 4])) continue
      let last = k
      while (isInside(face[(last + 1) % 4])) last++
      const entered = edgeBetween(face[(k + 3) % 4], face[k])
      const left = edgeBetween(face[last % 4], face[(last + 1) % 4])
      next.set(entered, left)
    }
  const out: number[][] = []
  while (next.size > 0) {
    const loop: number[] = []
    let edge = next.keys().next().value as number
    for (;;) {
      const to = next.get(edge)
      if (to === undefined) break
      next.delete(edge)
      loop.push(edge)
      edge = to
    }
    out.push(loop)
  }
  return out
}

/**
 * Cuts a loop into triangles. No diagonal may lie in a face of the cube: the neighbour could draw the same line, and four
 * triangles would meet there.
 */
function cutLoop(loop: number[]): number[] {
  if (loop.length === 3) return loop
  const shareFace = (a: number, b: number) => FACES_OF_EDGE[a].some((f) => FACES_OF_EDGE[b].includes(f))
  for (let i = 0; i < loop.length; i++) {
    const before = loop[(i + loop.length - 1) % loop.length]
    const after = loop[(i + 1) % loop.length]
    if (shareFace(before, after)) continue
    const rest = loop.filter((_, k) => k !== i)
    const triangles = cutLoop(rest)
    if (triangles.length > 0) return [before, loop[i], after, ...triangles]
  }
  return []
}
