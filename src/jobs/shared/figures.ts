/** How the queue is now, for metrics: read anew each time, from the records and from what BullMQ keeps beside them. */
import type { QueueFigures } from '../engine.js'
import { ask, PREFIX, QUEUE, type QueueConnection } from './connection.js'

/** BullMQ's own keys: the jobs that workers have, those that were set aside, and the lock that a worker renews. */
const BULL = `${PREFIX}:${QUEUE}`
const [ACTIVE, SET_ASIDE] = [`${BULL}:active`, `${BULL}:failed`]
const lockOf = (ticket: string): string => `${BULL}:${ticket}:lock`

/** @throws SiderError QUEUE_UNAVAILABLE */
export async function readFigures(queue: Pick<QueueConnection, 'redis' | 'now'>): Promise<QueueFigures> {
  const { redis } = queue
  const [counts, waiting, active, deadLetter, [, since]] = await ask(
    Promise.all([
      redis.hgetall(`${PREFIX}:counts`),
      redis.zcard(`${PREFIX}:waiting`),
      redis.lrange(ACTIVE, 0, -1),
      redis.zcard(SET_ASIDE),
      redis.zrange(`${PREFIX}:since`, 0, 0, 'WITHSCORES'),
    ]),
  )
  const locks = redis.pipeline()
  for (const ticket of active) locks.exists(lockOf(ticket))
  const held = active.length === 0 ? [] : ((await ask(locks.exec())) ?? [])
  return {
    jobs: Object.fromEntries(
      Object.entries(counts).flatMap(([state, n]) => (Number(n) > 0 ? [[state, Number(n)]] : [])),
    ),
    waiting,
    active: active.length,
    stalled: held.filter(([, exists]) => exists === 0).length,
    deadLetter,
    oldestSeconds: since === undefined ? 0 : Math.max(0, queue.now() - Number(since)) / 1000,
  }
}
