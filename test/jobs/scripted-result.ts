/** What the scripted worker (scripted-worker.mjs) makes, and how it is read. */
import { createHash } from 'node:crypto'
import type { Peer } from '../rpc/service-peer.js'

/** What a run of so many steps makes. */
export function digest(steps: number): string {
  let text = ''
  for (let step = 1; step <= steps; step++) text = createHash('sha256').update(`${text} ${step}`).digest('hex')
  return text
}

/** What the script's report says. */
export interface ScriptedReport {
  step: number
  digest: string
  face: number
  corrections?: unknown
}

/** The report of a job's result. */
export async function report(peer: Peer, job: string): Promise<ScriptedReport> {
  const { base64 } = await peer.ok('artifact/get', { job, artifact: 'final/report.json', delivery: 'base64' })
  return JSON.parse(Buffer.from(base64, 'base64').toString())
}
