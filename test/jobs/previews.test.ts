import { describe, expect, test } from 'vitest'
import { PreviewSchedule } from '../../src/jobs/previews.js'

/** Costs of one of each, seconds; the first of its kind takes three times as long. */
const VIEW = 0.04
const GRID = 0.05
const ENCODING = 0.02

/** A run on a clock of its own: 4 s before its detail stage, so many steps, 8 s after them, and 4 s to write the files. */
function watch(steps: number, stepSeconds: number) {
  let time = 4
  const schedule = new PreviewSchedule(() => time)
  schedule.encoded(3 * ENCODING) // the fitted head
  const at: number[] = []
  let grids = 0
  for (let step = 1; step <= steps; step++) {
    time += stepSeconds
    if (!schedule.due({ step, steps, etaSeconds: (steps - step) * stepSeconds + 12 })) continue
    const first = at.length === 0 ? 3 : 1
    at.push(step / steps)
    time += first * VIEW
    for (const name of ['normals', 'render', 'mesh']) schedule.recorded(name)
    schedule.encoded(ENCODING * (1 + (step % 3))) // others have the processor in between
    if (!schedule.wants('sdf')) continue
    time += first * GRID
    schedule.recorded('sdf')
    grids++
  }
  return { at, grids, share: schedule.spent / (time + 12) }
}

describe('schedule of previews', () => {
  test('a run of seconds: a snapshot soon, many after it, three grids, hardly any time', () => {
    const { at, grids, share } = watch(300, 0.03)
    expect(at[0]).toBeLessThan(0.01)
    expect(at.length).toBeGreaterThanOrEqual(8)
    expect(grids).toBe(3)
    expect(share).toBeLessThan(0.05)
    // nowhere long without one
    const gaps = [...at, 1].map((end, i, all) => end - (all[i - 1] ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(0.3)
  })

  test('an hour: at most two a second, and no more than their share', () => {
    const { at, grids, share } = watch(4000, 0.9)
    expect(at.length).toBeGreaterThan(100)
    expect(grids).toBeGreaterThan(100)
    expect(share).toBeLessThan(0.05)
  })

  test('a run that is over at once shows three grids with their meshes all the same', () => {
    const { at, grids } = watch(20, 0.01)
    expect(at.length).toBe(3)
    expect(grids).toBe(3)
  })

  test('pictures and meshes are asked for with every snapshot, other records never', () => {
    const schedule = new PreviewSchedule(() => 1)
    for (const name of ['mesh', 'normals', 'render', 'fitted-head']) expect(schedule.wants(name)).toBe(true)
    expect(schedule.wants('loss')).toBe(false)
    expect(schedule.wants('sdf')).toBe(false)
  })
})
