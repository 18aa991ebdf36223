/** Renders a planned portrait: the mesh with its relief, the photo, and the exact truth of what its camera sees. */

import { LEFT_IRIS, RIGHT_IRIS } from '../evidence/layouts.js'
import { cameraCenter, scaleCamera } from '../geometry/camera.js'
import { joinMeshes, meshEdges } from '../geometry/mesh.js'
import { vertexNormals } from '../geometry/normals.js'
import { type Raster, rasterize, rasterNormals } from '../geometry/rasterize.js'
import { Rng } from '../geometry/rng.js'
import { embeddedPoints } from '../head/embedding.js'
import { posedMesh } from '../head/fit-mesh.js'
import { paintInside } from '../image/mouth-colours.js'
import { HEAD_PARTS, type HeadModel, type Mesh } from '../stages.js'
import { chartLandmarks, chartLipContact } from './chart.js'
import { engraveCreases } from './creases.js'
import { hairDepth } from './hair.js'
import { buildHead, type FineHead, INSIDE } from './head-mesh.js'
import { fillBetween, type Received, receiveLight, scatter } from './irradiance.js'
import { scatterMarks } from './marks.js'
import { openingsOf, type Regions } from './openings.js'
import { type Look, Painter } from './paint.js'
import { exposure, takePhoto } from './photo.js'
import type { PortraitPlan } from './plan.js'
import { postureOf } from './posture.js'
import { backdrop, cloth, neckOf, shirt } from './props.js'
import { applyRelief } from './relief.js'
import { scan } from './scan.js'
import { addReflection, diffuseLight, type SurfacePoint } from './shade.js'

/** Samples a side of a pixel. */
const SUPERSAMPLING = 2
/** One vertex in so many of the face casts rays. */
const SPARSE = 8

export interface Portrait {
  plan: PortraitPlan
  /** The photo as a JPEG file. */
  photo: Uint8Array
  /** Skin, hair and eyes as scanners see them, head frame, metres. */
  mesh: Mesh
  /** [size, size] metres along the optical axis, NaN off the head. */
  depth: Float32Array
  /** [size, size, 3] camera frame, 0 off the head. */
  normals: Float32Array
  /** [size, size] 1 on the face's bare skin. */
  mask: Uint8Array
  /** [size, size, 3] linear albedo of the head, 0 off it. */
  albedo: Float32Array
  /** Edges of mouth and lids. */
  regions: Regions
}

/** The geometry alone: what `renderPortrait` draws. */
export function buildGeometry(model: HeadModel, plan: PortraitPlan): { head: FineHead; painter: Painter } {
  const rng = new Rng(plan.seed ^ 0x5eed)
  const landmarks = chartLandmarks(model)
  const creases = engraveCreases(landmarks, plan.relief, rng.fork())
  const marks = scatterMarks(plan, rng.fork())
  const posed = posedMesh(model, plan.identity, plan.expression).positions
  const posture = postureOf(model, posed)
  const lipContact = posture.mouthOpen ? chartLipContact(model) : []
  const painter = new Painter({ plan, posture, landmarks, lipContact, marks, rng: rng.fork() })
  // About one vertex a pixel, but never coarser than creases need.
  const pixel = plan.camera.headToCamera[11] / plan.camera.fx
  const face = Math.min(0.001, Math.max(0.00055, 1.7 * pixel))
  const head = buildHead(model, posed, posture.mouthOpen, plan, { face, elsewhere: 0.003 })
  applyRelief(head, plan, creases, marks, painter.lips)
  return { head, painter }
}

export async function renderPortrait(model: HeadModel, plan: PortraitPlan): Promise<Portrait> {
  const { head, painter } = buildGeometry(model, plan)
  const { camera } = plan
  const shirtMesh = shirt(neckOf(head), plan.photoSeed)
  const scene = joinMeshes(head.mesh, shirtMesh)
  const normals = vertexNormals(scene)
  const raster = rasterize(scene, scaleCamera(camera, SUPERSAMPLING), { cull: 'none' })
  const light = await lightVertices(scene, normals, raster, head, plan)
  const irises = embeddedPoints(model.mean, model.indices, model.landmarks478)
  const eyes = [RIGHT_IRIS[0], LEFT_IRIS[0]].map((i) => irises.subarray(3 * i, 3 * i + 3))
  const { colour, albedo, meanAlbedo, luminances } = shadeSamples({
    scene,
    normals,
    raster,
    head,
    painter,
    light,
    eyes,
    plan,
  })
  const gain = exposure(luminances, meanAlbedo)
  const linear = resolve(colour, raster, plan, gain)
  const truth = truthMaps(head, scene, plan)
  return {
    plan,
    photo: await takePhoto(linear, plan.photo, plan.photoSeed + 1),
    mesh: scan(head.mesh, camera, (t) => head.parts[t] < INSIDE),
    ...truth,
    albedo: resolveAlbedo(albedo, raster, head.mesh.indices.length / 3, plan.photo.size),
    regions: openingsOf(model, head.mesh.positions, camera, truth.depth, plan.expressionName),
  }
}

/** What an exact camera sees of the head, also behind the shirt; the mask has only what the photo shows of the face. */
function truthMaps(head: FineHead, scene: Mesh, plan: PortraitPlan): Pick<Portrait, 'depth' | 'normals' | 'mask'> {
  const { camera } = plan
  const skin = underHair(head, plan).map((hair, t) => (head.faceRegion[t] && !hair ? 1 : 0))
  const raster = rasterize(head.mesh, camera)
  const shown = rasterize(scene, camera, { cull: 'none' }).triangle
  const mask = Uint8Array.from(raster.triangle, (t, i) => (t >= 0 && shown[i] === t ? skin[t] : 0))
  return { depth: raster.depth, normals: rasterNormals(raster, head.mesh, camera), mask }
}

/** [triangles] 1 where hair covers the skull. */
function underHair({ mesh, canonical, parts }: FineHead, plan: PortraitPlan): Uint8Array {
  return parts.map((part, t) => {
    if (part === HEAD_PARTS.ear || part === HEAD_PARTS.eyeball || part === HEAD_PARTS.mouth || part >= INSIDE) return 0
    const v = 3 * mesh.indices[3 * t]
    const [x, y, z] = canonical.subarray(v, v + 3)
    return hairDepth(1000 * x, 1000 * y, 1000 * z, plan) > 0 ? 1 : 0
  })
}

interface VertexLight extends Received {
  /** [vertices, 3] */
  diffuse: Float32Array
}

/** Light at the vertices that the camera sees. Rays are cast from some of them; the rest are between. */
async function lightVertices(
  scene: Mesh,
  normals: Float32Array,
  raster: Raster,
  head: FineHead,
  plan: PortraitPlan,
): Promise<VertexLight> {
  const count = scene.positions.length / 3
  const seen = new Uint8Array(count)
  for (const t of raster.triangle) if (t >= 0) for (let k = 0; k < 3; k++) seen[scene.indices[3 * t + k]] = 1
  const headVertices = head.face.length
  const sparse = seen.map((s, v) => (s && (v >= headVertices || head.face[v] === 0 || v % SPARSE === 0) ? 1 : 0))
  const received = receiveLight({
    mesh: scene,
    normals,
    wanted: sparse,
    cavity: insideOf(head),
    light: plan.light,
    seed: plan.photoSeed,
  })
  const edges = meshEdges(scene.indices)
  fillBetween(received.lamps, plan.light.lamps.length, edges, sparse)
  fillBetween(received.room, 12, edges, sparse)
  const diffuse = diffuseLight(scene, normals, plan.light, received)
  scatter(diffuse, scene.positions, edges)
  return { ...received, diffuse }
}

/** [vertices] 1 inside the mouth. */
function insideOf({ mesh, parts }: FineHead): Uint8Array {
  const out = new Uint8Array(mesh.positions.length / 3)
  mesh.indices.forEach((v, i) => {
    if (parts[Math.floor(i / 3)] >= INSIDE) out[v] = 1
  })
  return out
}

interface PaintedScene {
  /** Head and clothes; the head's triangles come first. */
  scene: Mesh
  /** [vertices, 3] of the scene. */
  normals: Float32Array
  raster: Raster
  head: FineHead
  painter: Painter
  light: VertexLight
  /** Middles of the right and the left iris of the mean head, metres. */
  eyes: Float64Array[]
  plan: PortraitPlan
}

/** Colours and albedos [samples, 3] of everything the raster sees, and the brightness of the face for the exposure. */
function shadeSamples({ scene, normals, raster, head, painter, light, eyes, plan }: PaintedScene): {
  colour: Float32Array
  albedo: Float32Array
  meanAlbedo: number
  luminances: Float32Array
} {
  const { indices, positions } = scene
  const { triangle, barycentric } = raster
  const lampCount = plan.light.lamps.length
  const headTriangles = head.parts.length
  const centre = cameraCenter(plan.camera)
  const colour = new Float32Array(triangle.length * 3)
  const albedo = new Float32Array(triangle.length * 3)
  const look: Look = { albedo: [0, 0, 0], sheen: 0 }
  const point: SurfacePoint = {
    position: new Float64Array(3),
    normal: new Float64Array(3),
    view: new Float64Array(3),
    lamps: new Float64Array(lampCount),
    open: 1,
  }
  const place = new Float64Array(3)
  const owner = { melanin: plan.complexion.melanin, age: plan.age, seed: plan.seed }
  const out = [0, 0, 0]
  const luminances: number[] = []
  let [albedoSum, albedoCount] = [0, 0]
  for (let o = 0; o < triangle.length; o++) {
    const t = triangle[o]
    if (t < 0) continue
    const weights = [barycentric[3 * o], barycentric[3 * o + 1], barycentric[3 * o + 2]]
    const corners = [indices[3 * t], indices[3 * t + 1], indices[3 * t + 2]]
    const blend = (values: Float32Array, dims: number, into: Float64Array, count: number): void => {
      for (let k = 0; k < count; k++)
        into[k] =
          weights[0] * values[corners[0] * dims + k] +
          weights[1] * values[corners[1] * dims + k] +
          weights[2] * values[corners[2] * dims + k]
    }
    blend(positions, 3, point.position, 3)
    blend(normals, 3, point.normal, 3)
    blend(light.lamps, lampCount, point.lamps, lampCount)
    normalise(point.normal)
    for (let k = 0; k < 3; k++) point.view[k] = centre[k] - point.position[k]
    normalise(point.view)
    point.open = openness(light.room, corners, plan.light.room)
    let wet = false
    if (t < headTriangles) {
      blend(head.canonical, 3, place, 3)
      const part = head.parts[t]
      if (part === HEAD_PARTS.eyeball) {
        const eye = eyes[place[0] < 0 ? 0 : 1]
        const [dx, dy, dz] = [0, 1, 2].map((k) => 1000 * (place[k] - eye[k]))
        painter.eye(Math.hypot(dx, dy, dz), Math.atan2(dy, dx), look)
        wet = true
      } else if (part >= INSIDE) {
        const crown = corners.reduce((sum, v, k) => sum + weights[k] * head.crown[v], 0)
        paintInside(part - INSIDE, crown, place, owner, look)
      } else if (part === HEAD_PARTS.mouth) painter.mouth(look)
      else painter.skin(place[0], place[1], place[2], part === HEAD_PARTS.ear, look)
    } else {
      cloth(point.position, plan.photo.shirt, plan.photoSeed, look.albedo)
      look.sheen = 0.03
    }
    for (let c = 0; c < 3; c++) {
      let arriving = 0
      for (let k = 0; k < 3; k++) arriving += weights[k] * light.diffuse[3 * corners[k] + c]
      out[c] = arriving * look.albedo[c]
      albedo[3 * o + c] = look.albedo[c]
    }
    addReflection(point, plan.light, look.sheen, wet, out)
    for (let c = 0; c < 3; c++) colour[3 * o + c] = out[c]
    if (t < headTriangles && head.faceRegion[t] && o % 7 === 0) {
      luminances.push((out[0] + out[1] + out[2]) / 3)
      albedoSum += (look.albedo[0] + look.albedo[1] + look.albedo[2]) / 3
      albedoCount++
    }
  }
  return { colour, albedo, meanAlbedo: albedoSum / Math.max(1, albedoCount), luminances: Float32Array.from(luminances) }
}

/** Green of the room's light that arrives, over that of a room without obstacles. */
function openness(room: Float32Array, corners: number[], whole: Float64Array): number {
  let sum = 0
  for (const v of corners) sum += room[v * 12 + 4] / 3
  return Math.min(1, Math.max(0, (sum / Math.max(1e-6, whole[1]) - 0.25) / 0.75))
}

function normalise(v: Float64Array): void {
  const length = Math.hypot(v[0], v[1], v[2]) || 1
  for (let k = 0; k < 3; k++) v[k] /= length
}

/** Exposed samples averaged to pixels, with the room behind. */
function resolve(colour: Float32Array, raster: Raster, plan: PortraitPlan, gain: number): Float32Array {
  const { size } = plan.photo
  const s = SUPERSAMPLING
  const out = new Float32Array(size * size * 3)
  const behind = [0, 0, 0]
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      backdrop((x + 0.5) / size, (y + 0.5) / size, plan.photo, behind)
      const i = 3 * (y * size + x)
      for (let k = 0; k < s * s; k++) {
        const o = (y * s + Math.floor(k / s)) * raster.width + x * s + (k % s)
        for (let c = 0; c < 3; c++)
          out[i + c] += (raster.triangle[o] >= 0 ? Math.min(4, gain * colour[3 * o + c]) : behind[c]) / (s * s)
      }
    }
  return out
}

/** [size, size, 3] mean linear albedo of the head's samples in each pixel, 0 where there are none. */
function resolveAlbedo(albedo: Float32Array, raster: Raster, headTriangles: number, size: number): Float32Array {
  const s = SUPERSAMPLING
  const out = new Float32Array(size * size * 3)
  for (let i = 0; i < size * size; i++) {
    let count = 0
    for (let k = 0; k < s * s; k++) {
      const o = (Math.floor(i / size) * s + Math.floor(k / s)) * raster.width + (i % size) * s + (k % s)
      if (raster.triangle[o] < 0 || raster.triangle[o] >= headTriangles) continue
      count++
      for (let c = 0; c < 3; c++) out[3 * i + c] += albedo[3 * o + c]
    }
    for (let c = 0; c < 3; c++) if (count > 0) out[3 * i + c] /= count
  }
  return out
}
