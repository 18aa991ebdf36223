/** What nobody caught, in the server and in a worker: it is written down in one place, and costs no more than it must. */
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Log } from '../../src/jobs/log.js'
import { Metrics } from '../../src/jobs/metrics.js'
import { Faults } from '../../src/rpc/faults.js'

const dist = (file: string): string => join(import.meta.dirname, '../../dist', file)

describe('the server', () => {
  test('goes on after an unhandled rejection, an uncaught exception and a log that cannot be written', async () => {
    const program = `
      import { startServer } from ${JSON.stringify(pathToFileURL(dist('rpc/server.js')).href)}
      const dataFolder = ${JSON.stringify(mkdtempSync(join(tmpdir(), 'sider-serve-')))}
      const server = await startServer({ dataFolder, tokenFile: dataFolder + '/token', port: 0 })
      void Promise.reject(new Error('first fault'))
      setTimeout(() => { throw new Error('second fault') }, 10)
      setTimeout(async () => {
        const address = server.url.replace('ws:', 'http:')
        const { status } = await (await fetch(address + 'healthz')).json()
        const metrics = await (await fetch(address + 'metrics')).text()
        console.log(JSON.stringify({ status, faults: /^sider_faults_total (\\d+)/m.exec(metrics)[1] }))
        await server.close()
        process.exit(0)
      }, 100)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
    let [out, log] = ['', '']
    child.stdout.on('data', (text) => {
      out += text
    })
    child.stderr.on('data', (text) => {
      log += text
    })
    const [code] = await once(child, 'close')
    expect(JSON.parse(out)).toEqual({ status: 'ok', faults: '2' })
    expect(code).toBe(0)
    const faults = log.split('\n').filter((line) => line.includes('"event":"fault"'))
    expect(faults.map((line) => JSON.parse(line).error)).toEqual([
      expect.stringMatching(/first fault\n\s+at /),
      expect.stringMatching(/second fault\n\s+at /),
    ])
  })

  test('gives up when there is nothing but faults', () => {
    let given = 0
    const metrics = new Metrics()
    const faults = new Faults(new Log(() => {}), metrics, () => given++)
    for (let i = 0; i < 19; i++) faults.report(new Error('again'))
    expect(given).toBe(0)
    for (let i = 0; i < 19; i++) faults.report('a reason that is no error')
    expect(given).toBe(1)
    metrics.close()
  })

  test('a log on a full disk throws nothing', () => {
    const log = new Log(() => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' })
    })
    expect(() => log.info('something')).not.toThrow()
  })
})

test('a worker with a fault says so as its last word, and the stack is in the server’s log', async () => {
  const worker = fork(dist('jobs/worker.js'), { serialization: 'advanced', stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  let stderr = ''
  worker.stderr!.on('data', (text) => {
    stderr += text
  })
  worker.send(null as unknown as object) // no message: its handler throws
  const [last] = await once(worker, 'message')
  expect(last).toMatchObject({ type: 'failed', error: { name: 'INTERNAL' } })
  await once(worker, 'close')
  expect(stderr).toMatch(/TypeError/)
})
