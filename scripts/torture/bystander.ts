/** Somebody who only pings, in a process of their own: how long answers take while others do what they do. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Peer } from './peer.js'

/** Milliseconds between pings. */
const INTERVAL = 5

export interface Bystander {
  /** @returns milliseconds of every ping so far; it then goes away */
  end(): Promise<number[]>
}

export async function bystander(server: { url: string; token: string }): Promise<Bystander> {
  const root = fileURLToPath(new URL('../..', import.meta.url)) // where tsx is found
  const child = fork(fileURLToPath(import.meta.url), [server.url, server.token], {
    cwd: root,
    execArgv: ['--import', 'tsx'],
  })
  await once(child, 'message')
  return {
    async end() {
      child.send('end')
      const [times] = (await once(child, 'message')) as [number[]]
      await once(child, 'exit')
      return times
    },
  }
}

async function watch(url: string, token: string): Promise<void> {
  const peer = await Peer.open({ url, token })
  process.send!('ready')
  let over = false
  process.on('message', () => {
    over = true
  })
  const times: number[] = []
  while (!over) {
    const asked = performance.now()
    await peer.ok('ping')
    times.push(performance.now() - asked)
    await sleep(INTERVAL)
  }
  process.send!(times, () => process.exit(0))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await watch(process.argv[2], process.argv[3])
