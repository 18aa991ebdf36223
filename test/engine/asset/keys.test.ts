import { beforeAll, describe, expect, test } from 'vitest'
import { JAW_OPEN } from '../../../src/engine/asset/arkit.js'
import { KeyMaker, type KeyPose, modelPoses, SkinMover } from '../../../src/engine/asset/keys.js'
import { mouthGap, mouthOf } from '../../../src/engine/asset/mouth.js'
import { vertexNormals } from '../../../src/engine/geometry/normals.js'
import { posedMesh } from '../../../src/engine/head/fit-mesh.js'
import { HEAD_PARTS } from '../../../src/engine/stages.js'
import { type HeadMesh, ride } from '../../../src/engine/surface/head-mesh.js'
import { headMeshOf } from '../../../src/engine/surface/head-topology.js'
import { type AssetScene, assetScene, settledHeads } from './asset-fixture.js'

let scene: AssetScene
let heads: HeadMesh[]
beforeAll(async () => {
  scene = await assetScene()
  heads = await settledHeads(scene)
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

  test('normals at the end of a key are those of what it leads to, also where a crease opens', () => {
    // a strip of a wide quad and a narrow one; at rest the narrow one is folded over onto the wide one
    const width = 9
    const flat: number[] = []
    for (let j = 0; j < width; j++) flat.push(-10, j, 0, 0, j, 0, 1, j, 0)
    const folded = flat.map((x, i) => (i % 9 === 6 ? -0.98 : i % 9 === 8 ? 0.2 : x))
    const indices: number[] = []
    for (let j = 0; j + 1 < width; j++)
      for (const a of [3 * j, 3 * j + 1]) indices.push(a, a + 1, a + 3, a + 1, a + 4, a + 3)
    const rest = { positions: Float32Array.from(folded), indices: Uint32Array.from(indices) }
    const [shown, byArea] = [vertexNormals(rest), vertexNormals(rest, 'area')]
    const crease = 3 * (3 * 4 + 1)
    expect(shown[crease + 2] * byArea[crease + 2] + shown[crease] * byArea[crease]).toBeLessThan(0.8)
    const { normals } = new KeyMaker(rest).key('open', Float32Array.from(flat))!
    for (let i = 0; i < shown.length; i += 3) {
      const there = [0, 1, 2].map((k) => shown[i + k] + normals[i + k])
      expect(there[2] / Math.hypot(...there), `vertex ${i / 3}`).toBeGreaterThan(0.999)
    }
  })
})
