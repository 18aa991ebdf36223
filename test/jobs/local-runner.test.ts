/** The process that is kept ready for the next job. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { resolveSettings } from '../../src/engine/config.js'
import { LocalRunner } from '../../src/jobs/local-runner.js'
import type { RunEvents, Work } from '../../src/jobs/runner.js'

const events: RunEvents = { progress() {}, preview() {}, log() {} }

function program(source: string): { file: string; work: Work } {
  const folder = mkdtempSync(join(tmpdir(), 'sider-runner-'))
  const file = join(folder, 'worker.mjs')
  writeFileSync(file, source)
  const work = { photo: 'none', settings: resolveSettings(), checkpoint: 'none', results: folder }
  return { file, work: { ...work, severalFaces: 'largest' } }
}

/** Says how long it had been there when its job came. */
const WAITS = `
  const born = Date.now()
  process.on('disconnect', () => process.exit(1))
  process.on('message', ({ type }) => {
    if (type !== 'start') return
    const failed = { type: 'failed', error: { code: 1, name: 'TEST', message: String(Date.now() - born) } }
    process.send(failed, () => process.exit(0))
  })`

test('the second job gets a process that was there while the first ran', async () => {
  const { file, work } = program(WAITS)
  const runner = new LocalRunner(file)
  const waited = async (): Promise<number> => {
    const outcome = await runner.start(work, events).ended
    return outcome.type === 'failed' ? Number(outcome.error.message) : Number.NaN
  }
  await waited()
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(await waited()).toBeGreaterThan(1000)
})

test('one that has died meanwhile is not taken', async () => {
  const { file, work } = program(`${WAITS}
    setTimeout(() => process.exit(3), 300)`)
  const runner = new LocalRunner(file)
  for (let job = 0; job < 2; job++) {
    expect((await runner.start(work, events).ended).type).toBe('failed')
    await new Promise((resolve) => setTimeout(resolve, 2000))
  }
})

test('it keeps no program alive', () => {
  const { file } = program(WAITS)
  const url = JSON.stringify(new URL('../../dist/jobs/local-runner.js', import.meta.url))
  const script = `
    const { LocalRunner } = await import(${url})
    const { type } = await new LocalRunner(${JSON.stringify(file)}).start({}, {}).ended
    console.log(type)`
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 30_000 })
  expect([run.status, run.stdout], run.stderr).toEqual([0, 'failed\n'])
})
