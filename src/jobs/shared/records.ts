/**
 * Jobs in Redis: records that change in one step by the table of states, and events. Whoever changes a record has read it; if
 * another was quicker he reads it again, so that any server and worker may change any job at any time.
 */
import { randomUUID } from 'node:crypto'
import { SiderError } from '../../engine/index.js'
import type { Job } from '../../generated/protocol.js'
import type { JobEvent } from '../events.js'
import { type Change, changed, type News, stateNews } from '../plans.js'
import { bytesOf, type JobRecord, PRIORITIES, type Priority, toJob } from '../record.js'
import { isEnd, type JobAction, type JobState, waitsForWorker } from '../states.js'
import { ask, PREFIX, type QueueConnection } from './connection.js'
import { type LiveEvent, readLive, toEvent } from './live-event.js'
import { SCRIPTS } from './scripts.js'

export interface SharedRecord extends JobRecord {
  /** Rises whenever the job joins the queue: BullMQ's job of an earlier turn counts for nothing. */
  turn: number
  /** The attempt that is at work; what others say of the job counts for nothing. */
  attempt?: string
  /** How far it was when a worker was last lost. */
  lostAt?: number
}

/** A record that was read. */
export interface Known {
  record: SharedRecord
  version: string
  seq: number
  /** Its place in the queue, as BullMQ knows it. */
  place: number
}

export interface Queued {
  id: string
  turn: number
  place: number
}

/** What is to be done with a job, as the record stands; throw to refuse. */
export type SharedPlan = (record: SharedRecord) => Change & { action: JobAction; fields?: Partial<SharedRecord> }
/** The same, but it may leave the job as it is. */
type MayPlan = (record: SharedRecord) => ReturnType<SharedPlan> | undefined

const jobKey = (id: string): string => `${PREFIX}:job:${id}`
const eventsKey = (id: string): string => `${PREFIX}:events:${id}`
export const liveChannel = (id: string): string => `${PREFIX}:live:${id}`
const [WAITING, UNSENT, ENDED, RUBBISH] = ['waiting', 'unsent', 'ended', 'rubbish'].map((name) => `${PREFIX}:${name}`)
/** One after the other; beyond that something is wrong. */
const MOST_TRIES = 50

type Script = (...args: (string | number)[]) => Promise<never>

export class JobRecords {
  private readonly scripts: Record<keyof typeof SCRIPTS, Script>

  /** @param eventsKept of a job, for late subscribers */
  constructor(
    private readonly queue: Pick<QueueConnection, 'redis' | 'now'>,
    private readonly eventsKept: number,
  ) {
    const { redis } = queue
    for (const [name, lua] of Object.entries(SCRIPTS)) redis.defineCommand(`sider-${name}`, { numberOfKeys: 1, lua })
    const defined = redis as unknown as Record<string, Script>
    const script =
      (name: string): Script =>
      (id, ...args) =>
        defined[`sider-${name}`](jobKey(String(id)), id, ...args)
    this.scripts = {
      create: script('create'),
      change: script('change'),
      tell: script('tell'),
      remove: script('remove'),
    }
  }

  /**
   * Takes a new job up, unless the same key has one.
   * @returns where it is in the queue; of an earlier job its id alone
   * @throws SiderError QUEUE_FULL, QUEUE_UNAVAILABLE
   */
  async create(record: SharedRecord, maxQueued: number): Promise<Queued | string> {
    const { id, owner, idempotencyKey: key, created, priority } = record
    const news = this.text(stateNews(record))
    const args = [randomUUID(), JSON.stringify(record), owner, key === undefined ? '' : keyField(owner, key)]
    const most = Math.min(maxQueued, Number.MAX_SAFE_INTEGER)
    const answer = ask(this.scripts.create(id, ...args, most, created, classOf(priority), news, this.eventsKept))
    const [made, place] = (await answer) as unknown as [string, number]
    if (made === 'full') throw new SiderError('QUEUE_FULL')
    return made === id ? { id, turn: record.turn, place } : made
  }

  /** Id of the job that a key has made. */
  async byKey(owner: string, key: string): Promise<string | undefined> {
    return (await ask(this.queue.redis.hget(`${PREFIX}:keys`, keyField(owner, key)))) ?? undefined
  }

  /** @throws SiderError NO_SUCH_JOB, also for other owners' jobs if one is given */
  async read(id: string, owner?: string): Promise<Known> {
    const fields = ['record', 'version', 'seq', 'place', 'progress']
    const [text, version, seq, place, progress] = await ask(this.queue.redis.hmget(jobKey(id), ...fields))
    if (text == null) throw new SiderError('NO_SUCH_JOB')
    const record = JSON.parse(text) as SharedRecord
    if (owner !== undefined && record.owner !== owner) throw new SiderError('NO_SUCH_JOB')
    const live = progress ? (readLive(progress).body as { fraction: number }).fraction : 0
    record.progress = Math.max(record.progress, live)
    return { record, version: version ?? '', seq: Number(seq), place: Number(place) }
  }

  /** Jobs that wait for a worker. */
  async waiting(): Promise<number> {
    return ask(this.queue.redis.zcard(WAITING))
  }

  /** As clients see it. */
  async view({ record, seq }: Pick<Known, 'record' | 'seq'>): Promise<Job> {
    const waits = waitsForWorker(record.state) && record.attempt === undefined
    const position = waits ? await ask(this.queue.redis.zrank(WAITING, record.id)) : null
    return toJob(record, seq, position ?? undefined)
  }

  /** Ids of an owner's jobs, of some states perhaps, from the newest on, or from the one made before `before`. */
  async *newestFirst(owner: string, before?: string, states?: JobState[]): AsyncGenerator<string> {
    const key = `${PREFIX}:owner:${owner}`
    const { redis } = this.queue
    let start = 0
    if (before !== undefined) {
      const rank = await ask(redis.zrevrank(key, before))
      if (rank === null) throw new SiderError('NO_SUCH_JOB')
      start = rank + 1
    }
    for (const step = 100; ; start += step) {
      const ids = await ask(redis.zrevrange(key, start, start + step - 1))
      if (states) {
        const pipeline = redis.pipeline()
        for (const id of ids) pipeline.hget(jobKey(id), 'state')
        const answers = (await ask(pipeline.exec()))!
        yield* ids.filter((_, i) => states.includes(answers[i][1] as JobState))
      } else yield* ids
      if (ids.length < step) return
    }
  }

  /**
   * Changes a job by an action of the table.
   * @returns the record as it is now; `queued` if it has joined the queue and BullMQ is to be told. undefined if the plan left it.
   * @throws SiderError NO_SUCH_JOB, QUEUE_UNAVAILABLE; what `refuse` makes of a state that does not allow it; what the plan throws
   */
  async change(
    id: string,
    plan: MayPlan,
    refuse?: (record: SharedRecord, action: JobAction) => Error,
  ): Promise<{ record: SharedRecord; queued?: Queued } | undefined> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const { record, version } = await this.read(id)
      const what = plan(record)
      if (!what) return undefined
      const made = changed(record, what, this.queue.now()) as SharedRecord | undefined
      if (!made) {
        if (refuse) throw refuse(record, what.action)
        return undefined
      }
      if (made === record) return { record }
      const joins = made.state === 'queued' && what.action !== 'again'
      if (joins) made.turn++
      if (isEnd(made.state)) delete made.attempt
      const place = await this.put(made, version, modeOf(record, made, joins), what.tell ?? [])
      if (place === -1) throw new SiderError('NO_SUCH_JOB')
      if (place >= 0) return { record: made, ...(joins && { queued: { id, turn: made.turn, place } }) }
    }
    throw new SiderError('QUEUE_UNAVAILABLE', 'the job is being changed by too many at once')
  }

  private async put(made: SharedRecord, version: string, mode: string, tell: News[]): Promise<number> {
    const { id, state, attempt = '', updated, priority } = made
    const news = [...tell, stateNews(made)].map((one) => this.text(one))
    const args = [version, randomUUID(), JSON.stringify(made), state, attempt, mode, updated]
    const more = [mode === 'end' ? bytesOf(made) : 0, classOf(priority), this.eventsKept, ...news]
    return (await ask(this.scripts.change(id, ...args, ...more))) as unknown as number
  }

  /**
   * Tells of work that goes on. @param field where the newest of its kind is kept; '' for what is told to late subscribers too
   * @returns the job's state; undefined if the attempt no longer counts
   */
  async tell(id: string, attempt: string, field: string, news: News): Promise<string | undefined> {
    const answer = await ask(this.scripts.tell(id, attempt, field, this.text(news), this.eventsKept))
    return (answer as unknown as string | null) ?? undefined
  }

  /** A job's state and attempt. */
  async look(id: string): Promise<{ state?: string; attempt?: string }> {
    const [state, attempt] = await ask(this.queue.redis.hmget(jobKey(id), 'state', 'attempt'))
    return { ...(state && { state }), ...(attempt && { attempt }) }
  }

  /** Events that are kept: those after a number with the span that is not, or without one the present. */
  async events(id: string, after?: number): Promise<{ gap?: { from: number; to: number }; events: JobEvent[] }> {
    const pipeline = this.queue.redis.pipeline().hgetall(jobKey(id)).lrange(eventsKey(id), 0, -1)
    const [[, hash], [, list]] = (await ask(pipeline.exec()))! as [
      [unknown, Record<string, string>],
      [unknown, string[]],
    ]
    const kept = list.map(readLive)
    const latest = Object.entries(hash)
      .filter(([name]) => name === 'progress' || name.startsWith('preview '))
      .map(([, text]) => readLive(text))
    const inOrder = (events: LiveEvent[]): JobEvent[] =>
      events.sort((a, b) => a.seq - b.seq).map((event) => toEvent(id, event))
    const present = (): JobEvent[] => {
      const state = kept.findLast(({ method }) => method === 'job/state')
      const files = kept.filter(({ method }) => method === 'job/artifact')
      return inOrder([...(state ? [state] : []), ...latest, ...files])
    }
    if (after === undefined) return { events: present() }
    const evicted = Number(hash['evicted'] ?? 0)
    if (after < evicted) return { gap: { from: after + 1, to: evicted }, events: present() }
    return { events: inOrder([...kept, ...latest].filter(({ seq }) => seq > after)) }
  }

  /** @returns whether it is gone: only jobs that have ended can be */
  async remove(id: string): Promise<boolean> {
    return ((await ask(this.scripts.remove(id, this.queue.now()))) as unknown as number) === 1
  }

  /** Bytes of ended jobs, together. */
  async endedBytes(): Promise<number> {
    return Number((await ask(this.queue.redis.get(`${PREFIX}:bytes`))) ?? 0)
  }

  /** The oldest ended jobs: those that ended before a moment, or simply the first. */
  oldestEnded(before: number, most: number): Promise<string[]> {
    return ask(this.queue.redis.zrangebyscore(ENDED, '-inf', before, 'LIMIT', 0, most))
  }

  /** BullMQ knows of the job's turn. */
  async sent({ id }: Queued): Promise<void> {
    await ask(this.queue.redis.zrem(UNSENT, id))
  }

  /** Jobs of whose turn BullMQ was to be told before a moment, and perhaps was not: their server ended in between. */
  unsent(before: number): Promise<string[]> {
    return ask(this.queue.redis.zrangebyscore(UNSENT, '-inf', before))
  }

  /** The bytes of a job are rubbish from a moment on, unless it is made. */
  async discardFrom(id: string, moment: number): Promise<void> {
    await ask(this.queue.redis.zadd(RUBBISH, moment, id))
  }

  /** Ids of jobs whose bytes are to go. */
  rubbish(before: number): Promise<string[]> {
    return ask(this.queue.redis.zrangebyscore(RUBBISH, '-inf', before))
  }

  async discarded(id: string): Promise<void> {
    await ask(this.queue.redis.zrem(RUBBISH, id))
  }

  private text({ method, kind, body }: News): string {
    return JSON.stringify({ method, kind, time: this.queue.now(), body })
  }
}

/** How a change touches the queue. */
function modeOf(before: SharedRecord, after: SharedRecord, joins: boolean): string {
  if (isEnd(after.state)) return 'end'
  if (joins) return 'wait'
  if (after.attempt !== undefined) return before.attempt === undefined ? 'start' : ''
  return waitsForWorker(after.state) ? 'back' : ''
}

const keyField = (owner: string, key: string): string => JSON.stringify([owner, key])

const classOf = (priority: Priority = 'normal'): number => PRIORITIES.indexOf(priority)

/** A job that is deleted meanwhile is nothing to speak of. */
export function gone(error: unknown): undefined {
  if (!(error instanceof SiderError) || error.code !== 'NO_SUCH_JOB') throw error
}
