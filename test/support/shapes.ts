/** Analytic shapes and cameras for geometry tests. */
import type { Camera, Mesh } from '../../src/engine/stages.js'

/** Latitude-longitude sphere, counter-clockwise seen from outside. */
export function sphereMesh(radius: number, rows: number, columns: number, center = [0, 0, 0]): Mesh {
  const positions: number[] = []
  const indices: number[] = []
  const push = (theta: number, phi: number) => {
    const s = Math.sin(theta)
    positions.push(
      center[0] + radius * s * Math.sin(phi),
      center[1] + radius * Math.cos(theta),
      center[2] + radius * s * Math.cos(phi),
    )
  }
  push(0, 0)
  for (let i = 1; i < rows; i++)
    for (let j = 0; j < columns; j++) push((Math.PI * i) / rows, (2 * Math.PI * j) / columns)
  push(Math.PI, 0)
  const last = positions.length / 3 - 1
  const at = (i: number, j: number) => 1 + (i - 1) * columns + (j % columns)
  for (let j = 0; j < columns; j++) {
    indices.push(0, at(1, j), at(1, j + 1))
    for (let i = 1; i < rows - 1; i++) {
      indices.push(at(i, j), at(i + 1, j), at(i + 1, j + 1))
      indices.push(at(i, j), at(i + 1, j + 1), at(i, j + 1))
    }
    indices.push(at(rows - 1, j), last, at(rows - 1, j + 1))
  }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) }
}

/** Flat grid of n x n quads of side `side` in the plane z = 0, facing +z. */
export function gridMesh(side: number, n: number): Mesh {
  const positions: number[] = []
  const indices: number[] = []
  for (let j = 0; j <= n; j++)
    for (let i = 0; i <= n; i++) positions.push((i / n - 0.5) * side, (j / n - 0.5) * side, 0)
  for (let j = 0; j < n; j++)
    for (let i = 0; i < n; i++) {
      const a = j * (n + 1) + i
      indices.push(a, a + 1, a + n + 2, a, a + n + 2, a + n + 1)
    }
  return { positions: Float32Array.from(positions), indices: Uint32Array.from(indices) }
}

/** Camera in front of the head (on +Z, looking along -Z), turned by `yaw` about Y; `distance` metres from the origin. */
export function frontCamera(size: number, focal: number, distance: number, yaw = 0): Camera {
  const c = Math.cos(yaw)
  const s = Math.sin(yaw)
  return {
    width: size,
    height: size,
    fx: focal,
    fy: focal,
    cx: size / 2,
    cy: size / 2,
    headToCamera: Float64Array.of(c, 0, s, 0, 0, -1, 0, 0, s, 0, -c, distance, 0, 0, 0, 1),
  }
}
