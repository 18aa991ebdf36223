/** The head asset: topology, texture layout, projection, maps, painting, shape keys, metric size. */
import { generateTangents } from 'mikktspace'
import { beforeAll, describe, expect, test } from 'vitest'
import { JAW_OPEN } from '../../../src/engine/asset/arkit.js'
import { KeyMaker, type KeyPose, modelPoses, SkinMover } from '../../../src/engine/asset/keys.js'
import { mirrorUv } from '../../../src/engine/asset/mirror.js'
import { mouthGap, mouthOf } from '../../../src/engine/asset/mouth.js'
import { paintHead } from '../../../src/engine/asset/paint.js'
import { cameraCenter, cropCamera } from '../../../src/engine/geometry/camera.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import { boundaryLoops, connectedComponents, gather } from '../../../src/engine/geometry/mesh.js'
import { triangleNormals, vertexNormals } from '../../../src/engine/geometry/normals.js'
import { interpolate, rasterize, rasterNormals } from '../../../src/engine/geometry/rasterize.js'
import { applyRows, refine } from '../../../src/engine/geometry/refine.js'
import { splitSeams } from '../../../src/engine/geometry/seams.js'
import { vertexTangents } from '../../../src/engine/geometry/tangents.js'
import { texelRaster } from '../../../src/engine/geometry/texels.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { interpupillaryDistance, metricFit } from '../../../src/engine/head/metric.js'
import { sampleBilinear } from '../../../src/engine/image/filter.js'
import { mappedNormals } from '../../../src/engine/image/normal-map.js'
import { type Crop, HEAD_PARTS, type Photo } from '../../../src/engine/stages.js'
import { type BakeMesh, bakeDetail } from '../../../src/engine/surface/bake.js'
import { evenSurface } from '../../../src/engine/surface/even-surface.js'
import { toField } from '../../../src/engine/surface/field.js'
import { type HeadMesh, ride, settleHead } from '../../../src/engine/surface/head-mesh.js'
import { headMeshOf, headTopology } from '../../../src/engine/surface/head-topology.js'
import { uvArea } from '../../../src/engine/surface/uv-layout.js'
import { edgeStatistics } from '../../support/edge-statistics.js'
import { gridMesh } from '../../support/shapes.js'
import { type AssetScene, assetScene } from './asset-fixture.js'

let scene: AssetScene
const heads: HeadMesh[] = []
beforeAll(async () => {
  scene = await assetScene()
  for (const level of [0, 1]) heads.push(await settleHead(scene.fit, headTopology(scene.fit.model, level), scene.field))
})

/** Angles of all triangles, degrees, and their areas. */
function smallestAngles(positions: Float32Array, indices: Uint32Array): Float64Array {
  const angles = new Float64Array(indices.length / 3)
  for (let t = 0; t < indices.length; t += 3) {
    const p = [0, 1, 2].map((c) => positions.subarray(3 * indices[t + c], 3 * indices[t + c] + 3))
    const side = (a: number, b: number): number => Math.hypot(...[0, 1, 2].map((k) => p[a][k] - p[b][k]))
    const [a, b, c] = [side(1, 2), side(2, 0), side(0, 1)].sort((x, y) => x - y)
    angles[t / 3] = (Math.acos(Math.min(1, (b * b + c * c - a * a) / (2 * b * c))) * 180) / Math.PI
  }
  return angles.sort()
}

describe('refinement', () => {
  test('quarters the part, cuts its neighbours, and leaves no gap', () => {
    const grid = gridMesh(1, 8)
    const mask = Uint8Array.from({ length: grid.indices.length / 3 }, (_, t) => {
      const [x, y] = [grid.positions[3 * grid.indices[3 * t]], grid.positions[3 * grid.indices[3 * t] + 1]]
      return Math.hypot(x, y) < 0.3 ? 1 : 0
    })
    const step = refine(grid.indices, grid.positions.length / 3, mask)
    const mesh = { positions: applyRows(step.rows, grid.positions, 3), indices: step.indices }
    const before = edgeStatistics(grid)
    const after = edgeStatistics(mesh)
    expect([after.badEdges, after.boundaryEdges]).toEqual([0, before.boundaryEdges])
    const part = mask.reduce((a, b) => a + b, 0)
    expect(part).toBeGreaterThan(5)
    expect(step.parents.filter((t) => mask[t]).length).toBe(4 * part)
    // a plane stays a plane of the same size, seen from the same side
    const areas = new Float64Array(mesh.indices.length / 3)
    const normals = triangleNormals(mesh, areas)
    expect(areas.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5)
    expect(Math.min(...normals.filter((_, i) => i % 3 === 2))).toBeCloseTo(1, 5)
  })
})

describe('topology', () => {
  test('one manifold piece, closed but for the neck; texture coordinates within the texture, none folded or shared', () => {
    for (const { topology, mesh } of heads) {
      const edges = edgeStatistics(mesh)
      expect([edges.badEdges, connectedComponents(mesh).count, boundaryLoops(mesh).length]).toEqual([0, 1, 1])
      const { uv, uvIndices } = topology
      const used = [...new Set(uvIndices)].flatMap((row) => [uv[2 * row], uv[2 * row + 1]])
      expect(Math.min(...used)).toBeGreaterThan(0)
      expect(Math.max(...used)).toBeLessThan(1)
      const areas = Array.from({ length: uvIndices.length / 3 }, (_, t) => uvArea(uv, uvIndices, 3 * t))
      expect(new Set(areas.map(Math.sign)).size).toBe(1)
      // where islands overlapped, the texture would be covered by less than their sum
      const size = 4096
      const covered = texelRaster(uv, uvIndices, size).triangle.filter((t) => t >= 0).length / size ** 2
      const sum = Math.abs(areas.reduce((a, b) => a + b, 0))
      console.info(
        `texture layout: ${(100 * covered).toFixed(2)} % covered, overlap ${(100 * (sum - covered)).toFixed(4)} %`,
      )
      expect(Math.abs(sum - covered)).toBeLessThan(2e-4)
      const face = areas.reduce((total, a, t) => total + (topology.faceRegion[t] ? Math.abs(a) : 0), 0)
      expect(face).toBeGreaterThan(0.35)
    }
  })

  test('a model without texture coordinates gets a cylinder that is cut open at the back', () => {
    const { model } = scene.fit
    const { uv, uvIndices, faceRegion } = headTopology({ ...model, uv: undefined, uvIndices: undefined }, 0)
    let [wide, folded, face] = [0, 0, 0]
    for (let t = 0; t < faceRegion.length; t++) {
      const us = [0, 1, 2].map((c) => uv[2 * uvIndices[3 * t + c]])
      if (Math.max(...us) - Math.min(...us) > 0.2) wide++
      if (!faceRegion[t]) continue
      face++
      if (uvArea(uv, uvIndices, 3 * t) >= 0) folded++
    }
    const used = [...new Set(uvIndices)].flatMap((row) => [uv[2 * row], uv[2 * row + 1]])
    expect(used.every((c) => c > 0 && c < 1)).toBe(true)
    // only about the crown do triangles reach far round, and of the face only deep folds lie over one another
    expect(wide / faceRegion.length).toBeLessThan(0.005)
    expect(folded / face).toBeLessThan(0.1)
  })

  test('what is linear passes through: poses after refinement are refinements of poses', () => {
    const { topology } = heads[1]
    const { model } = scene.fit
    const half = topology.refined(
      model.mean.map((p) => p / 2),
      3,
    )
    const whole = headMeshOf(topology, model.mean).positions
    expect(Math.max(...half.map((p, i) => Math.abs(2 * p - whole[i])))).toBeLessThan(1e-6)
  })
})

describe('projection', () => {
  test('the face lies on the field, nothing folds over, triangles keep their shape', async () => {
    for (const [level, { mesh, weight, coarse }] of heads.entries()) {
      const inside = [...weight.keys()].filter((v) => weight[v] > 0.999)
      expect(inside.length).toBeGreaterThan(level === 0 ? 1500 : 8000)
      const points = gather(mesh.positions, Uint32Array.from(inside), 3)
      const { frame } = scene.field
      const off = (await scene.field.sdf(toField(frame, points))).map((d) => Math.abs(d) * frame.scale * 1000).sort()
      const [median, most] = [off[off.length >> 1], off[Math.floor(0.999 * off.length)]]
      console.info(`level ${level}: off the field ${median.toFixed(4)} mm (median), ${most.toFixed(4)} mm (99.9 %)`)
      expect(median).toBeLessThan(0.01)
      expect(most).toBeLessThan(0.1)
      const before = triangleNormals({ positions: coarse, indices: mesh.indices })
      const after = triangleNormals(mesh)
      let least = 1
      for (let t = 0; t < before.length; t += 3)
        least = Math.min(least, before[t] * after[t] + before[t + 1] * after[t + 1] + before[t + 2] * after[t + 2])
      expect(least).toBeGreaterThan(0)
      const [now, was] = [mesh.positions, coarse].map((p) => smallestAngles(p, mesh.indices))
      const one = Math.floor(0.01 * now.length)
      console.info(
        `smallest angles: least ${now[0].toFixed(2)}°, 1 % below ${now[one].toFixed(1)}° (model: ${was[one].toFixed(1)}°)`,
      )
      expect(now[one]).toBeGreaterThan(0.8 * was[one])
    }
  })

  test("the field's own surface and the head's agree within 0.1 mm", async () => {
    const even = await evenSurface(heads[1], scene.fit, scene.field, 160)
    expect(edgeStatistics(even.mesh).badEdges).toBe(0)
    expect(connectedComponents(even.mesh).count).toBe(1)
    const distance = new MeshDistance(heads[1].mesh).distances(even.mesh.positions).sort()
    const at = (share: number): number => 1000 * distance[Math.floor(share * distance.length)]
    console.info(`field's surface to head mesh: median ${at(0.5).toFixed(3)} mm, 90 % ${at(0.9).toFixed(3)} mm`)
    expect(at(0.5)).toBeLessThan(0.05)
    expect(at(0.9)).toBeLessThan(0.3)
    expect(even.uv.every((c) => c > 0 && c < 1)).toBe(true)
  })
})

describe('maps', () => {
  test('tangents are those of MikkTSpace', () => {
    const { mesh, topology } = heads[0]
    const split = splitSeams(mesh, topology.uv, topology.uvIndices)
    const normals = gather(vertexNormals(mesh), split.vertexMap, 3)
    const own = vertexTangents(split.mesh, normals, split.uv)
    const corner = <T extends Float32Array>(values: T, dims: number): Float32Array =>
      gather(values, split.mesh.indices, dims)
    const flipped = split.uv.map((c, i) => (i % 2 === 1 ? 1 - c : c))
    const reference = generateTangents(corner(split.mesh.positions, 3), corner(normals, 3), corner(flipped, 2))
    const mine = corner(own, 4)
    const angles: number[] = []
    let sides = 0
    for (let c = 0; c < mine.length; c += 4) {
      const cos = mine[c] * reference[c] + mine[c + 1] * reference[c + 1] + mine[c + 2] * reference[c + 2]
      angles.push((Math.acos(Math.min(1, cos)) * 180) / Math.PI)
      if (mine[c + 3] !== reference[c + 3]) sides++
    }
    angles.sort((a, b) => a - b)
    expect(sides).toBe(0)
    expect(angles[Math.floor(0.99 * angles.length)]).toBeLessThan(0.5)
  })

  test.each([0, 1])('normals with the map are those of the field (subdivisions %i)', async (level) => {
    const { mesh, topology, weight } = heads[level]
    const split = splitSeams(mesh, topology.uv, topology.uvIndices)
    const each = (values: Float32Array, dims: number): Float32Array => gather(values, split.vertexMap, dims)
    const normals = each(vertexNormals(mesh), 3)
    const baking: BakeMesh = {
      mesh: split.mesh,
      normals,
      tangents: vertexTangents(split.mesh, normals, split.uv),
      uv: split.uv,
      weight: each(weight, 1),
    }
    const baked = await bakeDetail(baking, scene.field, 1024)
    // as files hold them
    baked.normals = baked.normals.map((n) => Math.round(127.5 + 127.5 * n) / 127.5 - 1)
    const camera = cropCamera(scene.fit.camera, { ...scene.fit.crop, size: 400 })
    const raster = rasterize(split.mesh, camera)
    const share = interpolate(raster, split.mesh.indices, baking.weight, 1)
    const pixels = [...share.keys()].filter((i) => share[i] > 0.999)
    const points = interpolate(raster, split.mesh.indices, split.mesh.positions, 3)
    const displaced = interpolate(raster, split.mesh.indices, normals, 3)
    const uv = interpolate(raster, split.mesh.indices, split.uv, 2)
    const height = [0]
    const at = new Float32Array(3 * pixels.length)
    pixels.forEach((i, row) => {
      sampleBilinear(baked.displacement, 1024, 1024, 1, uv[2 * i] * 1024, uv[2 * i + 1] * 1024, height)
      const length = Math.hypot(displaced[3 * i], displaced[3 * i + 1], displaced[3 * i + 2])
      for (let k = 0; k < 3; k++) at[3 * row + k] = points[3 * i + k] + (height[0] / length) * displaced[3 * i + k]
    })
    const { frame } = scene.field
    const { sdf, gradient } = await scene.field.sdfAndGradient(toField(frame, at))
    const off = sdf.map((d) => Math.abs(d) * frame.scale * 1000).sort()
    const truth = new Float32Array(3 * share.length)
    const m = camera.headToCamera
    pixels.forEach((i, row) => {
      const g = gradient.subarray(3 * row, 3 * row + 3)
      const length = Math.hypot(...g)
      for (let k = 0; k < 3; k++)
        truth[3 * i + k] = (m[4 * k] * g[0] + m[4 * k + 1] * g[1] + m[4 * k + 2] * g[2]) / length
    })
    const error = (found: Float32Array): number => {
      let sum = 0
      for (const i of pixels) {
        let cos = 0
        for (let k = 3 * i; k < 3 * i + 3; k++) cos += found[k] * truth[k]
        sum += (Math.acos(Math.min(1, cos)) * 180) / Math.PI
      }
      return sum / pixels.length
    }
    const mapped = error(mappedNormals(raster, { ...baking, indices: split.mesh.indices }, baked, camera))
    const plain = error(rasterNormals(raster, split.mesh, camera, normals))
    console.info(
      `level ${level}: normals ${mapped.toFixed(2)}° with the map, ${plain.toFixed(2)}° without; ` +
        `displaced surface ${off[Math.floor(0.95 * off.length)].toFixed(3)} mm off at 95 %`,
    )
    expect(pixels.length).toBeGreaterThan(20_000)
    expect(mapped).toBeLessThan(3)
    expect(mapped).toBeLessThan(0.6 * plain)
    expect(off[Math.floor(0.95 * off.length)]).toBeLessThan(0.1)
  })
})

describe('paint', () => {
  const size = 1024
  interface Seen {
    /** [crop.size, crop.size] 1 where the photo shows nothing; by default nowhere. */
    spoilt?: Float32Array
    /** [crop.size, crop.size] 1 where it shows open eyes; by default nowhere. */
    openEyes?: Float32Array
    /** [crop.size, crop.size] 1 where it shows a beard, glasses; by default nowhere. */
    beard?: Float32Array
    glasses?: Float32Array
    /** Sheets that are painted over. */
    removed?: number
  }
  const paint = (photo: Photo, seen: Seen = {}) => {
    const { fit, coarse, image } = scene
    const { mesh, topology, coarse: smooth } = heads[1]
    const { uv, uvIndices, faceRegion, parts } = topology
    const none = new Float32Array(coarse.mask.length)
    const { spoilt = none, openEyes = none, beard = none, glasses = none } = seen
    const uncovered = Float32Array.from(coarse.mask, (inside, i) => inside * (1 - spoilt[i]) * (1 - glasses[i]))
    const trusted = uncovered.map((u, i) => u * (1 - beard[i]))
    const labels = { trusted, uncovered, beard, spoilt, openEyes, glasses }
    const mirror = mirrorUv({ mean: headMeshOf(topology, fit.model.mean), uv, uvIndices })
    const removed = Uint8Array.from(topology.sheets, (part) => +(part > 0 && part === seen.removed))
    const smoothed = { positions: smooth, indices: mesh.indices }
    const layout = { uv, uvIndices, faceRegion, parts, mirror }
    return paintHead({
      head: { mesh, smooth: smoothed, removed, stretch: undefined, ...layout },
      scene: { photo, camera: fit.camera, crop: fit.crop, mesh, mask: coarse.mask, image, ...labels },
      size,
      relight: undefined,
      residual: new Float32Array(trusted.length),
      rough: new Float32Array(parts.length).fill(0.5),
    })
  }
  /** @param where [crop.size, crop.size] not 0 on pixels that turn green */
  const greenWhere = (photo: Photo, crop: Crop, where: Float32Array): Photo => {
    const data = photo.data.slice()
    const step = crop.width / crop.size
    where.forEach((there, i) => {
      if (there === 0) return
      const [u, v] = [i % crop.size, Math.floor(i / crop.size)]
      for (let y = Math.floor(crop.y + v * step); y < crop.y + (v + 1) * step; y++)
        for (let x = Math.floor(crop.x + u * step); x < crop.x + (u + 1) * step; x++)
          data.set([30, 200, 60], 3 * (y * photo.width + x))
    })
    return { ...photo, data }
  }
  /** Skin has r > g > b everywhere, what is not skin is green. */
  const greenest = (colours: Float32Array): number => {
    let most = Number.NEGATIVE_INFINITY
    for (let i = 0; i < colours.length; i += 3) most = Math.max(most, colours[i + 1] - colours[i])
    return most
  }

  test('the photo comes back where it was seen; the wall behind the head is nowhere', () => {
    const { fit, photo } = scene
    const { mesh, topology } = heads[1]
    const { uv, uvIndices } = topology
    const painted = paint(photo)
    const raster = rasterize(mesh, fit.camera)
    const at = interpolate(raster, uvIndices, uv, 2)
    const texel = [0, 0, 0]
    const seen = [0]
    let [squares, count] = [0, 0]
    for (let i = 0; i < raster.triangle.length; i++) {
      if (raster.triangle[i] < 0) continue
      sampleBilinear(painted.observed, size, size, 1, at[2 * i] * size, at[2 * i + 1] * size, seen)
      if (seen[0] < 0.9) continue
      sampleBilinear(painted.albedo, size, size, 3, at[2 * i] * size, at[2 * i + 1] * size, texel)
      for (let k = 0; k < 3; k++) squares += (texel[k] - photo.data[3 * i + k] / 255) ** 2
      count += 3
    }
    const psnr = -10 * Math.log10(squares / count)
    console.info(`photo against textured head: ${psnr.toFixed(1)} dB over ${count / 3} pixels`)
    expect(count / 3).toBeGreaterThan(0.15 * photo.width * photo.height)
    expect(psnr).toBeGreaterThan(27)
    expect(greenest(painted.albedo)).toBeLessThan(-0.05)
  })

  test('an open eye that lies a little beside the head’s colours no lid', () => {
    const { fit, photo, coarse } = scene
    const { mesh, topology } = heads[1]
    const { crop } = fit
    const { triangle } = rasterize(mesh, cropCamera(fit.camera, crop))
    const balls = triangle.map((t) => +(t >= 0 && topology.sheets[t] === HEAD_PARTS.eyeball))
    const beside = 2
    const eyes = Float32Array.from(balls, (_, i) => balls[i - beside * crop.size] | balls[i] | balls[i - beside])
    expect(eyes.reduce((sum, eye) => sum + eye, 0)).toBeGreaterThan(100)
    const looks = (openEyes: Float32Array) =>
      greenest(paint(greenWhere(photo, crop, eyes), { openEyes, removed: HEAD_PARTS.eyeball }).albedo)
    expect(looks(eyes)).toBeLessThan(-0.05)
    expect(looks(new Float32Array(coarse.mask.length))).toBeGreaterThan(0.3)
  })

  test('a bar over eyes and mouth is nowhere either: their colours are the skin’s about them', () => {
    const { fit, photo, coarse } = scene
    const { crop } = fit
    const spoilt = new Float32Array(crop.size ** 2)
    // from the brows to the chin, the middle third of the face
    for (let v = Math.round(0.3 * crop.size); v < 0.85 * crop.size; v++)
      spoilt.fill(1, v * crop.size + Math.round(0.33 * crop.size), v * crop.size + Math.round(0.67 * crop.size))
    expect(spoilt.reduce((sum, s, i) => sum + s * coarse.mask[i], 0)).toBeGreaterThan(0.2 * crop.size ** 2 * 0.5)
    const painted = paint(greenWhere(photo, crop, spoilt), { spoilt })
    expect(greenest(painted.albedo)).toBeLessThan(-0.05)
    const unspoilt = paint(greenWhere(photo, crop, spoilt))
    expect(greenest(unspoilt.albedo)).toBeGreaterThan(0.3)
  })

  /** [crop.size, crop.size] 1 in a box of the crop, in shares of its side. */
  const box = (crop: Crop, [left, right]: readonly number[], [top, bottom]: readonly number[]): Float32Array =>
    new Float32Array(crop.size ** 2).map((_, i) => {
      const [x, y] = [(i % crop.size) / crop.size, Math.floor(i / crop.size) / crop.size]
      return +(x > left && x < right && y > top && y < bottom)
    })

  test('a beard is painted, though it is no skin', () => {
    const { fit, photo, coarse } = scene
    const chin = box(fit.crop, [0.4, 0.6], [0.7, 0.8])
    const beard = chin.map((c, i) => c * coarse.mask[i])
    expect(beard.reduce((sum, b) => sum + b, 0)).toBeGreaterThan(200)
    expect(greenest(paint(greenWhere(photo, fit.crop, beard), { beard }).albedo)).toBeGreaterThan(0.3)
  })

  test('frames of glasses are not painted, and skin beside them is', () => {
    const { fit, photo } = scene
    // a bar from ear to ear
    const glasses = box(fit.crop, [0, 1], [0.35, 0.37])
    const { albedo, observed } = paint(greenWhere(photo, fit.crop, glasses), { glasses })
    expect(greenest(albedo)).toBeLessThan(-0.05)
    const share = (values: Float32Array): number => values.reduce((sum, v) => sum + v, 0)
    expect(share(observed)).toBeGreaterThan(0.85 * share(paint(photo).observed))
  })
})

describe('shape keys', () => {
  test('ARKit names, the right movements, and detail that rides along', () => {
    const head = heads[1]
    const { fit } = scene
    const { parts } = head.topology
    const posed = (expression: Float64Array): Float32Array => posedMesh(fit.model, fit.identity, expression).positions
    const shown = { names: fit.model.expressionNames, range: fit.model.expressionRange, shown: fit.expression }
    const mover = new SkinMover(head.mesh, parts, ({ expression }: KeyPose) => ride(head, posed(expression)))
    const maker = new KeyMaker(head.mesh)
    const keys = modelPoses(shown, { neutral: new Float64Array(fit.expression.length) }).flatMap(
      (pose) => maker.key(pose.name, mover.target(pose)) ?? [],
    )
    const names = keys.map(({ name }) => name)
    for (const name of ['jawOpen', 'eyeBlinkLeft', 'eyeBlinkRight', 'mouthSmileLeft', 'browInnerUpLeft', 'neutral'])
      expect(names).toContain(name)
    const key = (name: string) => keys.find((one) => one.name === name)!
    // the jaw goes down, and between the lips the sheet sinks in
    const jaw = key('jawOpen').displacements
    const down = Math.min(...jaw.filter((_, i) => i % 3 === 1))
    expect(down).toBeLessThan(-0.015)
    const mouth = [...parts.keys()].filter((v) => parts[v] === HEAD_PARTS.mouth)
    const plain = posed(
      Float64Array.from(fit.expression, (c, k) => (fit.model.expressionNames[k] === 'jawOpen' ? JAW_OPEN : c)),
    )
    const flat = ride(head, plain)
    const sunk = Math.min(...mouth.map((v) => jaw[3 * v + 2] - (flat[3 * v + 2] - head.mesh.positions[3 * v + 2])))
    expect(sunk).toBeLessThan(-0.01)
    // wide but no scream, and the corners of the mouth follow
    const lips = mouthOf(head.mesh.positions, parts)!
    const gap = mouthGap(lips, head.mesh.positions, jaw)
    expect(gap).toBeGreaterThan(0.006)
    expect(gap).toBeLessThan(0.032)
    const corner = lips.corners[1]
    const basis = flat[3 * corner + 1] - head.mesh.positions[3 * corner + 1]
    expect(jaw[3 * corner + 1] - basis).toBeLessThan(-0.15 * gap)
    // a blink of the left eye leaves the right side alone (+X is the subject's left)
    const blink = key('eyeBlinkLeft').displacements
    for (let v = 0; v < parts.length; v++)
      if (head.mesh.positions[3 * v] < -0.02) expect(Math.hypot(...blink.subarray(3 * v, 3 * v + 3))).toBeLessThan(1e-3)
    // wrinkles keep their height over the smiling skin
    const smiling = headMeshOf(
      head.topology,
      posed(Float64Array.from(fit.expression, (c, k) => (fit.model.expressionNames[k] === 'mouthSmileLeft' ? 1 : c))),
    )
    const moved = key('mouthSmileLeft').displacements
    let worst = 0
    for (let v = 0; v < parts.length; v++) {
      if (parts[v] === HEAD_PARTS.mouth) continue
      const away = Math.hypot(
        ...[0, 1, 2].map((k) => head.mesh.positions[3 * v + k] + moved[3 * v + k] - smiling.positions[3 * v + k]),
      )
      worst = Math.max(worst, Math.abs(away - Math.abs(head.offset[v])))
    }
    expect(worst).toBeLessThan(5e-5)
    // the neutral key leads to the neutral head
    const neutral = ride(head, posed(new Float64Array(fit.expression.length)))
    const towards = key('neutral').displacements
    for (let i = 0; i < neutral.length; i++)
      if (parts[Math.floor(i / 3)] !== HEAD_PARTS.mouth)
        expect(Math.abs(head.mesh.positions[i] + towards[i] - neutral[i])).toBeLessThan(5e-5)
  })
})

describe('metric size', () => {
  test('the distance between the pupils is the one that was given, and the photo looks the same', () => {
    const { fit, metric } = metricFit(scene.fit, 70)
    expect(interpupillaryDistance(fit)).toBeCloseTo(0.07, 6)
    expect(metric.source).toBe('given')
    expect(metricFit(scene.fit, 63).metric.source).toBe('prior')
    expect(metricFit(scene.fit, 0).metric).toMatchObject({ scale: 1, source: 'head model' })
    const [a, b] = [scene.fit, fit].map(({ mesh, camera }) => rasterize(mesh, cropCamera(camera, scene.fit.crop)))
    const same = a.triangle.filter((t, i) => t === b.triangle[i]).length
    expect(same).toBeGreaterThan(0.999 * a.triangle.length)
    expect(cameraCenter(fit.camera)[2]).toBeCloseTo(metric.scale * cameraCenter(scene.fit.camera)[2], 6)
  })
})
