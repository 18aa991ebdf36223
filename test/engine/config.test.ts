import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { GENERATED } from '../../scripts/generate.js'
import {
  PRESETS,
  parseAssignment,
  resolveSettings,
  SETTING_GROUPS,
  type SettingInfo,
  settingAt,
  settingDifferences,
} from '../../src/engine/config.js'
import { SiderError } from '../../src/engine/errors.js'

const ALL: SettingInfo[] = SETTING_GROUPS.flatMap((group) => group.settings)

function failure(act: () => unknown): SiderError {
  try {
    act()
  } catch (error) {
    if (error instanceof SiderError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('the schema', () => {
  test.each(Object.keys(GENERATED))('%s is up to date (else: npm run generate)', async (path) => {
    expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(await GENERATED[path]())
  })

  test('every setting has a title, a description that is a sentence, and a default', () => {
    for (const { path, title, description, default: value } of ALL) {
      expect(title, path).toMatch(/^\p{Lu}/u)
      expect(description, path).toMatch(/[.]$/)
      expect(value, path).not.toBeUndefined()
    }
    expect(new Set(ALL.map((info) => info.path)).size).toBe(ALL.length)
  })

  test.each(ALL.map((info) => [info.path, info] as const))(
    '%s takes its default and refuses another type',
    (path, info) => {
      expect(settingAt(resolveSettings({ preset: 'paper', overrides: { [path]: info.default } }), path)).toBe(
        info.default,
      )
      const wrong = info.type === 'boolean' ? 1 : false
      expect(failure(() => resolveSettings({ overrides: { [path]: wrong } })).message).toContain(
        `${path} is ${wrong}, but must be ${info.allowed}`,
      )
    },
  )
})

describe('presets', () => {
  test.each(Object.keys(PRESETS))('%s is valid, and its values arrive', (preset) => {
    const settings = resolveSettings({ preset })
    const changes = PRESETS[preset as keyof typeof PRESETS].settings
    expect(settings).toMatchObject(changes)
  })

  test('paper is the method as published', () => {
    expect(resolveSettings({ preset: 'paper' })).toMatchObject({
      photo: { cropSize: 256 },
      networks: {
        geometry: { layers: 8, width: 512, skip: 4, feature: 256, beta: 100 },
        renderer: { layers: 4, width: 512, useFeature: true, useNormal: true },
        coarse: { steps: 1000, learningRate: 5e-4 },
        detail: { epochs: 250, rays: 2048, learningRate: 1e-4, learningRateEnd: 1e-4 },
      },
    })
  })

  test('the default is balanced; an unknown one is refused with the list', () => {
    expect(resolveSettings()).toEqual(resolveSettings({ preset: 'balanced' }))
    const error = failure(() => resolveSettings({ preset: 'papers' }))
    expect(error.code).toBe('USAGE')
    expect(error.hint).toBe('Presets: preview, balanced, neural, paper.')
    expect(failure(() => resolveSettings({ preset: 'toString' })).code).toBe('USAGE')
  })
})

describe('overrides', () => {
  test('nested and dotted ones mix, over the preset, and leave the preset as it was', () => {
    const before = structuredClone(PRESETS)
    const settings = resolveSettings({
      preset: 'preview',
      overrides: { 'networks.detail.rays': 64, networks: { detail: { epochs: 3 } }, seed: 7 },
    })
    const preview = resolveSettings({ preset: 'preview' })
    expect(settings).toEqual({
      ...preview,
      seed: 7,
      networks: { ...preview.networks, detail: { ...preview.networks.detail, rays: 64, epochs: 3 } },
    })
    expect(PRESETS).toEqual(before)
  })

  test.each([
    ['rays', 'networks.detail.rays'],
    ['detail.epohcs', 'networks.detail.epochs'],
    ['Geometry.Widht', 'networks.geometry.width'],
    ['sede', 'seed'],
  ])('unknown %s: did you mean %s?', (path, nearest) => {
    const error = failure(() => resolveSettings({ overrides: { [path]: 1 } }))
    expect(error.code).toBe('USAGE')
    expect(error.message).toBe(`unknown setting '${path}'`)
    expect(error.hint).toBe(`Did you mean '${nearest}'?`)
  })

  test('a name like no other gets no guess', () => {
    expect(failure(() => resolveSettings({ overrides: { xylophone: 1 } })).data['nearest']).toBeUndefined()
  })

  test('every bad value is told with its path and range', () => {
    const error = failure(() =>
      resolveSettings({ overrides: { networks: { detail: { rays: 0, learningRate: Number.NaN } }, backend: 'gpu' } }),
    )
    expect(error.message).toContain('networks.detail.rays is 0, but must be an integer from 16 to 65536')
    expect(error.message).toContain('networks.detail.learningRate is NaN, but must be a number above 0 and at most 1')
    expect(error.message).toContain('backend is "gpu", but must be one of auto, ort-cpu')
    expect((error.data['problems'] as unknown[]).length).toBe(3)
  })

  test('a group is no value, and keys of JSON cannot reach prototypes', () => {
    expect(failure(() => resolveSettings({ overrides: { relief: 3 } })).message).toContain('relief is a group')
    expect(failure(() => resolveSettings({ overrides: { networks: 3 } })).hint).toBe(
      'For example: networks.geometry.layers=8',
    )
    expect(failure(() => resolveSettings({ overrides: JSON.parse('{"__proto__":{"seed":1}}') })).code).toBe('USAGE')
    expect(failure(() => resolveSettings({ overrides: { 'constructor.prototype': 1 } })).code).toBe('USAGE')
  })
})

describe('key=value', () => {
  test.each([
    ['networks.detail.rays=1024', { 'networks.detail.rays': 1024 }],
    ['networks.coarse.learningRate=.5', { 'networks.coarse.learningRate': 0.5 }],
    ['networks.detail.learningRate=1e-3', { 'networks.detail.learningRate': 1e-3 }],
    ['networks.renderer.useNormal=false', { 'networks.renderer.useNormal': false }],
    ['head.model=2023', { 'head.model': '2023' }],
    ['head.model=a=b.pkl', { 'head.model': 'a=b.pkl' }],
    ['networks.detail={"rays":64,"points":32}', { 'networks.detail': { rays: 64, points: 32 } }],
    ['networks={"detail":{"rays":64}}', { networks: { detail: { rays: 64 } } }],
    ['networks.detail.rays=many', { 'networks.detail.rays': 'many' }],
  ])('%s', (text, expected) => {
    expect(parseAssignment(text)).toEqual(expected)
  })

  test('no value and unknown keys are refused', () => {
    expect(failure(() => parseAssignment('networks.detail.rays')).message).toContain('not of the form key=value')
    expect(failure(() => parseAssignment('=3')).message).toContain('not of the form key=value')
    expect(failure(() => parseAssignment('detail.ray=3')).hint).toBe("Did you mean 'networks.detail.rays'?")
  })
})

test('differences name the settings that differ', () => {
  const a = resolveSettings({ overrides: { seed: 1 } })
  const b = resolveSettings({ overrides: { seed: 2, 'networks.detail.rays': 64 } })
  expect(settingDifferences(a, b).map(([info, x, y]) => [info.path, x, y])).toEqual([
    ['seed', 1, 2],
    ['networks.detail.rays', a.networks.detail.rays, 64],
  ])
})
