/**
 * Skin that lies in folds in the photo: of open lids, beside a smile. A face at rest with its eyes shut shows it; what the photo shows in its
 * place and along its border is the fold's dark line.
 */
import { project, scaleCamera } from '../geometry/camera.js'
import { edgeDistance } from '../geometry/edge-distance.js'
import { triangleNormals } from '../geometry/normals.js'
import { isHidden, rasterize } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import type { Camera, Mesh } from '../stages.js'

/** Skin that is larger at rest by the first factor is still the photo's; by the second, not at all. */
const STRETCH = [1.6, 3] as const
/** Pixels along a side of the pictures that skin is hidden in, and this far behind the front it is, metres. */
const SIZE = 768
const HIDDEN = 0.0007
/** A fold's line is so wide: from its edge on the photo is not believed, then more and more, metres. */
const LINE = 0.002
const BESIDE = 0.008
/** Nearer to eyes and mouth than by this value of `opening` lids and lips hide each other: these are no folds. */
const RIMS = 0.8

export interface FoldScene {
  /** The fitted head in the photo's expression; and its vertices at rest with eyes shut, [vertices, 3]. Head frame, metres. */
  mesh: Mesh
  rest: Float32Array
  /** That sees the crop, and pixels along its side. */
  view: Camera
  size: number
  /** [vertices] 0..1: of the face region; how near eyes and mouth are. */
  face: ArrayLike<number>
  opening: ArrayLike<number>
}

/** @returns [vertices] 1 on skin that can be read from the photo, 0 on what is folded away and along the fold's line */
export function unfoldedSkin({ mesh, rest, view, size, face, opening }: FoldScene): Float32Array {
  const { indices } = mesh
  const fine = scaleCamera(view, SIZE / size)
  const [now, then] = [mesh.positions, rest].map((positions) => {
    const posed = { positions, indices }
    return { area: areaAbout(posed), hidden: hiddenVertices(posed, fine) }
  })
  const folded = Uint8Array.from(now.hidden, (hidden, v) =>
    hidden && !then.hidden[v] && face[v] > 0.5 && opening[v] < RIMS ? 1 : 0,
  )
  return edgeDistance(mesh, folded, BESIDE).map(
    (d, v) =>
      smoothstep(LINE, BESIDE, d) *
      (1 - smoothstep(STRETCH[0], STRETCH[1], then.area[v] / Math.max(1e-12, now.area[v]))),
  )
}

/** [vertices] 1 where something else is seen in the vertex's place. */
function hiddenVertices(mesh: Mesh, camera: Camera): Uint8Array {
  const { depth } = rasterize(mesh, camera)
  const uvz = project(camera, mesh.positions)
  const out = new Uint8Array(uvz.length / 3)
  for (let v = 0; v < out.length; v++) {
    const x = uvz[3 * v]
    const y = uvz[3 * v + 1]
    const z = uvz[3 * v + 2]
    const within = x >= 0 && y >= 0 && x < camera.width && y < camera.height
    if (within && isHidden(depth, camera.width, x, y, z, HIDDEN)) out[v] = 1
  }
  return out
}

/** [vertices] the area of the triangles at each, square metres. */
function areaAbout(mesh: Mesh): Float32Array {
  const areas = new Float32Array(mesh.indices.length / 3)
  triangleNormals(mesh, areas)
  const out = new Float32Array(mesh.positions.length / 3)
  for (let t = 0; t < areas.length; t++) for (let c = 3 * t; c < 3 * t + 3; c++) out[mesh.indices[c]] += areas[t]
  return out
}
