/** Repairs of extracted surfaces: only manifold edges, no pin holes. */
import { boundaryLoops, keepLargest, meshEdges, submesh } from '../geometry/mesh.js'
import type { Mesh } from '../stages.js'

/**
 * Drops triangles that meet three or more others at an edge (two sheets that touch), keeps the largest piece, and closes holes
 * of at most `maxLoop` border vertices with a fan about their middle.
 */
export function cleanManifold(mesh: Mesh, maxLoop = 24): Mesh {
  let current = dropBadTriangles(mesh)
  current = keepLargest(current)
  const loops = boundaryLoops(current)
  const positions: number[] = []
  const triangles: number[] = []
  let next = current.positions.length / 3
  // the first loop is the outer border
  for (const loop of loops.slice(1)) {
    if (loop.length > maxLoop || loop.length < 3 || new Set(loop).size < loop.length) continue
    const middle = [0, 0, 0]
    for (const v of loop) for (let k = 0; k < 3; k++) middle[k] += current.positions[v * 3 + k] / loop.length
    positions.push(...middle)
    // the loop runs along its triangles' direction, so the fan runs against it
    for (let i = 0; i < loop.length; i++) triangles.push(loop[(i + 1) % loop.length], loop[i], next)
    next++
  }
  if (triangles.length === 0) return current
  const filled = {
    positions: new Float32Array(next * 3),
    indices: new Uint32Array(current.indices.length + triangles.length),
  }
  filled.positions.set(current.positions)
  filled.positions.set(positions, current.positions.length)
  filled.indices.set(current.indices)
  filled.indices.set(triangles, current.indices.length)
  return filled
}

/** Removes triangles at edges with more than two of them, until there are none. */
function dropBadTriangles(mesh: Mesh): Mesh {
  let current = mesh
  for (;;) {
    const edges = meshEdges(current.indices)
    const keep = new Uint8Array(current.indices.length / 3).fill(1)
    let dropped = 0
    for (let c = 0; c < current.indices.length; c++) {
      const t = Math.floor(c / 3)
      if (edges.valence[edges.ofTriangle[c]] <= 2 || !keep[t]) continue
      keep[t] = 0
      dropped++
    }
    if (dropped === 0) return current
    current = submesh(current, keep).mesh
  }
}
