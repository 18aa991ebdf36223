/** Settings that were accepted and led to a crash, or to something that nobody can use. */
import { describe, expect, test } from 'vitest'
import { resolveSettings, SETTING_GROUPS } from '../../src/engine/config.js'
import { qualityWarnings } from '../../src/engine/reconstruct.js'
import { thrown } from '../support/thrown.js'

const resolve = (overrides: Record<string, unknown>) => resolveSettings({ overrides })

describe('the distance of the pupils', () => {
  test.each([1, 5, 15, 25, 39.9, 90.1, 200, -5])('nobody has %d mm', (mm) => {
    const { code, message } = thrown(() => resolve({ 'head.ipdMm': mm }))
    expect({ code, message }).toEqual({
      code: 'USAGE',
      message: `head.ipdMm is ${mm}, but must be 0, or a number from 40 to 90`,
    })
  })

  test.each([0, 40, 61.5, 90])('%d mm is taken', (mm) => {
    expect(resolve({ 'head.ipdMm': mm }).head.ipdMm).toBe(mm)
  })

  test('the docs and menus say the same', () => {
    const all = SETTING_GROUPS.flatMap(({ settings }) => settings)
    expect(all.find(({ path }) => path === 'head.ipdMm')?.allowed).toBe('0, or a number from 40 to 90')
  })
})

test('networks cannot be trained without points near the surface', () => {
  expect(thrown(() => resolve({ method: 'networks', 'networks.detail.points': 0 })).message).toMatch(
    /networks\.detail\.points is 0, but must be an integer from 16/,
  )
})

describe('a profile', () => {
  test.each([
    ['vrm', { 'surface.mesh': 'surface' }, 'surface.mesh is "surface", but the profile vrm needs "head" or "both"'],
    ['vrm', { 'surface.shapeKeys': false }, 'surface.shapeKeys is false, but the profile vrm needs true'],
    ['vrm', { 'surface.keys': 'model' }, 'surface.keys is "model", but the profile vrm needs "arkit"'],
    ['headshot', { 'surface.mesh': 'surface', 'surface.neutralize': false }, /surface\.mesh is "surface"/],
    ['headshot', { 'surface.neutralize': false }, /surface\.neutralize is false, but the profile headshot needs true/],
    ['metahuman', { surface: { neutralize: false } }, /surface\.neutralize is false/],
    ['faceit', { surface: { mesh: 'surface' } }, /surface\.mesh is "surface"/],
    ['unreal', { surface: { mesh: 'surface' } }, /surface\.mesh is "surface"/],
  ])('%s with %j is refused: its program could do nothing with it', (profile, settings, message) => {
    const error = thrown(() => resolve({ 'output.profile': profile, ...settings }))
    expect(error.code).toBe('USAGE')
    expect(error.message).toMatch(message)
    expect(error.hint).toMatch(/take the profile arkit/)
  })

  test.each([
    ['vrm', { 'surface.mesh': 'both' }],
    ['unreal', { 'surface.neutralize': false }],
    ['headshot', { 'surface.shapeKeys': true }],
    ['arkit', { 'surface.mesh': 'surface', 'surface.shapeKeys': false }],
  ])('%s with %j is made', (profile, settings) => {
    expect(resolve({ 'output.profile': profile, ...settings }).output.profile).toBe(profile)
  })
})

describe('a result that is of no use', () => {
  test('says so', () => {
    const warnings = qualityWarnings({ psnr: 10.7, coarseErrorMm: 36 })
    expect(warnings).toEqual([
      expect.stringMatching(/36 mm .* raise networks\.coarse\.steps/),
      expect.stringMatching(/PSNR 10\.7 dB/),
    ])
  })

  test('a good one, and one whose photo is trusted nowhere, do not', () => {
    expect(qualityWarnings({ psnr: 22.9, coarseErrorMm: 3.5 })).toEqual([])
    expect(qualityWarnings({ psnr: null, coarseErrorMm: 0 })).toEqual([])
  })
})
