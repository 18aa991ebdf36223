/** Worker threads: what they answer, how they fail and end, and that answers do not depend on them. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { CoarseTarget } from '../../../src/engine/coarse/target.js'
import { resolveSettings } from '../../../src/engine/config.js'
import { occlusion } from '../../../src/engine/methods/relief/occlusion.js'
import { outputFiles } from '../../../src/engine/outputs/index.js'
import { reconstruct } from '../../../src/engine/reconstruct.js'
import { NO_THREADS, openThreads } from '../../../src/engine/threads/index.js'
import { assetScene } from '../asset/asset-fixture.js'
import { FAILS, LEAVES, SPINS, SQUARES } from './threads-fixture.js'

const threads = openThreads(2)
const PHOTO = fileURLToPath(new URL('../../../node_modules/@vladmandic/face-api/demo/sample3.jpg', import.meta.url))

describe('threads', () => {
  test('answer in a thread of their own; as many at once as were asked for, the others wait', async () => {
    expect(threads.count).toBe(2)
    const values = Float32Array.of(1, 2, 3)
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => threads.run(SQUARES, values)))
    for (const answer of answers) expect([...answer.values]).toEqual([1, 4, 9])
    const ids = new Set(answers.map(({ thread }) => thread))
    expect(ids.has(0)).toBe(false)
    expect(ids.size).toBeLessThanOrEqual(2)
    expect([...values]).toEqual([1, 2, 3])
  })

  test('one thread is the own one, and so are all where address space is limited', async () => {
    expect(openThreads(1)).toBe(NO_THREADS)
    expect(openThreads(2, 16)).toBe(NO_THREADS)
    expect((await NO_THREADS.run(SQUARES, Float32Array.of(2))).thread).toBe(0)
  })

  test('what a task throws is thrown, SiderErrors as such, and the thread goes on', async () => {
    await expect(threads.run(FAILS, 'sider')).rejects.toMatchObject({
      name: 'SiderError',
      code: 'SURFACE_EMPTY',
      message: 'nothing there',
      stage: 'surface',
      hint: 'Look elsewhere.',
      data: { n: 3 },
    })
    await expect(threads.run(FAILS, 'plain')).rejects.toThrow(RangeError)
    expect([...(await threads.run(SQUARES, Float32Array.of(3))).values]).toEqual([9])
  })

  test('an aborted task ends at once, in the midst of its loop or before it begins', async () => {
    const stop = new AbortController()
    const tasks = [1, 2, 3].map(() => threads.run(SPINS, 60_000, stop.signal))
    const start = performance.now()
    setTimeout(() => stop.abort(new Error('enough')), 200)
    for (const one of await Promise.allSettled(tasks))
      expect(one).toMatchObject({ status: 'rejected', reason: { message: 'enough' } })
    expect(performance.now() - start).toBeLessThan(1200)
    await expect(threads.run(SPINS, 1, stop.signal)).rejects.toThrow('enough')
    expect(await Promise.all([1, 2, 3].map((ms) => threads.run(SPINS, ms)))).toEqual([1, 2, 3])
  })

  test('a thread that ends by itself is COMPUTE_FAILED, and the next task has a new one', async () => {
    await expect(threads.run(LEAVES, 7)).rejects.toMatchObject({ code: 'COMPUTE_FAILED' })
    expect([...(await threads.run(SQUARES, Float32Array.of(3))).values]).toEqual([9])
  })

  test('a process waits for answers, and for nothing else', () => {
    const module = JSON.stringify(new URL('./threads-fixture.ts', import.meta.url))
    const pool = JSON.stringify(new URL('../../../src/engine/threads/index.ts', import.meta.url))
    const script = `
      const { openThreads } = await import(${pool})
      const { SQUARES } = await import(${module})
      openThreads(2).run(SQUARES, Float32Array.of(3)).then(({ values }) => console.log('answer', values[0]))`
    const start = performance.now()
    const tsx = createRequire(import.meta.url).resolve('tsx')
    const run = spawnSync(process.execPath, ['--import', tsx, '--input-type=module', '-e', script], {
      encoding: 'utf8',
    })
    expect(run.stdout, run.stderr).toBe('answer 9\n')
    expect(run.status).toBe(0)
    expect(performance.now() - start).toBeLessThan(15_000)
  })
})

describe('answers with threads are those without', () => {
  test('distances, split in blocks', async () => {
    const { fit } = await assetScene()
    const points = Float32Array.from({ length: 3 * 20_001 }, (_, i) => Math.sin(12.9898 * i) * 0.9)
    const [alone, shared] = [undefined, threads].map((by) => new CoarseTarget(fit, 0.01, by).measure(points))
    expect(await shared).toEqual(await alone)
  })

  test('light rays', async () => {
    const { fit } = await assetScene()
    const alone = await occlusion(fit)
    expect(alone.some((value) => value < -0.1)).toBe(true)
    expect(await occlusion(fit, threads)).toEqual(alone)
  })

  test('every file of a run', { timeout: 300_000 }, async () => {
    const run = async (count: number) => {
      const settings = resolveSettings({
        preset: 'preview',
        overrides: { threads: count, relief: { steps: 3 }, 'evidence.rounds': 0, 'photo.cropSize': 128 },
      })
      return outputFiles(await reconstruct({ photo: readFileSync(PHOTO), settings }))
    }
    const [alone, shared] = [await run(1), await run(3)]
    expect(Object.keys(shared).sort()).toEqual(Object.keys(alone).sort())
    const differ = Object.keys(alone).filter((name) => !Buffer.from(alone[name]).equals(Buffer.from(shared[name])))
    // times, memory and the number of threads are told in these
    expect(differ.sort()).toEqual(['report.json', 'sdf.safetensors'])
  })
})
