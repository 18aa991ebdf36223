/** One thread as the others see it: asked one question at a time. */
import { Worker } from 'node:worker_threads'
import { SiderError } from '../errors.js'
import { asMemoryError } from '../system/memory.js'

/** What a thread is asked to call. */
export interface Question {
  module: string
  name: string
  input: unknown
}

export type Answer =
  /** The thread's program has been loaded. */
  | { started: true }
  | { output: unknown }
  | { error: unknown }
  /** A SiderError: the class does not survive the way. */
  | { failure: SiderError }

const PROGRAM = new URL(import.meta.url.endsWith('.ts') ? './sources.mjs' : './program.js', import.meta.url)
/** A thread that has nothing to do ends after this time and gives its memory back. */
const IDLE_MS = 20_000

export class Thread {
  /** 'never started' is one whose program could not be loaded. */
  state: 'starting' | 'never started' | 'running' | 'ended' = 'starting'
  private readonly worker = new Worker(PROGRAM)
  private timer: NodeJS.Timeout | undefined
  private answer: ((answer: Answer) => void) | undefined

  constructor() {
    this.worker.unref()
    this.worker.on('message', (answer: Answer) => {
      if ('started' in answer) this.state = 'running'
      else this.answer?.(answer)
    })
    this.worker.on('error', (error) => this.over(asMemoryError(error)))
    this.worker.on('exit', (code) => this.over(new SiderError('COMPUTE_FAILED', `a thread ended with status ${code}`)))
  }

  /** @throws what the task throws, or what ended the thread */
  async ask(question: Question): Promise<unknown> {
    clearTimeout(this.timer)
    this.worker.ref() // who waits for an answer must not be ended before it comes
    const answer = await new Promise<Answer>((resolve) => {
      this.answer = resolve
      this.worker.postMessage(question)
    })
    this.answer = undefined
    this.worker.unref()
    if ('output' in answer) return answer.output
    if ('failure' in answer) {
      const { code, message, ...rest } = answer.failure
      throw new SiderError(code, message, rest)
    }
    throw (answer as { error: unknown }).error
  }

  /** Nothing is asked for now. */
  rest(): void {
    this.timer = setTimeout(() => this.end(), IDLE_MS).unref()
  }

  /** Ends the thread in the midst of what it does. */
  end(): void {
    this.state = 'ended'
    void this.worker.terminate()
  }

  private over(error: unknown): void {
    if (this.state === 'starting') this.state = 'never started'
    if (this.state === 'running') this.state = 'ended'
    this.answer?.({ error })
  }
}
