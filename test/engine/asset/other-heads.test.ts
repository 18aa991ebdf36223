import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { ARKIT } from '../../../src/engine/asset/arkit.js'
import type { ShapeKey } from '../../../src/engine/asset/keys.js'
import { PRESET_EXPRESSIONS } from '../../../src/engine/formats/vrm.js'
import { loadHead } from '../../../src/engine/head/load.js'
import { resolveSettings } from '../../../src/engine/index.js'
import { vrmWarnings } from '../../../src/engine/reconstruct.js'
import { type MovedScene, movedHead } from './moved-head.js'

describe('other head models', () => {
  const build = async (path: string): Promise<MovedScene> =>
    movedHead(await loadHead(fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url))), 0)
  const finite = ({ positions, keys }: { positions: Float32Array; keys: ShapeKey[] }): boolean =>
    [positions, ...keys.flatMap((key) => [key.displacements, key.normals])].every((list) => list.every(Number.isFinite))

  test('a model without eyes and mouth (the tiny FLAME of the tests) is one skin, with its own expressions as keys', async () => {
    const { opened, moved, scene } = await build('flame/flame2023.npz')
    expect(opened.eyes).toHaveLength(0)
    expect([opened.mouth, moved.inside]).toEqual([undefined, []])
    expect(finite(moved)).toBe(true)
    expect(moved.keys.every(({ name }) => scene.fit.model.expressionNames.includes(name) || name === 'neutral')).toBe(
      true,
    )
  })

  test("GNM's own teeth, tongue and cavity are used", async () => {
    const { moved } = await build('gnm/gnm_head.npz')
    expect(moved.inside.map(({ name }) => name)).toEqual(['teethUpper', 'teethLower', 'tongue', 'mouth'])
    for (const part of moved.inside) expect(finite({ positions: part.mesh.positions, keys: part.keys })).toBe(true)
  })

  test("what VRM's expressions lack on models without ARKit's keys is said, and nothing where nothing is lacking", async () => {
    const settings = resolveSettings({ overrides: { 'output.profile': 'vrm', 'head.model': 'flame2023' } })
    const { moved } = await build('flame/flame2023.npz')
    const [warning, ...more] = vrmWarnings({ keys: moved.keys, parts: moved.inside }, settings)
    expect(more).toEqual([])
    for (const name of Object.keys(PRESET_EXPRESSIONS).filter((name) => name !== 'neutral'))
      expect(warning).toMatch(new RegExp(`\\b${name}\\b`))
    expect(warning).not.toMatch(/neutral/)
    const all = ARKIT.map(({ name }) => ({ name }) as ShapeKey)
    expect(vrmWarnings({ keys: all, parts: [] }, settings)).toEqual([])
    expect(vrmWarnings({ keys: moved.keys, parts: [] }, resolveSettings({}))).toEqual([])
    const some = all.filter(({ name }) => name !== 'mouthPucker' && name !== 'eyeLookUpLeft')
    expect(vrmWarnings({ keys: some, parts: [] }, settings)).toEqual([expect.stringContaining(': ou, lookUp;')])
  })
})
