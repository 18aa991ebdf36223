/**
 * Servers and workers killed at random moments, with bytes damaged in between: every job that was accepted is there at the end,
 * with the result that it should have, or with the reason why it cannot have one.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Rng } from '../../src/engine/geometry/rng.js'
import { listQuarantine } from '../../src/jobs/quarantine.js'
import { isEnd } from '../../src/jobs/states.js'
import { digest, type ScriptedReport } from '../../test/jobs/scripted-result.js'
import { allJobs, freshFolder, launch, Peer, until } from './peer.js'
import { none, type Row, row } from './table.js'

const RECORDS = ['job.json', 'job.copy.json']

export async function kills({ rounds = 30, seed = Date.now() % 1e6 } = {}): Promise<Row[]> {
  const dataFolder = freshFolder()
  const rng = new Rng(seed)
  const steps = new Map<string, number>()
  const damaged: Damage[] = []
  const foreign: string[] = []
  let killedWorkers = 0
  for (let round = 0; round < rounds; round++) {
    const server = await launch(dataFolder)
    const peer = await Peer.open(server)
    const dies = sleep(50 + (rng.integer(1000) / 1000) * 700)
    const creating = (async () => {
      for (let i = 0; i < 2; i++) {
        const script = { steps: 5 + rng.integer(25), stepMs: 8, resultBytes: 100_000 }
        const { job } = await peer.create(script)
        if (job) steps.set(job, script.steps)
      }
    })()
    await dies
    if (round % 2 === 1) killedWorkers += killWorkers(server.workers)
    if (round % 4 === 1) await sleep(100) // the server sees to the loss of its worker
    await server.kill()
    await creating
    peer.close()
    const harm = damage(dataFolder, rng)
    if (harm) damaged.push(harm)
    if (round % 5 === 0) foreign.push(layForeign(dataFolder, round))
  }

  const server = await launch(dataFolder)
  const peer = await Peer.open(server)
  await until(async () => {
    const jobs = [...(await allJobs(peer)).values()]
    return jobs.every(({ state }) => isEnd(state))
  }, 180_000)
  const jobs = await allJobs(peer)
  const quarantine = await listQuarantine(dataFolder)
  const harmed = (job: string, ...files: string[]) => damaged.some((one) => one.job === job && files.includes(one.file))
  const lost: string[] = []
  const wrong: string[] = []
  for (const [job, count] of steps) {
    const found = jobs.get(job)
    const aside = quarantine.some(({ from, path }) => from === join('jobs', job) && existsSync(join(path, 'photo')))
    if (!found) {
      if (!(aside && RECORDS.every((file) => harmed(job, file)))) lost.push(job)
    } else if (found.state === 'completed') {
      if (!harmed(job, 'report.json') && !(await isRight(peer, job, count))) wrong.push(job)
    } else if (!harmed(job, 'photo')) wrong.push(`${job} ${found.state} ${found.error?.name}`)
  }
  const notAside = foreign.filter((name) => !quarantine.some(({ from }) => from === join('jobs', name)))
  const gone = quarantine.filter(({ path }) => !existsSync(path))
  const faults = server.log.filter(({ event }) => event === 'fault')
  peer.close()
  await server.kill('SIGTERM')
  return [
    row(`servers killed (seed ${seed})`, String(rounds), `${rounds}`, true),
    row('jobs accepted', String(steps.size), 'some', steps.size > rounds / 2),
    row('workers killed', String(killedWorkers), 'some', killedWorkers > 0 || rounds < 10),
    row('files damaged', String(damaged.length), 'some', damaged.length > rounds / 2),
    none('accepted jobs lost', lost),
    none('jobs with another end than theirs', wrong),
    none('foreign folders touched', [...notAside, ...gone.map(({ path }) => path)]),
    none(
      'faults',
      faults.map(({ error }) => String(error).slice(0, 200)),
    ),
  ]
}

function killWorkers(pids: number[]): number {
  let count = 0
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
      count++
    } catch {
      // it has ended
    }
  }
  return count
}

interface Damage {
  job: string
  file: string
}

/** One byte changed, or the file cut short, or gone, of one job. */
function damage(dataFolder: string, rng: Rng): Damage | undefined {
  const jobs = readdirSync(join(dataFolder, 'jobs')).filter((name) => !name.startsWith('foreign'))
  if (jobs.length === 0) return undefined
  const job = jobs[rng.integer(jobs.length)]
  const folder = join(dataFolder, 'jobs', job)
  const files = readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => statSync(join(folder, name)).isFile() && statSync(join(folder, name)).size > 0)
  if (files.length === 0) return undefined
  // The record is what all else hangs on: half of all damage is to it.
  const records = files.filter((name) => name === 'job.json')
  const name = records.length > 0 && rng.integer(2) === 0 ? records[0] : files[rng.integer(files.length)]
  const path = join(folder, name)
  const bytes = readFileSync(path)
  if (rng.integer(3) === 0) truncateSync(path, rng.integer(bytes.length))
  else {
    const at = rng.integer(bytes.length)
    bytes[at] ^= 1 << rng.integer(8)
    writeFileSync(path, bytes)
  }
  return { job, file: name.split('/').at(-1)! }
}

/** A folder of somebody else's among the jobs. */
function layForeign(dataFolder: string, round: number): string {
  const name = round % 10 === 0 ? `foreign-${round}` : `Foreign folder ${round}`
  mkdirSync(join(dataFolder, 'jobs', name))
  writeFileSync(join(dataFolder, 'jobs', name, 'thesis.txt'), 'years of work')
  return name
}

/** Whether a job's result is that of so many steps of the scripted worker, with every step done once. */
async function isRight(peer: Peer, job: string, steps: number): Promise<boolean> {
  const { result } = await peer.call('artifact/get', { job, artifact: 'final/report.json', delivery: 'base64' })
  if (!result) return false
  const report = JSON.parse(Buffer.from(result.base64, 'base64').toString()) as ScriptedReport
  return report.step === steps && report.digest === digest(steps)
}
