/** ARKit's keys on skin and parts. */
import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { ARKIT } from '../../../src/engine/asset/arkit.js'
import type { ShapeKey } from '../../../src/engine/asset/keys.js'
import { MeshDistance } from '../../../src/engine/geometry/distance.js'
import type { MovedHead } from '../../../src/engine/pipeline/build-parts.js'
import type { OpenedHead } from '../../../src/engine/pipeline/open-face.js'
import type { Mesh } from '../../../src/engine/stages.js'
import { faceKey, movedHead, type PartKey, partKeys } from './moved-head.js'

let opened: OpenedHead
let moved: MovedHead
let keys: Map<string, PartKey[]>
beforeAll(async () => {
  ;({ opened, moved } = await movedHead())
  keys = partKeys(opened, moved)
}, 120_000)

const shifted = ({ positions, indices }: Mesh, { displacements }: ShapeKey): Mesh => ({
  positions: positions.map((p, i) => p + displacements[i]),
  indices,
})
const most = (key: ShapeKey): number => {
  let square = 0
  const d = key.displacements
  for (let i = 0; i < d.length; i += 3) square = Math.max(square, d[i] ** 2 + d[i + 1] ** 2 + d[i + 2] ** 2)
  return Math.sqrt(square)
}

describe('keys', () => {
  test("are ARKit's 52 and nothing else; each moves something by a millimetre", () => {
    expect(ARKIT).toHaveLength(52)
    expect([...keys.keys()].sort()).toEqual(ARKIT.map(({ name }) => name).sort())
    for (const [name, list] of keys) expect(Math.max(...list.map(({ key }) => most(key))), name).toBeGreaterThan(0.001)
  })

  test('the right side does what the left one does', () => {
    for (const { name } of ARKIT.filter((key) => key.name.endsWith('Left'))) {
      for (const { mesh, key, part } of keys.get(name)!) {
        const other = (text: string): string => text.replace(/Left$/, 'Right')
        const twin = keys.get(other(name))!.find((one) => one.part === other(part))
        expect(twin, `${part} ${name}`).toBeDefined()
        // the photo's detail is not symmetric: compared is how far each place goes
        const places = new MeshDistance(twin!.mesh)
        const mirrored = mesh.positions.map((p, i) => (i % 3 === 0 ? -p : p))
        const { triangle } = places.closest(mirrored)
        const length = ({ displacements }: ShapeKey, v: number): number =>
          Math.hypot(...displacements.subarray(3 * v, 3 * v + 3))
        const off = Float64Array.from(triangle, (t, v) => {
          const away = (w: number): number =>
            Math.hypot(...[0, 1, 2].map((k) => twin!.mesh.positions[3 * w + k] - mirrored[3 * v + k]))
          const [nearest] = [...twin!.mesh.indices.subarray(3 * t, 3 * t + 3)].sort((a, b) => away(a) - away(b))
          return Math.abs(length(key, v) - length(twin!.key, nearest))
        }).sort()
        // the cavity is pressed back by the skin that is nearest, which is not the same on both sides
        const share = part === 'mouth' ? 0.9 : 0.99
        expect(off[Math.floor(share * off.length)], `${part} ${name}`).toBeLessThan(0.2 * most(key) + 0.0005)
      }
    }
  })

  test('the documentation says of each which parts it moves', () => {
    const page = readFileSync(new URL('../../../docs/asset.md', import.meta.url), 'utf8')
    const rows = [...page.matchAll(/^\| `(\w+)` \| (`\w+` [\d.]+.*) \|$/gm)].map(([, name, moved]) => [
      name,
      [...moved.matchAll(/`(\w+)`/g)].map(([, part]) => part),
    ])
    // corneas go with the eyes
    const parts = (name: string) => keys.get(name)!.flatMap(({ part }) => (part.startsWith('cornea') ? [] : [part]))
    expect(rows).toEqual(ARKIT.map(({ name }) => [name, parts(name)]))
  })

  test('the jaw carries the lower teeth, not the upper ones; the tongue comes out', () => {
    const parts = (name: string): string[] => keys.get(name)!.map(({ part }) => part)
    for (const name of ['jawOpen', 'jawForward', 'jawLeft', 'jawRight']) {
      expect(parts(name), name).toContain('teethLower')
      expect(parts(name), name).not.toContain('teethUpper')
    }
    expect(parts('tongueOut')).toEqual(['tongue'])
    const [{ mesh, key }] = keys.get('tongueOut')!
    const front = (positions: Float32Array): number => positions.reduce((z, p, i) => (i % 3 === 2 && p > z ? p : z), -1)
    expect(front(shifted(mesh, key).positions) - front(mesh.positions)).toBeGreaterThan(0.02)
  })

  test('mouthClose shuts the lips under an open jaw', () => {
    const { loop } = opened.mouth!
    const height = (names: string[]): number => {
      const p = moved.positions.slice()
      for (const name of names) {
        const { displacements } = faceKey(moved, name)!
        for (let i = 0; i < p.length; i++) p[i] += displacements[i]
      }
      // the middle of the mouth
      const middle = Array.from(loop).filter((v) => Math.abs(moved.positions[3 * v]) < 0.004)
      const ys = middle.map((v) => p[3 * v + 1])
      return Math.max(...ys) - Math.min(...ys)
    }
    expect(height(['jawOpen'])).toBeGreaterThan(0.012)
    expect(height(['jawOpen', 'mouthClose'])).toBeLessThan(0.004)
  })
})
