/**
 * The head's textures from the photo: albedo, what was seen, how far to believe it.
 *
 * A smooth base colour is carried over the mesh from what is seen to what is not. Where the photo is believed, its texels replace
 * the base; elsewhere the difference between texel and base at the mirrored place is added, so that brows, lips and pores of the
 * seen side appear on the other one without an edge. Ears and hair on the scalp, which no photo shows all round, are painted over that.
 */
import { smoothstep } from '../geometry/smoothstep.js'
import { fillBetween, texelRaster } from '../geometry/texels.js'
import { task } from '../threads/task.js'
import { compose, type PaintMesh } from './compose.js'
import { colourEars, earTones } from './ears.js'
import { type BrowPlaces, browColour, growBrows } from './grown-brows.js'
import { type Relight, takeOut } from './light.js'
import { type GreyMap, HAIR, paintRoughness } from './roughness.js'
import type { Scalp } from './scalp.js'
import { seeTexels, seeVertices, type TexelGrid, type TexelSight } from './see.js'
import { Sight, type SightScene } from './sight.js'
import { paintSpecular } from './specular.js'
import { denseOn, grownWhere, growStubble } from './stubble.js'

/** A difference between rendering and photo that costs most of the confidence. */
const DIFFERENT = 0.12

export interface HeadTextures {
  size: number
  /** [size, size, 3] sRGB 0..1, de-lit where a light is known. */
  albedo: Float32Array
  /** [size, size, 3] sRGB 0..1: the photo's own colours, filled in the same way. */
  photo: Float32Array
  /** [size, size] 0..1: how far the texel's colour is the photo's. */
  observed: Float32Array
  /** [size, size] 0..1: the same, less where the rendered face differs from the photo. */
  confidence: Float32Array
  /** Of the skin's surface, of a size of its own. */
  roughness: GreyMap
  /** What it mirrors, as a share of what a dielectric does. */
  specular: GreyMap
}

export interface BrowsInput {
  /** Patches of both sides. */
  sides: readonly BrowPlaces[]
  /** sRGB of the photo's hair, in its light; undefined where it shows none. */
  hair: readonly number[] | undefined
  /** 0 for grey photos. */
  colourful: number
}

interface PaintInput {
  head: PaintMesh
  scene: SightScene
  size: number
  /** Takes the light out of a colour; undefined: the photo's colours are the albedo. */
  relight: Relight | undefined
  /** [crop.size, crop.size] 0..1 difference between the rendering and the photo. */
  residual: Float32Array
  /** [vertices] roughness by place. */
  rough: Float32Array
  /** Hair to be painted on the scalp. */
  scalp?: Scalp | undefined
  /** Brows to be painted where the photo does not show them. */
  brows?: BrowsInput | undefined
  /** How colourful the ears are to be, 0 for grey photos; undefined: like the skin beside them. */
  ears?: number | undefined
}

/** Paints the textures in three passes over one grid of texels: the photo at vertices, at texels, and what goes on from there. */
export function paintHead({
  head,
  scene,
  size,
  relight,
  residual,
  rough,
  scalp,
  brows,
  ears,
}: PaintInput): HeadTextures {
  const grid: TexelGrid = { raster: texelRaster(head.uv, head.uvIndices, size), size }
  const sight = new Sight(scene, footprint(head, scene, size))
  const vertices = seeVertices(head, sight, relight)
  const texels = seeTexels({ head, grid, sight, vertices, relight })
  const cover = scalp && grownWhere(scalp.cover, vertices.photo.weight)
  const matt = cover ? rough.map((r, v) => r + HAIR * cover[v]) : rough
  const roughness = paintRoughness(head, grid, matt, texels, relight)
  const { detail, gains, belief } = texels
  if (vertices.gain) {
    takeOut(detail, gains)
    takeOut(vertices.photo.values, vertices.gain)
  }
  const albedo = compose(head, { ...grid, hidden: cover && denseOn(head.mesh, cover) }, detail, belief, vertices.photo)
  if (ears !== undefined) colourEars(head, grid.raster, belief, earTones(head.mesh, head.parts, ears), albedo)
  if (brows) {
    const hair = brows.hair && albedoOf(brows.hair, relight, scene.trusted)
    growBrows(brows.sides, { size, albedo, belief }, browColour(hair, brows.colourful))
  }
  const colour = scalp && albedoOf(scalp.colour, relight, scene.trusted)
  const observed = belief.slice()
  if (cover && colour) growStubble(head, grid, { cover, colour }, albedo, observed)
  const confidence = confidenceOf({ belief: observed, pixel: texels.pixel }, residual)
  return {
    size,
    albedo,
    photo: finished(head, grid, albedo, gains),
    observed,
    confidence,
    roughness,
    specular: paintSpecular(head, grid),
  }
}

/** Finishes the albedo, in place. @returns the same with its light again: in unseen places the light that spreads there from the seen ones */
function finished(
  head: PaintMesh,
  { size, raster: { triangle } }: TexelGrid,
  albedo: Float32Array,
  gains: Float32Array,
): Float32Array {
  const lit = gains.length > 0 ? albedo.slice() : albedo
  for (let k = 0; k < gains.length; k++) if (gains[k] > 0) lit[k] = Math.min(1, lit[k] / gains[k])
  for (const texture of new Set([albedo, lit])) {
    fillBetween(texture, 3, size, triangle)
    wetEdges(head, triangle, texture)
  }
  return lit
}

/** A colour of the photo without the light that is on the face's skin in the mean. @param trusted [crop.size, crop.size] 1 on skin */
function albedoOf(colour: readonly number[], relight: Relight | undefined, trusted: Float32Array): number[] {
  if (!relight) return [...colour]
  const logs = [0, 0, 0]
  let total = 0
  for (let i = 0; i < trusted.length; i++) {
    if (!trusted[i]) continue
    total++
    for (let k = 0; k < 3; k++) logs[k] += Math.log(relight.gains[3 * i + k])
  }
  return colour.map((c, k) => Math.min(1, c * Math.exp(logs[k] / Math.max(1, total))))
}

/** [texels] belief, less where the rendered face differs from the photo. @param residual [crop, crop] */
function confidenceOf({ belief, pixel }: Pick<TexelSight, 'belief' | 'pixel'>, residual: Float32Array): Float32Array {
  return belief.map((b, i) => (b > 0 ? b * Math.exp(-((residual[pixel[i]] / DIFFERENT) ** 2)) : 0))
}

export const PAINT_HEAD = task(import.meta.url, paintHead)

/** Skin's colour times this is that of the wet edges of lids and lips. */
const WET = [0.98, 0.72, 0.68] as const
const WET_GREY = 0.8

/** Makes what the skin's colour goes on to in openings redder, as far as it has colour, in place. @param triangle [size, size] of each texel */
function wetEdges({ removed }: PaintMesh, triangle: Int32Array, colours: Float32Array): void {
  for (let i = 0; i < triangle.length; i++) {
    if (triangle[i] < 0 || !removed[triangle[i]]) continue
    const [r, , b] = colours.subarray(3 * i, 3 * i + 3)
    const colourful = smoothstep(0.02, 0.1, r - b)
    for (let k = 0; k < 3; k++) colours[3 * i + k] *= WET_GREY + colourful * (WET[k] - WET_GREY)
  }
}

/** Photo pixels across a texel of a texture of `size`: the median over the face's triangles. */
export function footprint(
  { mesh, uv, uvIndices, faceRegion }: Pick<PaintMesh, 'mesh' | 'uv' | 'uvIndices' | 'faceRegion'>,
  { camera, crop }: Pick<SightScene, 'camera' | 'crop'>,
  size: number,
): number {
  const { positions: p, indices } = mesh
  const { headToCamera: m } = camera
  const ratios: number[] = []
  // a sample of the triangles will do
  for (let t = 0; t < faceRegion.length; t += 16) {
    if (!faceRegion[t]) continue
    const [a, b, c] = indices.subarray(3 * t, 3 * t + 3)
    const [u, v, w] = uvIndices.subarray(3 * t, 3 * t + 3)
    const texture =
      Math.abs(
        (uv[2 * v] - uv[2 * u]) * (uv[2 * w + 1] - uv[2 * u + 1]) -
          (uv[2 * v + 1] - uv[2 * u + 1]) * (uv[2 * w] - uv[2 * u]),
      ) *
      size ** 2
    const edge = (i: number, j: number): number[] => [0, 1, 2].map((k) => p[3 * j + k] - p[3 * i + k])
    const [d, e] = [edge(a, b), edge(a, c)]
    const area = Math.hypot(d[1] * e[2] - d[2] * e[1], d[2] * e[0] - d[0] * e[2], d[0] * e[1] - d[1] * e[0])
    const z = m[8] * p[3 * a] + m[9] * p[3 * a + 1] + m[10] * p[3 * a + 2] + m[11]
    if (texture > 0) ratios.push(Math.sqrt(area / texture) * (camera.fx / z))
  }
  ratios.sort((x, y) => x - y)
  return Math.max(crop.width / 4096, ratios[ratios.length >> 1] ?? 1)
}
