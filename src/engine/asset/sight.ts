/**
 * What the photo tells of each point of the head: its colour, and how far that colour is to be believed. Doubtful are parts seen
 * at a flat angle, at the outline (where the background begins a little sooner or later than the fit says), behind something
 * else, and under hair or clothes.
 */
import { cropCamera, scaleCamera, transformDirections, transformPoints } from '../geometry/camera.js'
import { isHidden, rasterize } from '../geometry/rasterize.js'
import { smoothstep } from '../geometry/smoothstep.js'
import { gaussianBlur, sampleBilinear } from '../image/filter.js'
import { type Picture, resampleBox } from '../image/picture.js'
import type { Camera, Crop, Mesh, Photo } from '../stages.js'
import { skinLikeness } from './skin.js'

/** Pixels along a side of the depth picture that visibility is looked up in. */
const DEPTH_SIZE = 768
/** Points this far behind the front are hidden, metres. */
const HIDDEN = 0.002
/** Steps in depth beyond this are outlines, metres. */
const OUTLINE = 0.012
/** From the outline inwards, as shares of the crop: colours are not believed, then more and more. */
const BLIND = 0.015
const CLEAR = 0.05
const INNER = 0.12
/** Cosines between line of sight and normal: not believed, fully believed. */
const FLAT = 0.1
const STEEP = 0.4
/** How much steeper parts beyond the face must be seen, whose shape is only the head model's. */
const BEYOND = 0.3
/** About open eyes, lashes and the rims' shadow: how soft their border is, as a share of the crop, and how much of an eye is none, and too much. */
const LASHES = 0.006
const EYE = [0.02, 0.15] as const
/** How far from glasses belief is doubtful for their sake, as a share of the crop, and how much of them that takes. */
const RIM = 0.016
const RIMMED = 0.1

export interface SightScene {
  photo: Photo
  camera: Camera
  crop: Crop
  /** The whole head as it is in the photo. */
  mesh: Mesh
  /** [crop.size, crop.size] 1 on the face region. */
  mask: Uint8Array
  /** [crop.size, crop.size] 1 where the photo shows bare skin of the face. */
  trusted: Float32Array
  /** [crop.size, crop.size] 1 where it shows the face's own colours, those of a beard too. */
  uncovered: Float32Array
  /** [crop.size, crop.size] 0..1 where it shows a beard, which looks like no skin. */
  beard: Float32Array
  /** [crop.size, crop.size] 1 where the photo shows nothing of the head: covered, burnt out, or beyond its border. */
  spoilt: Float32Array
  /** [crop.size, crop.size] 0..1 where the photo shows the ball of an open eye. */
  openEyes: Float32Array
  /** [crop.size, crop.size] 0..1 where it shows glasses. */
  glasses: Float32Array
  /** [crop.size, crop.size, 3] sRGB of the crop, without its light where that is known: skin is told from the rest by it. */
  image: Float32Array
}

/** What is seen of a point. */
export interface Seen {
  /** sRGB 0..1 */
  colour: [number, number, number]
  /** 0..1 how far the colour is that of the point */
  belief: number
  /** Crop pixels. */
  x: number
  y: number
  visible: boolean
  /** Whether glasses hide it, or skin beside it. */
  glasses: boolean
}

/** Answers for points of the head. */
export class Sight {
  private readonly window: Window
  private readonly depth: Float32Array
  private readonly clear: Float32Array
  private readonly uncovered: Float32Array
  private readonly shown: Float32Array
  private readonly likeness: Float32Array
  private readonly rims: Float32Array
  private readonly depthScale: number
  /** Sees the crop. */
  readonly view: Camera

  /**
   * @param footprint photo pixels across a texel: finer pictures are averaged first
   */
  constructor(
    private readonly scene: SightScene,
    footprint: number,
  ) {
    const { photo, camera, crop, mesh, mask, trusted, uncovered, beard, spoilt, openEyes, glasses, image } = scene
    const { size } = crop
    this.window = windowOf(photo, crop, footprint)
    this.depthScale = DEPTH_SIZE / size
    this.view = cropCamera(camera, crop)
    const fine = scaleCamera(this.view, this.depthScale)
    this.depth = rasterize(mesh, fine).depth
    this.clear = outlineDistance(this.depth, DEPTH_SIZE)
    const like = skinLikeness(image, trusted, size)
    this.likeness = like.map((l, i) => Math.max(l, beard[i] * uncovered[i]))
    // hair and clothes are what the mask has and the face lacks; eyes and mouth are given back by `opening`
    this.uncovered = gaussianBlur(
      uncovered.map((u, i) => (mask[i] ? u : 1)),
      size,
      size,
      1,
      size / 100,
    )
    this.rims = gaussianBlur(glasses, size, size, 1, RIM * size)
    const spoiled = gaussianBlur(spoilt, size, size, 1, size / 100)
    const eyes = gaussianBlur(openEyes, size, size, 1, Math.max(1, LASHES * size))
    this.shown = spoiled.map((s, i) => (1 - smoothstep(0, 0.5, s)) * (1 - smoothstep(EYE[0], EYE[1], eyes[i])))
  }

  /** Crop pixels along a side. */
  get size(): number {
    return this.scene.crop.size
  }

  /** Points and normals [n, 3] of the head frame in the camera's, for `at`. */
  inCamera(points: Float32Array, normals: Float32Array): { points: Float32Array; normals: Float32Array } {
    const m = this.view.headToCamera
    return {
      points: transformPoints(m, points, new Float32Array(points.length)),
      normals: transformDirections(m, normals, new Float32Array(normals.length)),
    }
  }

  /**
   * Looks at the point of row `row` of camera-frame points and normals. Writes to `out`.
   * @param face 0..1 how far the point belongs to the face region
   * @param opening 0..1 how near it is to an eye or the mouth
   */
  at(points: Float32Array, normals: Float32Array, row: number, face: number, opening: number, out: Seen): void {
    const { view, depthScale, window, scene } = this
    const { size } = scene.crop
    const px = points[3 * row]
    const py = points[3 * row + 1]
    const pz = points[3 * row + 2]
    const nx = normals[3 * row]
    const ny = normals[3 * row + 1]
    const nz = normals[3 * row + 2]
    out.belief = 0
    out.visible = false
    out.glasses = false
    const x = (view.fx * px) / pz + view.cx
    const y = (view.fy * py) / pz + view.cy
    out.x = x
    out.y = y
    const lengths = Math.sqrt((px * px + py * py + pz * pz) * (nx * nx + ny * ny + nz * nz))
    const cos = -(nx * px + ny * py + nz * pz) / lengths
    if (!(cos > 0 && x > 1 && y > 1 && x < size - 1 && y < size - 1)) return
    const dx = x * depthScale
    const dy = y * depthScale
    out.visible = !isHidden(this.depth, DEPTH_SIZE, dx, dy, pz, HIDDEN)
    if (!out.visible) return
    const o = Math.floor(dy) * DEPTH_SIZE + Math.floor(dx)
    const u = ((x / size) * scene.crop.width + scene.crop.x - window.x) * window.scale
    const v = ((y / size) * scene.crop.height + scene.crop.y - window.y) * window.scale
    sampleBilinear(window.data, window.width, window.height, 3, u, v, out.colour)
    for (let k = 0; k < 3; k++) out.colour[k] /= 255
    const pixel = Math.floor(y) * size + Math.floor(x)
    out.glasses = this.rims[pixel] > RIMMED
    const outline = smoothstep(BLIND, CLEAR, this.clear[o] / DEPTH_SIZE)
    // what is near an eye and no skin may be lashes, but not beside glasses
    const skin = Math.max(this.uncovered[pixel], opening * (1 - smoothstep(0, RIMMED, this.rims[pixel])))
    // the fitted outline may be off by more than `CLEAR`: up to `INNER`, only what looks like skin is believed
    const inner = Math.max(smoothstep(CLEAR, INNER, this.clear[o] / DEPTH_SIZE), opening)
    const likely = inner + (1 - inner) * this.likeness[pixel]
    const known = face * smoothstep(0.5, 1, skin) * likely + (1 - face) * this.likeness[pixel]
    const beyond = BEYOND * (1 - face)
    out.belief = smoothstep(FLAT + beyond, STEEP + beyond, cos) * outline * known * this.shown[pixel]
  }
}

/** A part of the photo: pixel (u, v) of it lies at photo pixel (x + u / scale, y + v / scale). */
interface Window extends Picture {
  x: number
  y: number
  scale: number
}

/** The photo itself, or where texels are coarser than its pixels, the crop averaged down to texels. */
function windowOf(photo: Photo, crop: Crop, footprint: number): Window {
  if (footprint <= 1) return { ...photo, x: 0, y: 0, scale: 1 }
  const side = Math.max(2, Math.round(crop.width / footprint))
  return { ...resampleBox(photo, crop, side, side), x: crop.x, y: crop.y, scale: side / crop.width }
}

/** [size, size] pixels from each pixel to the nearest one off the mesh or at a step of depth (two passes, chamfer 3-4). */
function outlineDistance(depth: Float32Array, size: number): Float32Array {
  const far = 1e6
  const d = new Float32Array(size * size).fill(far)
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const i = y * size + x
      const z = depth[i]
      const edge =
        Number.isNaN(z) ||
        (x > 0 && Math.abs(z - depth[i - 1]) > OUTLINE) ||
        (y > 0 && Math.abs(z - depth[i - size]) > OUTLINE)
      if (edge) d[i] = 0
    }
  const relax = (i: number, j: number, step: number): void => {
    if (d[j] + step < d[i]) d[i] = d[j] + step
  }
  const diagonal = 4 / 3
  for (let y = 1; y < size; y++)
    for (let x = 1; x < size - 1; x++) {
      const i = y * size + x
      relax(i, i - 1, 1)
      relax(i, i - size, 1)
      relax(i, i - size - 1, diagonal)
      relax(i, i - size + 1, diagonal)
    }
  for (let y = size - 2; y >= 0; y--)
    for (let x = size - 2; x > 0; x--) {
      const i = y * size + x
      relax(i, i + 1, 1)
      relax(i, i + size, 1)
      relax(i, i + size + 1, diagonal)
      relax(i, i + size - 1, diagonal)
    }
  return d
}
