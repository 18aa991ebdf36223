/** The process of the job to come. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isAlive } from '../src/engine/files.js'
import { SpareWorker } from '../src/rpc/jobs/spare-worker.js'

const SCRIPTED = join(import.meta.dirname, 'scripted-worker.mjs')

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(20)
}

test('a prepared process is the one that is taken, once; one that has died is not', async () => {
  const spare = new SpareWorker(SCRIPTED)
  spare.prepare()
  const { pid } = spare
  spare.prepare() // one is enough
  expect(spare.pid).toBe(pid)
  const [prepared, other] = [spare.take(), spare.take()]
  expect(prepared.pid).toBe(pid)
  expect(other.pid).not.toBe(pid)
  spare.prepare()
  const unused = spare.pid!
  spare.end()
  for (const worker of [prepared, other]) worker.kill()
  await Promise.all([prepared.pid!, other.pid!, unused].map(gone))

  const dead = new SpareWorker(join(import.meta.dirname, 'no-such-program.mjs'))
  dead.prepare()
  await sleep(1000)
  const fresh = dead.take()
  expect(fresh.alive).toBe(true) // a new one, which will say by itself that it cannot start
  await new Promise<void>((resolve) => fresh.start({} as never, { message() {}, exit: () => resolve() }))
})
