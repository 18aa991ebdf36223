/** The file of a job's events: one JSON object a line, appended. A line that is damaged is left out. */
import { appendFile, readFile } from 'node:fs/promises'
import { isEvent } from './document.js'
import type { JobEvent } from './events.js'

export const eventLine = (event: JobEvent): string => `${JSON.stringify(event)}\n`

/** Appends, after a line that was cut short by a kill or a full disk on a line of its own. */
export async function appendEvent(file: string, event: JobEvent, cutShort: boolean): Promise<void> {
  await appendFile(file, `${cutShort ? '\n' : ''}${eventLine(event)}`)
}

/** The events whose lines are whole, in the order of their numbers, and whether the last line was cut short. */
export async function readEvents(file: string): Promise<{ events: JobEvent[]; cutShort: boolean }> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const events: JobEvent[] = []
  for (const line of text.split('\n')) {
    const event = parse(line)
    if (event && event.params.seq > (events.at(-1)?.params.seq ?? 0)) events.push(event)
  }
  return { events, cutShort: text !== '' && !text.endsWith('\n') }
}

function parse(line: string): JobEvent | undefined {
  try {
    const event: unknown = JSON.parse(line)
    return isEvent(event) ? event : undefined
  } catch {
    return undefined
  }
}
