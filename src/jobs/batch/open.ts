/** The job engine of a batch: of this machine, with its jobs beside the results, or of a queue that several machines share. */
import { dirname, join } from 'node:path'
import { makeFolder, outputError } from '../../engine/index.js'
import { EmbeddedEngine } from '../embedded.js'
import type { JobEngine } from '../engine.js'
import { FolderLock } from '../lock.js'
import { Log } from '../log.js'
import { Metrics } from '../metrics.js'
import { Journal } from './journal.js'

/** Of each job; nobody comes late. */
const EVENTS_KEPT = 500
/** Time for checkpoints when it is stopped, milliseconds. */
const GRACE_MS = 900
/** How often jobs are looked at, here and over a queue, milliseconds. */
const [LOOK_MS, LOOK_FAR_MS] = [100, 1000]
/** Photos and results on their way at a time, here (in memory they are large) and over a queue. */
const [MOVING, MOVING_FAR] = [1, 8]
/** Jobs over a queue at a time, and those that wait here behind the ones at work. */
const [IN_FLIGHT, BEHIND] = [64, 2]
/** What ended jobs may take, and how long, is for servers to say. */
const KEEP = { keepDays: 36_500, keepBytes: Number.POSITIVE_INFINITY }

export interface BatchPlace {
  /** Of the journal, and without a queue of the jobs. */
  dataFolder: string
  /** Jobs at once without a queue. */
  maxRunning?: number
  /** Over a queue: as many jobs as it is to have at a time. */
  inFlight?: number | undefined
  shared?: { queue: string; storage: string; withoutAof?: boolean } | undefined
  /** Program of the processes; tests put another in its place. */
  workerProgram?: string
}

export interface OpenBatch {
  engine: JobEngine
  journal: Journal
  inFlight: number
  moving: number
  lookMs: number
  /** Rejects when the disk of the jobs cannot be written: a server waits for room, a command says what is the matter. */
  broken: Promise<never>
  close(): Promise<void>
}

/** @throws SiderError OUTPUT_UNWRITABLE if another batch is at work there; DISK_FULL, USAGE, QUEUE_UNAVAILABLE, STORAGE_UNAVAILABLE */
export async function openBatch(place: BatchPlace): Promise<OpenBatch> {
  const { dataFolder, maxRunning = 1, shared } = place
  // the folder of the results has the rights that others have; what is below the data folder is private
  await makeFolder(dirname(dataFolder)).catch((error) => {
    throw outputError(error, dirname(dataFolder))
  })
  const opened = await (shared ? openShared(place, shared) : openHere(place, maxRunning))
  try {
    const journal = await Journal.open(join(dataFolder, 'journal.jsonl'))
    opened.engine.start()
    return {
      ...opened,
      journal,
      async close() {
        await opened.close()
        await journal.close()
      },
    }
  } catch (error) {
    await opened.close()
    throw error
  }
}

type Opened = Omit<OpenBatch, 'journal'>

async function openHere({ dataFolder, workerProgram }: BatchPlace, maxRunning: number): Promise<Opened> {
  const metrics = new Metrics()
  const limits = { maxRunning, maxQueued: Number.POSITIVE_INFINITY, eventsKept: EVENTS_KEPT, ...KEEP }
  const options = { dataFolder, ...limits, ...(workerProgram !== undefined && { workerProgram }) }
  const engine = await EmbeddedEngine.open(options, new Log(() => {}), metrics).catch((error) => {
    metrics.close()
    throw error
  })
  const broken = new Promise<never>((_, reject) => engine.onTrouble(reject))
  broken.catch(() => {})
  return {
    engine,
    broken,
    inFlight: maxRunning + BEHIND,
    moving: MOVING,
    lookMs: LOOK_MS,
    async close() {
      await engine.stop(GRACE_MS)
      metrics.close()
    },
  }
}

async function openShared(
  { dataFolder, inFlight = IN_FLIGHT }: BatchPlace,
  shared: NonNullable<BatchPlace['shared']>,
): Promise<Opened> {
  await makeFolder(dataFolder, 0o700).catch((error) => {
    throw outputError(error, dataFolder)
  })
  const lock = await FolderLock.take(join(dataFolder, 'lock'))
  try {
    const { SharedEngine } = await import('../shared/engine.js')
    const limits = { maxQueued: Number.POSITIVE_INFINITY, eventsKept: EVENTS_KEPT, ...KEEP }
    const metrics = new Metrics()
    const engine = await SharedEngine.open({ ...shared, dataFolder, ...limits }, new Log(() => {}), metrics).catch(
      (error) => {
        metrics.close()
        throw error
      },
    )
    return {
      engine,
      broken: new Promise<never>(() => {}),
      inFlight,
      moving: MOVING_FAR,
      lookMs: LOOK_FAR_MS,
      async close() {
        await engine.stop()
        metrics.close()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}
