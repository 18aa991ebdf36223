/** The lower end of the neck in the texture: the built-in head's island there is ragged and folded, and is laid out anew as a band. */
import { boundaryLoops, vertexNeighbors } from '../geometry/mesh.js'
import type { Mesh } from '../stages.js'

/** Share of the texture's height that the band gets, and the gap above it. */
const BAND = 0.06
const GAP = 0.008

/**
 * Lays the triangles of `band` out along the lower edge of the texture, by angle about the vertical axis and by how far down the
 * neck they are, and squeezes all others into the rest.
 * @param mesh the mean head
 * @param uv [n, 2] and @param uvIndices [triangles, 3] of the whole layout
 * @param band [triangles] 1 for those of the ragged island
 */
export function layOutBand(
  mesh: Mesh,
  uv: Float32Array,
  uvIndices: Uint32Array,
  band: Uint8Array,
): { uv: Float32Array; uvIndices: Uint32Array } {
  const { positions, indices } = mesh
  const down = heightInBand(mesh, band)
  const values = Array.from(uv, (x, i) => (i % 2 === 0 ? x : x * (1 - BAND - GAP)))
  const corners = uvIndices.slice()
  const rows = new Map<string, number>()
  let [cx, cz, count] = [0, 0, 0]
  for (let c = 0; c < indices.length; c++) {
    if (!band[Math.floor(c / 3)]) continue
    cx += positions[3 * indices[c]]
    cz += positions[3 * indices[c] + 2]
    count++
  }
  // 0..1 from the back round by the subject's right and front
  const turn = (v: number): number =>
    0.5 + Math.atan2(positions[3 * v] - cx / count, positions[3 * v + 2] - cz / count) / (2 * Math.PI)
  for (let t = 0; t < indices.length; t += 3) {
    if (!band[t / 3]) continue
    const turns = [0, 1, 2].map((c) => turn(indices[t + c]))
    const crosses = Math.max(...turns) - Math.min(...turns) > 0.5
    for (let c = 0; c < 3; c++) {
      const v = indices[t + c]
      const u = crosses && turns[c] < 0.5 ? turns[c] + 1 : turns[c]
      const key = `${v} ${u > 1}`
      let row = rows.get(key)
      if (row === undefined) {
        row = values.length / 2
        rows.set(key, row)
        // a seam triangle may reach past one full turn: leave room for it
        values.push(0.01 + (0.98 * u) / 1.12, 1 - BAND + (BAND - 0.006) * (0.02 + 0.96 * down[v]))
      }
      corners[t + c] = row
    }
  }
  return { uv: Float32Array.from(values), uvIndices: corners }
}

/** [vertices] 0 where the band meets the head, about 1 at the rim, in between the mean of the neighbours. */
function heightInBand(mesh: Mesh, band: Uint8Array): Float64Array {
  const n = mesh.positions.length / 3
  const inBand = new Uint8Array(n)
  const inHead = new Uint8Array(n)
  mesh.indices.forEach((v, c) => {
    if (band[Math.floor(c / 3)]) inBand[v] = 1
    else inHead[v] = 1
  })
  const height = new Float64Array(n)
  const fixed = new Uint8Array(n)
  const triangles = new Uint8Array(n)
  for (const v of mesh.indices) triangles[v]++
  // tips stand out, so that triangles with three corners on the rim have an area
  for (const loop of boundaryLoops(mesh))
    for (const v of loop) [height[v], fixed[v]] = [triangles[v] === 1 ? 1 : 0.85, 1]
  for (let v = 0; v < n; v++) if (inHead[v] && inBand[v]) [height[v], fixed[v]] = [0, 1]
  const { start, neighbors } = vertexNeighbors(mesh)
  for (let round = 0; round < 300; round++)
    for (let v = 0; v < n; v++) {
      if (!inBand[v] || fixed[v]) continue
      let [sum, count] = [0, 0]
      for (let i = start[v]; i < start[v + 1]; i++) {
        if (!inBand[neighbors[i]]) continue
        sum += height[neighbors[i]]
        count++
      }
      height[v] = sum / Math.max(1, count)
    }
  return height
}
