/** What a thread runs: it calls the tasks that it is asked for. */
import { parentPort } from 'node:worker_threads'
import { SiderError } from '../errors.js'
import type { Answer, Question } from './thread.js'

const port = parentPort!
const tell = (answer: Answer, handOver: ArrayBuffer[] = []): void => port.postMessage(answer, handOver)

port.on('message', async ({ module, name, input }: Question) => {
  try {
    const exported = (await import(module)) as Record<string, (input: unknown) => unknown>
    const output = await exported[name](input)
    tell({ output }, [...buffersOf(output)])
  } catch (error) {
    if (error instanceof SiderError) tell({ failure: error.toJSON() as unknown as SiderError })
    else tell({ error })
  }
})
tell({ started: true })

/** The memory of all arrays in a value. */
function buffersOf(value: unknown, found = new Set<ArrayBuffer>()): Set<ArrayBuffer> {
  if (ArrayBuffer.isView(value)) {
    if (value.buffer instanceof ArrayBuffer) found.add(value.buffer)
  } else if (typeof value === 'object' && value !== null)
    for (const part of Object.values(value)) buffersOf(part, found)
  return found
}
