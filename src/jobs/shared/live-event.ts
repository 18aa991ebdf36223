/** Events as they are in Redis: `<seq> <JSON>`, without the job, which the place says, and without payloads, which storage has. */
import type { JobEvent } from '../events.js'
import type { News } from '../plans.js'

export interface LiveEvent extends News {
  seq: number
  time: number
}

export function readLive(text: string): LiveEvent {
  const space = text.indexOf(' ')
  return { seq: Number(text.slice(0, space)), ...(JSON.parse(text.slice(space + 1)) as News & { time: number }) }
}

/** As subscribers get it; the id of a preview is its number. */
export function toEvent(job: string, { method, kind, seq, time, body }: LiveEvent): JobEvent {
  const params = { job, seq, time, ...body }
  if (isPreview({ method, body })) params.artifact = { id: previewId(seq), ...body.artifact }
  return { method, kind, params } as JobEvent
}

export const isPreview = ({ method, body }: Pick<News, 'method' | 'body'>): boolean =>
  method === 'job/artifact' && body.artifact.role === 'preview'

export const previewId = (seq: number): string => `preview/${seq}`
